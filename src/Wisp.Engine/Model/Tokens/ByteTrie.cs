namespace Wisp.Model;

/// <summary>A prefix tree over bytes, each string with a number.</summary>
internal sealed class ByteTrie
{
    public const int Root = 0, Nowhere = -1;

    private readonly Dictionary<long, int> _children = [];
    private readonly List<int> _values = [-1];

    /// <summary>Adds a string; of two that are equal the later number stands.</summary>
    public void Add(ReadOnlySpan<byte> text, int value)
    {
        var node = Root;
        foreach (var letter in text)
        {
            var next = Next(node, letter);
            if (next == Nowhere)
            {
                next = _values.Count;
                _values.Add(-1);
                _children.Add(Key(node, letter), next);
            }

            node = next;
        }

        _values[node] = value;
    }

    public int Next(int node, byte letter) => _children.GetValueOrDefault(Key(node, letter), Nowhere);

    /// <summary>The number of the string that ends here, or -1.</summary>
    public int ValueAt(int node) => _values[node];

    private static long Key(int node, byte letter) => (long)node << 8 | letter;
}
