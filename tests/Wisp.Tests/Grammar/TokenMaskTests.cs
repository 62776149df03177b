using System.Text;
using Wisp.Grammar;
using Wisp.Tests.Reference;

namespace Wisp.Tests.Grammar;

public class TokenMaskTests
{
    // One, two, three and four bytes in UTF-8, neighbours that share their first bytes, and the ends of ranges.
    private static readonly string[] s_letters =
        ["a", "b", "c", "é", "è", "ß", "日", "。", "！", "😀", "😁", "\uD7FF", "\u0800"];

    [Fact]
    public void Masks_agree_with_the_definition_on_random_grammars() => Compare(rounds: 80, seed: 1);

    [Fact, Trait("cost", "slow")]
    public void Masks_agree_with_the_definition_on_many_random_grammars() => Compare(rounds: 600, seed: 2);

    private static void Compare(int rounds, int seed)
    {
        var random = new Random(seed);
        var compared = 0;
        for (var round = 0; round < rounds; round++)
        {
            var rules = RandomRules(random);
            CompiledGrammar grammar;
            try
            {
                grammar = new CompiledGrammar(rules, "random");
            }
            catch (InvalidDataException)
            {
                continue; // left recursion, or nothing matches
            }

            var pieces = RandomPieces(random);
            var mask = new TokenMask(grammar, new TokenTrie(pieces, [pieces.Length - 1]));
            var naive = new NaiveGrammar(rules);
            var text = new List<byte>();
            var state = mask.Start;
            var allowed = new ulong[mask.Words];
            for (var step = 0; step < 8; step++)
            {
                // The definition knows no empty mask; a vocabulary that misses letters may meet one.
                int[] expected;
                try
                {
                    expected = [.. Enumerable.Range(0, pieces.Length).Where(id => id == pieces.Length - 1
                        ? naive.Accepts([.. text])
                        : pieces[id].Length > 0 && naive.Begins([.. text, .. pieces[id]]))];
                }
                catch (NaiveGrammar.TooManyStacksException)
                {
                    // Ours shares stacks: it answers, or says that the vocabulary cannot spell what comes.
                    Assert.True(Record.Exception(() => mask.Fill(allowed, state)) is null or InvalidDataException);
                    break;
                }

                if (expected.Length == 0)
                {
                    Assert.Throws<InvalidDataException>(() => mask.Fill(allowed, state));
                    break;
                }

                mask.Fill(allowed, state);
                Assert.True(expected.SequenceEqual(Ids(allowed)), $"{naive}\nafter {Convert.ToHexString([.. text])}: " +
                    $"{string.Join(' ', Ids(allowed))}, not {string.Join(' ', expected)}");
                Assert.Equal(naive.Accepts([.. text]), state.CanEnd);
                foreach (var id in Enumerable.Range(0, pieces.Length))
                    Assert.Equal(expected.Contains(id), mask.TryAccept(state, id, out _));
                compared++;
                var next = expected[random.Next(expected.Length)];
                if (next == pieces.Length - 1)
                    break;
                text.AddRange(pieces[next]);
                state = mask.Accept(state, next);
            }
        }

        Assert.InRange(compared, rounds, int.MaxValue);
    }

    // All single letters and their bytes, words of two to twelve letters, an empty (special) one, and the end.
    private static byte[][] RandomPieces(Random random) =>
    [
        .. s_letters.Select(Encoding.UTF8.GetBytes),
        .. s_letters.SelectMany(Encoding.UTF8.GetBytes).Distinct().Select(b => new[] { b }),
        .. Enumerable.Range(0, 40).Select(_ =>
        {
            var word = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, random.Next(2, 12))
                .Select(_ => Letter(random))));
            return random.Next(3) > 0 ? word : word[random.Next(word.Length)..];
        }),
        .. Enumerable.Range(1, 20).Select(n => Encoding.UTF8.GetBytes(new string('a', n))),
        [0xC0], [0xED, 0xA0], [0xFF], [0x80], [0xE3, 0x61], [], [],
    ];

    private static string Letter(Random random) => s_letters[random.Next(random.Next(3) > 0 ? 3 : s_letters.Length)];

    private static GrammarRules RandomRules(Random random)
    {
        var rules = new GrammarRules();
        var count = random.Next(1, 5);
        for (var rule = 0; rule < count; rule++)
            rules.Add($"r{rule}");
        for (var rule = 0; rule < count; rule++)
            rules.Define(rule, RandomTerm(random, count, depth: 4));
        return rules;
    }

    private static Term RandomTerm(Random random, int rules, int depth)
    {
        switch (depth == 0 ? 0 : random.Next(9))
        {
            case 0 or 1:
                return Term.Literal(string.Concat(Enumerable.Range(0, random.Next(1, 4)).Select(_ => Letter(random))));
            case 2:
                return Term.Chars(new CharClass(Enumerable.Range(0, random.Next(0, 3)).Select(_ =>
                {
                    var first = char.ConvertToUtf32(Letter(random), 0);
                    return (first, first + random.Next(3));
                }), negated: random.Next(2) == 0));
            case 3: // after a letter, for else it would be a left recursion more often than not
                return Term.Of(Term.Literal(Letter(random)), new Call(random.Next(rules)));
            case 4 or 5:
                return Term.Either([.. Terms(random.Next(1, 4))]);
            case 6:
                var min = random.Next(4);
                // Up to 60: more than the longest token has letters, so that clamped counts are met.
                return Term.Times(Terms(1)[0], min,
                    random.Next(3) == 0 ? Term.NoEnd : min + random.Next(random.Next(4) == 0 ? 60 : 4));
            default:
                return Term.Of([.. Terms(random.Next(0, 4))]);
        }

        Term[] Terms(int n) => [.. Enumerable.Range(0, n).Select(_ => RandomTerm(random, rules, depth - 1))];
    }

    [Fact]
    public void A_repetition_too_long_to_see_ends_where_it_should()
    {
        // The mask of all but the last states is shared; the counts are not.
        byte[][] pieces = ["a"u8.ToArray(), "aaa"u8.ToArray(), "b"u8.ToArray(), []];
        var mask = new TokenMask(Gbnf.Compile("root ::= \"a\"{100,200} \"b\""), new TokenTrie(pieces, [3]));
        var allowed = new ulong[1];
        var state = mask.Start;
        for (var count = 0; count <= 200; count++)
        {
            mask.Fill(allowed, state);
            Assert.Equal((count < 200, count <= 197, count >= 100), (Has(0), Has(1), Has(2)));
            if (count < 200)
                state = mask.Accept(state, 0);
        }

        bool Has(int id) => (allowed[0] >> id & 1) != 0;
    }

    [Fact]
    public void A_copy_of_a_state_is_a_fork()
    {
        byte[][] pieces = ["a"u8.ToArray(), "b"u8.ToArray(), []];
        var mask = new TokenMask(Gbnf.Compile("root ::= \"a\" \"b\" | \"b\" \"a\""), new TokenTrie(pieces, [2]));
        var (left, right) = (mask.Accept(mask.Start, 0), mask.Accept(mask.Start, 1));
        Assert.Equal([1], Allowed(mask, left));
        Assert.Equal([0], Allowed(mask, right));
        Assert.Equal([0, 1], Allowed(mask, mask.Start));
        Assert.True(mask.Accept(left, 1).CanEnd);
    }

    [Fact]
    public void Special_tokens_match_no_text_and_ends_stand_only_at_the_end()
    {
        byte[][] pieces = ["<s>"u8.ToArray(), [], "</s>"u8.ToArray()];
        var mask = new TokenMask(Gbnf.Compile("root ::= \"<s>\""), new TokenTrie(pieces, [2]));
        Assert.Equal([0], Allowed(mask, mask.Start));
        var done = mask.Accept(mask.Start, 0);
        Assert.Equal([2], Allowed(mask, done));
        Assert.Equal([2], Allowed(mask, mask.Accept(done, 2)));
    }

    [Fact]
    public void Token_terms_take_a_token_by_its_id()
    {
        byte[][] pieces = ["a"u8.ToArray(), [], "b"u8.ToArray(), []];
        var idOf = (string name) => name == "<think>" ? 1 : -1;
        var grammar = Gbnf.Compile("root ::= <think> !<[2]>* <[2]> \"ab\"", idOfToken: idOf);
        var mask = new TokenMask(grammar, new TokenTrie(pieces, [3]));
        var state = mask.Start;
        Assert.Equal([1], Allowed(mask, state));
        state = mask.Accept(state, 1);
        Assert.Equal([0, 2], Allowed(mask, state));
        state = mask.Accept(mask.Accept(state, 0), 2);
        Assert.Equal([0], Allowed(mask, state));
        Assert.True(mask.Accept(mask.Accept(state, 0), 2).CanEnd);

        Assert.Contains("token 9", Assert.Throws<ArgumentException>(() =>
            new TokenMask(Gbnf.Compile("root ::= <[9]>"), new TokenTrie(pieces, [3]))).Message);
    }

    [Fact]
    public void A_state_without_a_token_is_an_error_and_not_an_empty_mask()
    {
        var mask = new TokenMask(Gbnf.Compile("root ::= \"x\"", "x.gbnf"), new TokenTrie([[(byte)'a'], []], [1]));
        var error = Assert.Throws<InvalidDataException>(() => mask.Fill(new ulong[1], mask.Start));
        Assert.StartsWith("x.gbnf: no token may come next", error.Message);
        Assert.Throws<ArgumentException>(() => mask.Accept(mask.Start, 0));
        Assert.Throws<ArgumentException>(() => mask.Accept(mask.Start, -1));
        Assert.Throws<ArgumentException>(() => mask.Fill(new ulong[2], mask.Start));
    }

    [Fact]
    public void A_text_that_nests_ever_deeper_comes_to_a_bound()
    {
        byte[][] pieces = ["("u8.ToArray(), ")"u8.ToArray(), []];
        var mask = new TokenMask(Gbnf.Compile("root ::= p\np ::= \"(\" p* \")\""), new TokenTrie(pieces, [2]));
        var state = mask.Start;
        var depth = 0;
        while (mask.TryAccept(state, 0, out var next))
            (state, depth) = (next, depth + 1);
        Assert.InRange(depth, 1000, 10_000);
        for (; depth > 0; depth--)
            state = mask.Accept(state, 1);
        Assert.True(state.CanEnd);
    }

    [Fact]
    public void An_ambiguous_grammar_takes_no_exponential_time()
    {
        // Without shared stacks 2^300 of them.
        byte[][] pieces = ["a"u8.ToArray(), "b"u8.ToArray(), "c"u8.ToArray(), []];
        var mask = new TokenMask(
            Gbnf.Compile("root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"a\""), new TokenTrie(pieces, [3]));
        var state = mask.Start;
        for (var i = 0; i < 300; i++)
            state = mask.Accept(state, 0);
        for (var i = 0; i < 299; i++)
            state = mask.Accept(state, 1 + i % 2);
        Assert.True(state.CanEnd);
    }

    [Fact]
    public void States_survive_that_the_table_forgets()
    {
        // Each prefix of digits and letters is a state of its own: far more than are kept.
        var letters = string.Concat(Enumerable.Range('a', 26).Select(c => $" \"{(char)c}\" r{{0,5}} |"));
        var text = $"root ::= r{{1,1000}}\nr ::= {letters.TrimEnd('|')}".Replace("r{0,5}", "s").Replace(
            "root", "s ::= [0-9] s [a-z] | \".\"\nroot", StringComparison.Ordinal);
        byte[][] pieces = [.. Enumerable.Range(32, 95).Select(c => new[] { (byte)c }), []];
        var mask = new TokenMask(Gbnf.Compile(text), new TokenTrie(pieces, [95]));
        var random = new Random(1);
        var kept = (State: mask.Start, Allowed: Allowed(mask, mask.Start));
        for (var round = 0; round < 60; round++)
        {
            var state = mask.Start;
            for (var step = 0; step < 300; step++)
            {
                var ids = Allowed(mask, state);
                state = mask.Accept(state, ids[random.Next(ids.Length)]);
                if (state.CanEnd)
                    break;
            }

            Assert.Equal(kept.Allowed, Allowed(mask, kept.State));
            kept = (state, Allowed(mask, state));
        }
    }

    private static int[] Allowed(TokenMask mask, GrammarState state)
    {
        var allowed = new ulong[mask.Words];
        mask.Fill(allowed, state);
        return Ids(allowed);
    }

    private static int[] Ids(ulong[] allowed) =>
        [.. Enumerable.Range(0, 64 * allowed.Length).Where(id => (allowed[id >> 6] >> id & 1) != 0)];
}
