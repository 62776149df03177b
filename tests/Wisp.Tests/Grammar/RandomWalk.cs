using System.Text;
using Wisp.Grammar;

namespace Wisp.Tests.Grammar;

/// <summary>Texts that a model without any sense would write under a grammar.</summary>
internal sealed class RandomWalk
{
    private static readonly string[] s_words =
    [
        "\"", "{", "}", "[", "]", ":", ",", " ", "\n", "\": \"", "\", \"", "\"}", "}}", "\":", "{\"", "[]", "true",
        "false", "null", "name", "00", "12", "-1", "1.", ".5", "e", "\\u00", "\\ud83d", "\\n", "a", "ab", "😀", "é",
        "日本",
    ];

    // The end, then what closes a string, an object, a list.
    private static readonly int[] s_wayOut = [256 + s_words.Length, '"', '}', ']'];

    private readonly Random _random;
    private readonly byte[][] _pieces;
    private readonly TokenTrie _vocabulary;

    public RandomWalk(int seed)
    {
        _random = new Random(seed);
        // All bytes, so that characters also come in parts, then words that span several symbols, then the end.
        _pieces =
        [
            .. Enumerable.Range(0, 256).Select(b => new[] { (byte)b }), .. s_words.Select(Encoding.UTF8.GetBytes), [],
        ];
        _vocabulary = new TokenTrie(_pieces, [_pieces.Length - 1]);
    }

    public TokenMask MaskOf(CompiledGrammar grammar) => new(grammar, _vocabulary);

    /// <summary>One text. After some tokens it takes the shortest way out that it sees.</summary>
    public string Text(TokenMask mask, int free)
    {
        var bytes = new List<byte>();
        var allowed = new ulong[mask.Words];
        var state = mask.Start;
        for (var step = 0; step < free + 20_000; step++)
        {
            mask.Fill(allowed, state);
            var ids = Enumerable.Range(0, _pieces.Length).Where(id => (allowed[id >> 6] >> id & 1) != 0).ToArray();
            var id = ids[_random.Next(ids.Length)];
            if (step >= free && _random.Next(4) > 0) // not always: '}' may stand in a string that must go on otherwise
                id = s_wayOut.FirstOrDefault(ids.Contains, id);
            // A character in eight of the free part is one of JSON's own, or a text would hardly leave a string.
            var own = ids.Where(i => "{}[]\":,".Contains((char)i)).ToArray();
            if (step < free && own.Length > 0 && _random.Next(8) == 0)
                id = own[_random.Next(own.Length)];
            if (id == _pieces.Length - 1)
                return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString([.. bytes]);
            bytes.AddRange(_pieces[id]);
            state = mask.Accept(state, id);
        }

        throw new InvalidOperationException($"no end after {bytes.Count} bytes");
    }
}
