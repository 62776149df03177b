using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Train.Align;

/// <summary>
/// Some examples side by side in rows, each a document of its own. What belongs together, such as the two answers of a
/// pair, is on one page or on the next, never on both, so that its loss needs one page only.
/// </summary>
internal sealed class ExamplePage(int B, int T)
{
    // Places of a page: tall enough for full speed, and two rows at least, so that any pair fits.
    private const int Places = 8192;

    private readonly int[] _tokens = new int[B * T], _targets = new int[B * T], _positions = new int[B * T],
        _starts = new int[B * T], _left = new int[B];

    private readonly List<(int From, int Length)> _places = [];

    /// <summary>A page of full height.</summary>
    public static ExamplePage Of(int T) => new(RowsOf(T), T);

    /// <summary>The height of a page whose rows have so many tokens.</summary>
    public static int RowsOf(int T) => Math.Max(2, Places / T);

    /// <summary>Examples on the page.</summary>
    public int Count => _places.Count;

    /// <summary>The rows that hold anything: they are filled from the first on.</summary>
    public TokenBatch Batch
    {
        get
        {
            var rows = _left.AsSpan().IndexOf(T) is >= 0 and var empty ? empty : B;
            var n = rows * T;
            return new TokenBatch(
                rows, T, _tokens.AsSpan(0, n), _targets.AsSpan(0, n), _positions.AsSpan(0, n), _starts.AsSpan(0, n));
        }
    }

    /// <summary>Where an example stands among the N positions.</summary>
    public Range this[int place] => new(_places[place].From, _places[place].From + _places[place].Length);

    public void Clear()
    {
        _places.Clear();
        _tokens.AsSpan().Clear(); // any token will do where nothing counts
        _targets.AsSpan().Fill(CrossEntropy.Ignored);
        _positions.AsSpan().Clear();
        _left.AsSpan().Fill(T);
        for (var i = 0; i < B * T; i++)
            _starts[i] = i % T;
    }

    /// <summary>Adds examples that belong together, or says that there is no room for all of them.</summary>
    public bool TryAdd(params ReadOnlySpan<Example> together)
    {
        Span<int> left = stackalloc int[B], rows = stackalloc int[together.Length];
        _left.CopyTo(left);
        for (var i = 0; i < together.Length; i++)
        {
            if ((rows[i] = FullestWith(together[i].Tokens.Length, left)) < 0)
                return false;
            left[rows[i]] -= together[i].Tokens.Length;
        }

        for (var i = 0; i < together.Length; i++)
            Put(together[i], rows[i]);
        return true;
    }

    /// <summary>
    /// Lays out things one after the other on as many pages as they need, and returns which of them the page holds;
    /// it is valid until the next.
    /// </summary>
    /// <param name="tryAdd">Adds the thing of a number, or says that there is no room.</param>
    public IEnumerable<IReadOnlyList<int>> Pages(IEnumerable<int> numbers, Func<int, bool> tryAdd)
    {
        var on = new List<int>();
        Clear();
        foreach (var number in numbers)
        {
            if (!tryAdd(number))
            {
                yield return on;
                on = [];
                Clear();
                if (!tryAdd(number))
                    throw new InvalidOperationException("An example is longer than the rows of an empty page.");
            }

            on.Add(number);
        }

        if (on.Count > 0)
            yield return on;
    }

    // The fullest row that still has so much room, or -1.
    private static int FullestWith(int length, ReadOnlySpan<int> left)
    {
        var best = -1;
        for (var row = 0; row < left.Length; row++)
            if (left[row] >= length && (best < 0 || left[row] < left[best]))
                best = row;
        return best;
    }

    private void Put(Example example, int row)
    {
        var from = (row * T) + T - _left[row];
        example.Tokens.CopyTo(_tokens.AsSpan(from));
        example.Targets.CopyTo(_targets.AsSpan(from));
        for (var i = 0; i < example.Tokens.Length; i++)
            (_positions[from + i], _starts[from + i]) = (i, from - (row * T));
        _left[row] -= example.Tokens.Length;
        _places.Add((from, example.Tokens.Length));
    }
}
