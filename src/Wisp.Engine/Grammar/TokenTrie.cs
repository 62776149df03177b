namespace Wisp.Grammar;

/// <summary>
/// A vocabulary as a tree of the characters of its tokens, so that tokens with a common beginning are matched together.
/// Built once a model; immutable, safe for any number of threads.
/// </summary>
/// <remarks>
/// Nodes stand in preorder in arrays: a node that does not match skips to the end of its subtree. Tokens that end in
/// the middle of a character hang on the node before it. Those that begin in the middle of one are a list of their
/// own, needed only after the former.
/// </remarks>
public sealed class TokenTrie
{
    private readonly byte[][] _pieces;
    private readonly HashSet<int> _ends;

    /// <param name="pieces">
    /// The bytes of each token, by id. Empty for special tokens, which no text matches.
    /// </param>
    /// <param name="ends">Tokens that end a text; they are allowed where the grammar can end, and only there.</param>
    public TokenTrie(IReadOnlyList<byte[]> pieces, IEnumerable<int> ends)
        : this(pieces, ends, lenient: false)
    {
    }

    /// <param name="lenient">
    /// Takes bytes for characters that no UTF-8 text has, and lets a text end inside a character, as llama.cpp does:
    /// for comparison with it.
    /// </param>
    internal TokenTrie(IReadOnlyList<byte[]> pieces, IEnumerable<int> ends, bool lenient)
    {
        _pieces = [.. pieces];
        _ends = [.. ends];
        Lenient = lenient;
        if (_ends.Any(id => id < 0 || id >= Count))
            throw new ArgumentException($"An end token is outside the vocabulary of {Count} tokens.", nameof(ends));

        var tokens = new List<(int[] Characters, Utf8Partial Tail, int Id)>();
        var inner = new List<int>();
        for (var id = 0; id < Count; id++)
        {
            var piece = _pieces[id];
            // U+0000 ends a text in llama.cpp, and no model writes it.
            if (_ends.Contains(id) || piece.Length == 0 || piece[0] == 0)
                continue;
            if (piece[0] >> 6 == 2)
                inner.Add(id);
            else if (TryDecode(piece, default, out var characters, out var rest))
                tokens.Add((characters, rest, id));
        }

        BeginInside = [.. inner];
        Reach = 1 + tokens.Select(t => t.Characters.Length).DefaultIfEmpty(0).Max();
        tokens.Sort(static (a, b) => a.Characters.AsSpan().SequenceCompareTo(b.Characters));
        var characterSet = tokens.SelectMany(t => t.Characters).Distinct().Order().ToArray();
        Characters = characterSet;
        Partials = [.. tokens.Select(t => t.Tail).Where(r => r.Remaining > 0).Distinct()];
        var builder = new Builder(characterSet, Partials);
        foreach (var (characters, rest, id) in tokens)
            builder.Add(characters, rest, id);
        Nodes = builder.Finish();
        Tokens = [.. builder.Tokens];
    }

    /// <summary>Tokens in the vocabulary.</summary>
    public int Count => _pieces.Length;

    /// <summary>Words of a mask: bit i of word i / 64 is token i.</summary>
    public int MaskWords => (Count + 63) / 64;

    internal bool Lenient { get; }

    /// <summary>The different characters of all tokens, ascending.</summary>
    internal int[] Characters { get; }

    /// <summary>The different beginnings of characters that tokens end with.</summary>
    internal Utf8Partial[] Partials { get; }

    /// <summary>Tokens that begin in the middle of a character.</summary>
    internal int[] BeginInside { get; }

    /// <summary>More characters than any token has.</summary>
    internal int Reach { get; }

    internal Node[] Nodes { get; }

    internal NodeToken[] Tokens { get; }

    internal IReadOnlyCollection<int> Ends => _ends;

    internal byte[] Piece(int id) => _pieces[id];

    internal bool IsEnd(int id) => _ends.Contains(id);

    internal bool IsText(int id) => _pieces[id].Length > 0 && _pieces[id][0] != 0 && !_ends.Contains(id);

    private bool TryDecode(byte[] piece, Utf8Partial at, out int[] characters, out Utf8Partial rest)
    {
        var found = new List<int>(piece.Length);
        rest = at;
        characters = [];
        foreach (var value in piece)
        {
            if (!rest.TryPush(value, Lenient, out rest))
                return false;
            if (rest.Remaining == 0)
                found.Add(rest.Value);
        }

        if (rest.Remaining == 0)
            rest = default;
        characters = [.. found];
        return true;
    }

    /// <param name="Depth">Characters from the root, which is node 0.</param>
    /// <param name="Character">Index into <see cref="Characters"/> of the last one.</param>
    /// <param name="Skip">The node after the subtree.</param>
    /// <param name="FirstToken">Its tokens are those from here to the first one of the next node.</param>
    internal readonly record struct Node(int Depth, int Character, int Skip, int FirstToken);

    /// <param name="Partial">Index into <see cref="Partials"/> of what follows the node's character, or -1.</param>
    internal readonly record struct NodeToken(int Id, int Partial);

    private sealed class Builder(int[] characterSet, Utf8Partial[] partials)
    {
        private readonly List<Node> _nodes = [new Node(0, -1, 0, 0)];
        private readonly List<int> _path = [0];
        private readonly List<int> _spelling = [];
        private readonly Dictionary<Utf8Partial, int> _indexOfPartial =
            partials.Select((p, i) => (p, i)).ToDictionary(x => x.p, x => x.i);

        public List<NodeToken> Tokens { get; } = [];

        // Tokens come in order, so those of one node come together and a subtree is finished when the next one begins.
        public void Add(int[] characters, Utf8Partial rest, int id)
        {
            var common = 0;
            while (common < Math.Min(characters.Length, _spelling.Count) && characters[common] == _spelling[common])
                common++;
            Close(common);
            for (var i = common; i < characters.Length; i++)
            {
                _spelling.Add(characters[i]);
                _path.Add(_nodes.Count);
                _nodes.Add(new Node(i + 1, Array.BinarySearch(characterSet, characters[i]), 0, Tokens.Count));
            }

            Tokens.Add(new NodeToken(id, rest.Remaining == 0 ? -1 : _indexOfPartial[rest]));
        }

        public Node[] Finish()
        {
            Close(-1);
            return [.. _nodes, new Node(0, -1, 0, Tokens.Count)]; // the last one only ends the tokens before it
        }

        private void Close(int depth)
        {
            while (_path.Count > depth + 1)
            {
                _nodes[_path[^1]] = _nodes[_path[^1]] with { Skip = _nodes.Count };
                _path.RemoveAt(_path.Count - 1);
                if (_spelling.Count > 0)
                    _spelling.RemoveAt(_spelling.Count - 1);
            }
        }
    }
}
