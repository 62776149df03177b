using Wisp.Train.Align.Conversations;
using Wisp.Train.Report.Card;

namespace Wisp.Train.Eval;

/// <summary>Answers of several models to the same prompts, to be laid side by side.</summary>
public static class StageSamples
{
    private const int Tokens = 64;

    /// <summary>What a card asks unless someone says otherwise: a greeting, a fact, a sum, a story.</summary>
    public static IReadOnlyList<string> DefaultPrompts { get; } =
        ["Hello!", "What is the capital of France?", "What is 12 * 34?", "Tell me a story about a little fox."];

    /// <param name="open">Opens the model of a stage; what it returns is disposed here.</param>
    public static IReadOnlyList<CardSample> Of(
        IReadOnlyList<string> stages, Func<string, EvalModel> open, IReadOnlyList<string> prompts,
        Action<string, long, long> progress, CancellationToken cancel = default)
    {
        var answers = prompts.Select(_ => new Dictionary<string, string>()).ToList();
        foreach (var stage in stages)
        {
            using var model = open(stage);
            using var writer = new AnswerWriter(model);
            var chat = model.Chat;
            // The calculator is offered, as it is in a chat; what the model does with that is shown as it wrote it.
            var written = writer.Write(
                [.. prompts.Select(prompt => chat is null ? model.Begin(prompt) : chat.Prompt(
                    new Conversation([new ConversationTurn(Role.User, prompt)])
                    {
                        Tools = Align.Lessons.Sums.Tools(),
                    }))],
                Tokens, chat is null ? model.Tokenizer.EndOfGeneration : new HashSet<int> { chat.EndOfTurn },
                (done, all) => progress($"{stage} answers", done, all), cancel);
            for (var i = 0; i < written.Length; i++)
                if (written[i] is { } answer)
                    answers[i][stage] = model.Tokenizer.DecodeText(answer.Ids).Trim() + (answer.Ended ? "" : " ...");
        }

        return [.. prompts.Select((prompt, i) => new CardSample(prompt, answers[i]))];
    }
}
