using Wisp.Cli;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Labels;

namespace Wisp.Label;

/// <summary>What there is to compare, for a labeller who has done some of it before.</summary>
internal sealed class LabelWork : IAsyncDisposable
{
    private readonly List<LabelModel> _models = [];
    private readonly Func<CancellationToken, IAsyncEnumerable<Comparison>> _comparisons;

    private LabelWork(
        IReadOnlySet<string> keys, Func<LabelWork, CancellationToken, IAsyncEnumerable<Comparison>> comparisons) =>
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
        return new LabelWork(once.Select(comparison => comparison.Key).ToHashSet(), (_, _) =>
            once.Where(comparison => !done.Contains(comparison.Key)).ToAsyncEnumerable());
    }

    /// <summary>Prompts for models to answer.</summary>
    /// <param name="earlier">What others were shown is shown again where the models are the same.</param>
    /// <param name="open">Opens each model; nothing is opened where there is nothing left to answer.</param>
    public static LabelWork Of(
        IReadOnlyList<Conversation> prompts, IReadOnlySet<string> done, LabelReading earlier, ulong seed, int count,
        IReadOnlyList<Func<LabelModel>> open)
    {
        var once = prompts.DistinctBy(Comparison.KeyOf).ToDictionary(Comparison.KeyOf);
        if (once.Count == 0)
            throw new UserException("There are no prompts: the file is empty.");
        Conversation[] left = [.. once.Where(pair => !done.Contains(pair.Key)).Select(pair => pair.Value)];
        var known = new Dictionary<string, Comparison>();
        var work = new LabelWork(once.Keys.ToHashSet(), (self, cancel) =>
        {
            var sampler = new CandidateSampler(
                self._models, count, seed, (prompt, reason) => self.Passed($"{Short(prompt)}: {reason}"));
            return sampler.Compare(left, known, cancel);
        });
        if (left.Length > 0)
            foreach (var model in open)
            {
                work._models.Add(model());
                work._models[^1].Require(left);
            }

        string?[] hashes = [.. work._models.Select(model => model.Hash)];
        foreach (var record in earlier.Live)
            if (record.Comparison!.Candidates.Count == count && record.Comparison.Candidates
                .Select(candidate => candidate.ModelHash).Distinct().Order().SequenceEqual(hashes.Distinct().Order()))
                known.TryAdd(record.Comparison.PromptKey, record.Comparison);
        return work;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var model in _models)
            await model.DisposeAsync().ConfigureAwait(false);
    }

    private static string Short(Conversation prompt)
    {
        var text = prompt.Turns[^1].Text.Trim().ReplaceLineEndings(" ");
        return text.Length > 40 ? $"'{text[..40]}...'" : $"'{text}'";
    }
}
