using System.Security.Cryptography;
using System.Text;
using Wisp.Train.Align.Conversations;

namespace Wisp.Train.Eval;

/// <summary>An examination: named items from a source, all of one kind.</summary>
public abstract record EvalTask(string Name, string Source)
{
    /// <summary>Items there are.</summary>
    public abstract int Count { get; }

    /// <summary>What a text that gave an item away would hold: question and answer, item by item.</summary>
    public abstract IEnumerable<string> Texts { get; }

    /// <summary>SHA-256 of all items, so that two results can be told to be of the same ones.</summary>
    public string Hash
    {
        get
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var text in Texts)
                hash.AppendData(Encoding.UTF8.GetBytes(text + "\0"));
            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }
    }

    /// <summary>Some of the items, the same for the same seed; all of them where the limit is 0.</summary>
    public abstract EvalTask Limited(int limit, ulong seed);

    /// <summary>The first so many of a shuffled list, in the list's order.</summary>
    protected static IReadOnlyList<T> Some<T>(IReadOnlyList<T> items, int limit, ulong seed)
    {
        if (limit <= 0 || limit >= items.Count)
            return items;
        var order = new int[items.Count];
        Data.Shuffle.Permutation(order, Data.Shuffle.Key(seed, stream: 8, epoch: 0));
        return [.. order.Take(limit).Order().Select(i => items[i])];
    }
}

/// <summary>How the choices of an item stand to its text.</summary>
public enum ChoiceForm
{
    /// <summary>Each choice goes on with the text.</summary>
    Continuation,

    /// <summary>The choices stand in the prompt behind letters, and a letter answers.</summary>
    Letters,

    /// <summary>Each choice is what stands before the text: Trinh and Le 2018, arXiv:1806.02847, "partial".</summary>
    Beginning,
}

/// <param name="Stem">The question; of <see cref="ChoiceForm.Beginning"/> what follows.</param>
/// <param name="Group">A part of the task that is also counted alone, such as a subject; or empty.</param>
public sealed record ChoiceItem(
    string Stem, IReadOnlyList<string> Choices, int Gold, ChoiceForm Form, string Group = "");

/// <summary>Which score picks among the choices. Each is told; the one that the field quotes stands first.</summary>
public enum ChoiceScore
{
    /// <summary>Σ ln p: `acc` of lm-evaluation-harness.</summary>
    Raw,

    /// <summary>Σ ln p by bytes of the choice: `acc_norm` of lm-evaluation-harness.</summary>
    PerByte,

    /// <summary>Σ ln p by tokens: GPT-3 (Brown et al. 2020), and CORE of DCLM.</summary>
    PerToken,

    /// <summary>
    /// Σ ln p less what the choice has without the question: Holtzman et al. 2021, arXiv:2104.08315, eq. 4.
    /// </summary>
    Gained,
}

public sealed record ChoiceTask(
    string Name, string Source, IReadOnlyList<ChoiceItem> Items, ChoiceScore Quoted = ChoiceScore.Raw)
    : EvalTask(Name, Source)
{
    /// <summary>Solved items of another split; empty where the task has none.</summary>
    public IReadOnlyList<ChoiceItem> Worked { get; init; } = [];

    public override int Count => Items.Count;

    public override IEnumerable<string> Texts => Items.Select(item => item.Form == ChoiceForm.Beginning
        ? $"{item.Choices[item.Gold]} {item.Stem}" : $"{item.Stem} {item.Choices[item.Gold]}");

    /// <summary>What a guess reaches on average.</summary>
    public double Chance => Items.Average(item => 1.0 / item.Choices.Count);

    public override EvalTask Limited(int limit, ulong seed) => this with { Items = Some(Items, limit, seed) };
}

/// <summary>A problem whose answer is a number.</summary>
/// <param name="Worked">The solution in words that ends with the answer, for examples; or empty.</param>
public sealed record NumberItem(string Question, decimal Answer, string Worked = "");

public sealed record NumberTask(string Name, string Source, IReadOnlyList<NumberItem> Items)
    : EvalTask(Name, Source)
{
    public IReadOnlyList<NumberItem> Worked { get; init; } = [];

    public override int Count => Items.Count;

    public override IEnumerable<string> Texts => Items.Select(item => item.Question);

    public override EvalTask Limited(int limit, ulong seed) => this with { Items = Some(Items, limit, seed) };
}

/// <summary>A question about a passage, with all answers that count.</summary>
public sealed record PassageItem(string Passage, string Question, IReadOnlyList<string> Answers);

public sealed record PassageTask(string Name, string Source, IReadOnlyList<PassageItem> Items)
    : EvalTask(Name, Source)
{
    public override int Count => Items.Count;

    public override IEnumerable<string> Texts => Items.Select(item => $"{item.Question} {item.Answers[0]}");

    public override EvalTask Limited(int limit, ulong seed) => this with { Items = Some(Items, limit, seed) };
}

/// <summary>A conversation to be answered by calls.</summary>
/// <param name="Asked">Ends with the user's turn; has the functions.</param>
/// <param name="Expected">Calls in any order; none where no function fits the request.</param>
/// <param name="Group">A part of the task that is also counted alone.</param>
public sealed record CallItem(
    Conversation Asked, IReadOnlyList<Scoring.ExpectedCall> Expected, string Group = "");

public sealed record CallTask(string Name, string Source, IReadOnlyList<CallItem> Items) : EvalTask(Name, Source)
{
    public override int Count => Items.Count;

    public override IEnumerable<string> Texts =>
        Items.Select(item => string.Join('\n', item.Asked.Turns.Select(turn => turn.Text)));

    public override EvalTask Limited(int limit, ulong seed) => this with { Items = Some(Items, limit, seed) };
}

/// <summary>A conversation to be answered in the format of a chat.</summary>
public sealed record FormatTask(string Name, string Source, IReadOnlyList<Conversation> Items)
    : EvalTask(Name, Source)
{
    public override int Count => Items.Count;

    public override IEnumerable<string> Texts => Items.Select(item => item.Turns.Count == 0 ? "" : item.Turns[0].Text);

    public override EvalTask Limited(int limit, ulong seed) => this with { Items = Some(Items, limit, seed) };
}

/// <summary>A text to be foreseen; a limit counts thousands of its bytes.</summary>
public sealed record TextTask(string Name, string Source, ReadOnlyMemory<byte> Text) : EvalTask(Name, Source)
{
    public override int Count => 1;

    public override IEnumerable<string> Texts
    {
        get
        {
            // Paragraphs are the items of a text: one that was seen does not stand for all.
            foreach (var part in Encoding.UTF8.GetString(Text.Span).Split(
                "\n\n", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                yield return part;
        }
    }

    public override EvalTask Limited(int limit, ulong seed) =>
        limit <= 0 || limit * 1000L >= Text.Length ? this : this with { Text = Text[..(limit * 1000)] };
}
