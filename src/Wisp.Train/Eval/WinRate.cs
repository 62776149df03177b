using System.Text.Json;
using Wisp.Train.Align;
using Wisp.Train.Align.Conversations;
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

    /// <summary>
    /// From comparisons that people made: lines of JSON with the pair's <c>chosen_model</c> and <c>rejected_model</c>
    /// (SHA-256 of the files that answered), as `wisp label` writes them.
    /// </summary>
    /// <exception cref="InvalidDataException">No line compares this model with another.</exception>
    public static TaskResult ByPeople(string path, string modelHash, ulong seed)
    {
        var scores = new List<double>();
        foreach (var record in JsonRecord.Read(path))
        {
            var (chosen, rejected) = (record.Text("chosen_model"), record.Text("rejected_model"));
            if (chosen is null || rejected is null || chosen == rejected)
                continue; // of one model's answers, or of unknown ones
            if (chosen == modelHash)
                scores.Add(record.Fields["tie"]?.GetValueKind() == JsonValueKind.True ? 0.5 : 1);
            else if (rejected == modelHash)
                scores.Add(record.Fields["tie"]?.GetValueKind() == JsonValueKind.True ? 0.5 : 0);
        }

        return scores.Count > 0 ? Of("against others", "people", scores, seed) : throw new InvalidDataException(
            $"{path}: no line compares this model (SHA-256 {modelHash[..12]}) with another. Comparisons by " +
            "`wisp label` name the models in chosen_model and rejected_model.");
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
