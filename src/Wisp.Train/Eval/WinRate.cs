using Wisp.Train.Align;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Labels;
using Wisp.Train.Align.Pairs;

namespace Wisp.Train.Eval;

/// <summary>How often a model's answers are preferred to another's; a draw counts half.</summary>
public static class WinRate
{
    private const int AnswerTokens = 160;

    /// <summary>Both models answer the same prompts, and a reward model says which answer is better.</summary>
    /// <param name="prompts">Each ends with a turn of the user.</param>
    public static TaskResult Judged(
        EvalModel model, EvalModel other, RewardModel judge, IReadOnlyList<Conversation> prompts, ulong seed,
        Action<string, long, long> progress, CancellationToken cancel = default)
    {
        var (ours, theirs) = (Answers(model, prompts, progress, cancel), Answers(other, prompts, progress, cancel));
        var (scores, margins, unfit) = (new List<double>(), new List<double>(), 0);
        for (var i = 0; i < prompts.Count; i++)
        {
            cancel.ThrowIfCancellationRequested();
            if (ours[i] is not { } mine || theirs[i] is not { } yours
                || Score(prompts[i], mine) is not { } a || Score(prompts[i], yours) is not { } b)
            {
                unfit++;
                continue;
            }

            // The same words are a draw by definition, whatever rounding says.
            scores.Add(mine == yours ? 0.5 : a > b ? 1 : a < b ? 0 : 0.5);
            margins.Add(a - b);
            progress("judging answers", i + 1, prompts.Count);
        }

        if (scores.Count == 0)
            throw new InvalidDataException(
                $"None of the {prompts.Count} prompts and its answers fits the contexts of {model.Name}, " +
                $"{other.Name} and the judge, so nothing was compared. Ask shorter ones.");
        return Of($"against {other.Name}", "reward model", scores, seed) with
        {
            Notes =
            [
                $"{scores.Count(score => score == 0.5)} draws; mean margin " +
                    $"{(margins.Count == 0 ? 0 : margins.Average()):0.000}",
                .. unfit > 0 ? [$"{unfit} prompts were left out: they do not fit a context"] : (string[])[],
            ],
        };

        double? Score(Conversation prompt, string answer)
        {
            try
            {
                return judge.Score(prompt with
                {
                    Turns = [.. prompt.Turns, new ConversationTurn(Role.Assistant, answer)],
                });
            }
            catch (ArgumentException)
            {
                return null; // longer than the judge can read
            }
        }
    }

    /// <summary>From what people said with `wisp label`: a model's answers against those of others.</summary>
    /// <exception cref="InvalidDataException">Nobody compared this model with another.</exception>
    public static TaskResult ByPeople(string path, string modelHash, ulong seed)
    {
        var scores = new List<double>();
        // What was judged again says how far a labeller can be trusted, and no verdict counts twice.
        foreach (var record in LabelReading.Of(path).Live)
            if (record is { Kind: LabelKind.Judgment, IsRepeat: false, Comparison.Candidates: var candidates })
                for (var i = 0; i < candidates.Count; i++)
                    for (var j = 0; j < candidates.Count; j++)
                        if (candidates[i].ModelHash == modelHash && candidates[j].ModelHash is { } other
                            && other != modelHash)
                            scores.Add((1 + record.Compare(i, j)) / 2.0);
        return scores.Count > 0 ? Of("against others", "people", scores, seed) : throw new InvalidDataException(
            $"{path}: nobody compared this model with another: none of its pairs has an answer of a model with the " +
            $"SHA-256 {modelHash} and one of another model.");
    }

    private static TaskResult Of(string name, string judge, IReadOnlyList<double> scores, ulong seed)
    {
        var isPlain = scores.All(score => score != 0.5);
        var metric = isPlain
            ? Metric.Of("win rate", new Proportion(scores.Count(score => score == 1), scores.Count))
            : Scoring.Bootstrap.Mean("win rate, draws as half", scores, seed);
        return new TaskResult(name, "win rate", judge, "", scores.Count)
        {
            Metrics = [metric], Chance = 0.5, PerItem = scores,
        };
    }

    // The words of each answer; null where the prompt does not fit.
    private static string?[] Answers(
        EvalModel model, IReadOnlyList<Conversation> prompts, Action<string, long, long> progress,
        CancellationToken cancel)
    {
        var chat = model.Chat ?? throw new InvalidDataException(
            $"{model.Path}: has no chat format, so it answers nothing that could be compared.");
        using var writer = new AnswerWriter(model);
        var answers = writer.Write([.. prompts.Select(chat.Prompt)], AnswerTokens, new HashSet<int> { chat.EndOfTurn },
            (done, all) => progress($"{model.Name} answers", done, all), cancel);
        return [.. answers.Select(answer =>
            answer is null ? null : model.Tokenizer.DecodeText(answer.Ids, withSpecial: false).Trim())];
    }
}
