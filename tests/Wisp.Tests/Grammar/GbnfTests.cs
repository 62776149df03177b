using Wisp.Grammar;

namespace Wisp.Tests.Grammar;

public class GbnfTests
{
    [Theory]
    [InlineData("root ::= foo", "line 1, column 10: rule 'foo' is used but nowhere defined")]
    [InlineData("a ::= \"x\"", "has no rule 'root'")]
    [InlineData("", "has no rule 'root'")]
    [InlineData("root ::= a\na ::= a \"x\" | \"y\"", "left recursion, a rule begins with itself: a -> a")]
    [InlineData("root ::= a\na ::= b \"x\"\nb ::= c?  a\nc ::= \"z\"",
        "left recursion, a rule begins with itself: a -> b -> a")]
    [InlineData("root ::= e root | \"b\"\ne ::= \"x\"?", "left recursion, a rule begins with itself: root -> root")]
    [InlineData("root ::= (\"a\"?)*", "line 1, column 16: left recursion")]
    [InlineData("root ::= \"a\" root", "no finite text matches 'root'")]
    [InlineData("root ::= a\na ::= \"x\" b\nb ::= \"y\" a", "no finite text matches 'root'")]
    [InlineData("root ::= \"abc", "column 10: the text that begins here has no closing '\"'")]
    [InlineData("root ::= [abc", "column 10: the class that begins here has no closing ']'")]
    [InlineData("root ::= []", "[] has no character in it")]
    [InlineData("root ::= [z-a]", "the range 'z-a' runs backwards")]
    [InlineData("root ::= (\"a\"", "')' is missing for the '(' of line 1, column 10; there is the end of the text")]
    [InlineData("root ::= \"a\")", "there is ')'")]
    [InlineData("root ::= *", "there is nothing before '*' to repeat")]
    [InlineData("root ::= \"a\"{2", "there is the end of the text")]
    [InlineData("root ::= \"a\"{4,2}", "{4,2} has a maximum under its minimum")]
    [InlineData("root ::= \"a\"{0,1000000}", "'1000000' repetitions are asked for; at most 2000")]
    [InlineData("root ::= \"a\"{99999999999999999999}", "repetitions are asked for")]
    [InlineData("root ::= ((\"a\"{0,100}){0,100}){0,100}", "come to 10100; it must stay under 2000")]
    [InlineData("root ::= \"\\q\"", "unknown escape '\\q'")]
    [InlineData("root ::= \"\\u12\"", "\\u needs 4 hexadecimal digits")]
    [InlineData("root ::= \"\\U00110000\"", "U+110000 is beyond U+10FFFF")]
    [InlineData("root ::= \"\\ud800\"", "half of a surrogate pair")]
    [InlineData("root \"a\"", "'::=' must follow the name 'root', not '\"'")]
    [InlineData("root ::= \"a\"\n\n  root ::= \"b\"", "line 3, column 3: rule 'root' is defined twice")]
    [InlineData("root ::= <think>", "names a token, and no vocabulary is at hand")]
    [InlineData("root ::= <[99999999999]>", "is no token id")]
    [InlineData("root ::= <[1]", "a token is <name>, <[id]>")]
    [InlineData("ro_ot ::= \"a\"", "'::=' must follow the name 'ro'")]
    [InlineData("root ::= \"\u001b[31m", "no closing")]
    public void Faults_are_named_with_their_place(string text, string message)
    {
        var error = Assert.Throws<InvalidDataException>(() => Gbnf.Compile(text, "g.gbnf"));
        Assert.StartsWith("g.gbnf", error.Message);
        Assert.Contains(message, error.Message);
        Assert.DoesNotContain(error.Message, char.IsControl);
    }

    [Theory]
    [InlineData("root ::= \"a\" | # comment\n  \"b\"", "a", "ab")]
    [InlineData("root ::=\n  \"a\" (\n \"b\"\n | )\n", "ab", "ba")]
    [InlineData("root ::= \"\\x41\\u00e9\\U0001F600\\t\\n\\r\\\\\\\"\\[\\]\\-\"", "Aé😀\t\n\r\\\"[]-", "A")]
    [InlineData("root ::= [^a-c\\]\\-] [a-] [-a]", "d-a", "a-a")]
    [InlineData("root ::= \"a\"{2} \"b\"{1,} \"c\"{0,2} \"d\"{0}", "aabbcc", "aabbccc")]
    [InlineData("root ::= . ..", "é日😀", "ab")]
    [InlineData("root ::= (\"a\" | \"b\" \"c\")+ x-1?\nx-1 ::= \"!\"", "abcbc!", "b")]
    [InlineData("\r\n# first\r\nroot ::= \"a\"\r\nb ::= root\r\n", "a", "aa")]
    [InlineData("root ::= \"a\" [ \\t\\n]* \"b\"", "a \t\nb", "a b ")]
    [InlineData("root ::= [\\x00-\\x7f]* \"é\"", "abcé", "é日")]
    [InlineData("root ::= \"x\" | \"a\" dead\ndead ::= \"b\" dead", "x", "a")]
    public void Texts_are_told_apart(string grammar, string good, string bad)
    {
        Assert.True(Accepts(grammar, good));
        Assert.False(Accepts(grammar, bad));
    }

    [Fact]
    public void A_way_that_can_never_end_is_not_offered()
    {
        var mask = new TokenMask(Gbnf.Compile("root ::= \"x\" | \"a\" dead\ndead ::= \"b\" dead"), Bytes());
        Assert.False(mask.TryAccept(mask.Start, 'a', out _));
        Assert.True(mask.TryAccept(mask.Start, 'x', out _));
    }

    [Theory]
    [InlineData("\"a\" ", 150_000, "more than 100000 terms")]
    [InlineData("a?", 60_000, "more than 100000 terms")]
    [InlineData("(", 200_000, "groups are nested more than 100 deep")]
    [InlineData("\"a\"??????????", 1, "")]
    [InlineData("?", 500_000, "repetitions stand in one another")]
    public void Sizes_are_bounded(string part, int count, string message)
    {
        var text = "a ::= \"b\"\nroot ::= a " + string.Concat(Enumerable.Repeat(part, count));
        if (message.Length == 0)
            Gbnf.Compile(text);
        else
            Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Gbnf.Compile(text)).Message);
    }

    [Fact]
    public void Rules_by_the_ten_thousand_are_read_and_by_the_million_refused()
    {
        // Each rule calls the next: recursion over rules must not take the thread's stack.
        static string Chain(int count) => "root ::= r0\n" + string.Concat(Enumerable.Range(0, count)
            .Select(i => i == count - 1 ? $"r{i} ::= \"a\"\n" : $"r{i} ::= r{i + 1}\n"));
        Assert.True(Accepts(Chain(20_000), "a"));
        var error = Assert.Throws<InvalidDataException>(() => Gbnf.Compile(Chain(1_000_000)));
        Assert.Contains("characters", error.Message);
    }

    private static TokenTrie Bytes() => new([.. Enumerable.Range(0, 256).Select(b => new[] { (byte)b }), []], [256]);

    private static bool Accepts(string grammar, string text)
    {
        var mask = new TokenMask(Gbnf.Compile(grammar), Bytes());
        var state = mask.Start;
        foreach (var value in System.Text.Encoding.UTF8.GetBytes(text))
            if (!mask.TryAccept(state, value, out state))
                return false;
        return state.CanEnd;
    }
}
