using Wisp.Cli;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Labels;

namespace Wisp.Labels;

/// <summary>What there is to compare, for a labeller who has done some of it before.</summary>
internal sealed class LabelWork
{
    private readonly Func<CancellationToken, IAsyncEnumerable<Comparison>> _comparisons;

    private LabelWork(
        HashSet<string> keys, Func<LabelWork, CancellationToken, IAsyncEnumerable<Comparison>> comparisons) =>
        (Keys, _comparisons) = (keys, cancel => comparisons(this, cancel));

    /// <summary>Keys of all that is to be compared: of prompts to be answered, or of whole comparisons.</summary>
    public IReadOnlySet<string> Keys { get; }

    /// <summary>Is told of a prompt that turned out to be of no use, and why.</summary>
    public Action<string> Passed { get; set; } = _ => { };

    /// <summary>What the labeller has not seen yet, in order.</summary>
    public IAsyncEnumerable<Comparison> Comparisons(CancellationToken cancel) => _comparisons(cancel);

    /// <summary>Comparisons that are whole.</summary>
    /// <param name="done">Keys of what the labeller is done with.</param>
    /// <param name="file">Where they come from, for messages.</param>
    public static LabelWork Of(IReadOnlyList<Comparison> all, IReadOnlySet<string> done, string file)
    {
        Comparison[] once = [.. all.DistinctBy(comparison => comparison.Key)];
        if (once.Length == 0)
            throw new UserException($"{file}: holds no candidates.");
        return new LabelWork([.. once.Select(comparison => comparison.Key)], (_, _) =>
            once.Where(comparison => !done.Contains(comparison.Key)).ToAsyncEnumerable());
    }

    /// <summary>Prompts for models to answer.</summary>
    /// <param name="earlier">What others were shown is shown again where the models are the same.</param>
    /// <exception cref="InvalidDataException">A model's template leaves out part of a prompt.</exception>
    public static LabelWork Of(
        IReadOnlyList<Conversation> prompts, IReadOnlySet<string> done, LabelReading earlier, ulong seed, int count,
        IReadOnlyList<LabelModel> models)
    {
        string KeyOf(Conversation prompt) => Comparison.SourceKeyOf(prompt, models.Select(model => model.Hash));
        Conversation[] once = [.. prompts.DistinctBy(KeyOf)];
        Conversation[] left = [.. once.Where(prompt => !done.Contains(KeyOf(prompt)))];
        foreach (var model in models)
            model.Require(left);
        var known = earlier.Live.Select(record => record.Comparison!)
            .Where(comparison => comparison.Candidates.Count == count)
            .DistinctBy(comparison => comparison.SourceKey).ToDictionary(comparison => comparison.SourceKey);
        return new LabelWork([.. once.Select(KeyOf)], (self, cancel) => new CandidateSampler(
            models, count, seed, (prompt, reason) => self.Passed($"{Short(prompt)}: {reason}"))
            .Compare(left, known, cancel));
    }

    private static string Short(Conversation prompt)
    {
        var text = prompt.Turns[^1].Text.Trim().ReplaceLineEndings(" ");
        return text.Length > 40 ? $"'{text[..40]}...'" : $"'{text}'";
    }
}
