using Wisp.Model;

namespace Wisp.Train.Align.Policies;

/// <summary>
/// The answers of a step as the losses read them: every span of tokens is (N, T), row by row, N answers of at most T
/// tokens; a row counts up to its length.
/// </summary>
internal sealed class AnswerBatch
{
    private readonly Example[] _examples;
    private readonly ExamplePage _page;

    public AnswerBatch(IReadOnlyList<Rollout> answers, int T, ExamplePage page)
    {
        (this.T, _page) = (T, page);
        _examples = [.. answers.Select(answer => answer.Example)];
        Lengths = [.. answers.Select(answer => answer.Ids.Length)];
        Count = Lengths.Sum();
        Engine = Rows();
        for (var n = 0; n < answers.Count; n++)
            answers[n].Logs.CopyTo(Engine, n * T);
        (Old, Reference) = (Rows(), Rows());
    }

    public int T { get; }

    public int[] Lengths { get; }

    /// <summary>Tokens of all answers.</summary>
    public int Count { get; }

    /// <summary>ln π as the engine found it.</summary>
    public float[] Engine { get; }

    /// <summary>ln π before the first update.</summary>
    public float[] Old { get; }

    /// <summary>ln π of the reference.</summary>
    public float[] Reference { get; }

    public float[] Rows() => new float[Lengths.Length * T];

    /// <summary>The pages that hold the answers, and which of them each holds; valid until the next.</summary>
    public IEnumerable<(ExamplePage Page, IReadOnlyList<int> Answers)> Pages() => _page
        .Pages(Enumerable.Range(0, _examples.Length), n => _page.TryAdd(_examples[n])).Select(on => (_page, on));

    /// <summary>Log-probabilities of all tokens under some weights.</summary>
    public void Score(Transformer transformer, Parameters weights, Span<float> logs)
    {
        foreach (var (page, answers) in Pages())
        {
            var losses = new float[page.Batch.Rows];
            transformer.Losses(weights, page.Batch, losses);
            for (var n = 0; n < answers.Count; n++)
                Negated(losses.AsSpan(Place(page, n, answers[n])), logs[(answers[n] * T)..]);
        }
    }

    /// <summary>The positions of a page that predict an answer's tokens.</summary>
    /// <param name="place">Where the answer stands on the page.</param>
    public Range Place(ExamplePage page, int place, int answer) =>
        new(page[place].End.Value - Lengths[answer], page[place].End);

    /// <summary>The rows of some answers out of all.</summary>
    public float[] Take(ReadOnlySpan<float> rows, IReadOnlyList<int> answers)
    {
        var taken = new float[answers.Count * T];
        for (var n = 0; n < answers.Count; n++)
            rows.Slice(answers[n] * T, T).CopyTo(taken.AsSpan(n * T));
        return taken;
    }

    public static void Negated(ReadOnlySpan<float> from, Span<float> to)
    {
        for (var i = 0; i < from.Length; i++)
            to[i] = -from[i];
    }
}
