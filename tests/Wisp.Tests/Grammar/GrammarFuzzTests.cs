using System.Text;
using System.Text.Json.Nodes;
using Wisp.Grammar;

namespace Wisp.Tests.Grammar;

/// <summary>
/// Damaged and hostile grammars and schemas: each is taken, or refused with InvalidDataException in one line, and costs
/// memory in proportion to its size.
/// </summary>
public class GrammarFuzzTests
{
    private static readonly string[] s_grammars =
    [
        "root ::= \"-\"? int frac? exp?\nint ::= \"0\" | [1-9] [0-9]*\nfrac ::= \".\" [0-9]+\n" +
            "exp ::= [eE] [-+]? [0-9]+",
        "root ::= ws value ws\nvalue ::= object | \"true\"\nobject ::= \"{\" (pair (\",\" pair)*)? \"}\"\n" +
            "pair ::= string \":\" value\nstring ::= \"\\\"\" [^\"\\\\\\x00-\\x1F]* \"\\\"\"\nws ::= [ \\t\\n]*",
        "root ::= \"a\"{2,4} (\"b\" | . | ()){3} \"c\"{2,} # end\n\nx ::= <[1]> !<[2]> \"\\u4e00\" root",
    ];

    private static readonly string[] s_parts =
    [
        "root", "a", " ", "\n", "::=", "|", "(", ")", "\"", "[", "]", "^", "-", ".", "?", "*", "+", "{", "}", ",", "1",
        "999", "\\", "\\x", "\\U", "<", ">", "!", "#", "é", "\uD800", "\0", "{0,1999}", "\"a\"", "[a-z]", "x ::= ",
    ];

    private static readonly string[] s_schemas =
    [
        """
        {"type":"object","properties":{"a":{"type":"integer","minimum":-5,"maximum":1.5e2},"b":{"$ref":"#/$defs/x"}},
        "required":["a"],"$defs":{"x":{"type":"array","items":{"enum":["p",1,null]},"minItems":1,"maxItems":3}}}
        """,
        """
        {"anyOf":[{"type":"string","pattern":"^(a|[b-d]{2,5})*\\d$"},{"oneOf":[{"const":1},{"const":"x"}]},
        {"allOf":[{"minLength":2},{"maxLength":9,"type":["string","null"]}]},{"format":"date"}]}
        """,
        """
        {"properties":{"next":{"$ref":"#"},"v":{"exclusiveMinimum":0,"type":"number"}},"additionalProperties":
        {"type":"boolean"},"required":["v"]}
        """,
    ];

    private static readonly string[] s_values =
    [
        "0", "-1", "1e300", "0.1", "99999999999999999999", "\"\"", "\"string\"", "\"object\"", "\"#\"", "\"#/\"",
        "\"a\"", "[]", "{}", "true", "false", "null", "[1,2]", "[\"a\"]", "[{}]", "{\"a\":{}}", "{\"$ref\":\"#\"}",
        "\"(a*)*\"", "\"^[^a]{0,999}$\"", "{\"allOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}", "\"\\u0000\"",
        "{\"not\":{}}",
    ];

    private static readonly string[] s_words =
    [
        "type", "properties", "required", "additionalProperties", "items", "prefixItems", "minItems", "maxItems",
        "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "$defs", "minimum", "maximum", "exclusiveMinimum",
        "pattern", "format",
        "minLength", "maxLength", "nullable", "minProperties", "uniqueItems", "$anchor", "title", "not",
    ];

    private static readonly TokenTrie s_vocabulary =
        new([.. Enumerable.Range(0, 256).Select(b => new[] { (byte)b }), "ab"u8.ToArray(), "{\"a\":"u8.ToArray(), []],
            [258]);

    [Fact]
    public void Four_thousand_damaged_grammars_bring_nothing_but_refusals() => Grammars(4_000, seed: 1);

    [Fact, Trait("cost", "slow")]
    public void A_million_damaged_grammars_bring_nothing_but_refusals() => Grammars(1_000_000, seed: 2);

    [Fact]
    public void Two_thousand_damaged_schemas_bring_nothing_but_refusals() => Schemas(2_000, seed: 3);

    [Fact, Trait("cost", "slow")]
    public void Three_hundred_thousand_damaged_schemas_bring_nothing_but_refusals() => Schemas(300_000, seed: 4);

    private static void Grammars(int rounds, int seed)
    {
        var random = new Random(seed);
        var refused = 0;
        for (var round = 0; round < rounds; round++)
        {
            var text = new StringBuilder(
                random.Next(10) == 0 ? "root ::= " : s_grammars[random.Next(s_grammars.Length)]);
            for (var edits = random.Next(1, 8); edits > 0; edits--)
                Edit(random, text, s_parts);
            if (!Compiles(text.ToString(), t => Gbnf.Compile(t, "fuzz", name => name == "<a>" ? 1 : -1)))
                refused++;
        }

        Assert.InRange(refused, rounds / 10, rounds * 99 / 100);
    }

    private static void Schemas(int rounds, int seed)
    {
        var random = new Random(seed);
        var refused = 0;
        for (var round = 0; round < rounds; round++)
        {
            var text = s_schemas[random.Next(s_schemas.Length)];
            if (random.Next(4) > 0)
                text = Replaced(random, text);
            else
            {
                var raw = new StringBuilder(text);
                Edit(random, raw, s_values);
                text = raw.ToString();
            }

            if (!Compiles(text, t => JsonSchema.Compile(t, "fuzz")))
                refused++;
        }

        Assert.InRange(refused, rounds / 10, rounds * 99 / 100);
    }

    private static bool Compiles(string text, Func<string, CompiledGrammar> compile)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            var grammar = compile(text);
            if (grammar.HighestToken < s_vocabulary.Count)
            {
                var mask = new TokenMask(grammar, s_vocabulary);
                mask.Fill(new ulong[mask.Words], mask.Start);
            }

            return true;
        }
        catch (InvalidDataException e)
        {
            Assert.StartsWith("fuzz", e.Message);
            Assert.DoesNotContain(e.Message, char.IsControl);
            Assert.InRange(e.Message.Length, 10, 600);
            return false;
        }
        finally
        {
            // A term takes some hundred bytes, in the tree, as a step and among the atoms, and a bound of a number
            // brings up to 40 digits of them. Schemas that must both hold are copied when they are joined: half a
            // million characters at most, at some 60 bytes each.
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < (32 << 20) + 20_000L * text.Length, $"{allocated} bytes for {text}");
        }
    }

    private static void Edit(Random random, StringBuilder text, string[] parts)
    {
        var at = random.Next(text.Length + 1);
        switch (random.Next(4))
        {
            case 0:
                text.Remove(at, Math.Min(random.Next(6), text.Length - at));
                break;
            case 1:
                var copied = text.ToString(at, Math.Min(random.Next(40), text.Length - at));
                text.Insert(random.Next(text.Length + 1), copied);
                break;
            default:
                text.Insert(at, parts[random.Next(parts.Length)]);
                break;
        }
    }

    // Some values of the schema by others, some words added: JSON still, but not what was meant.
    private static string Replaced(Random random, string text)
    {
        var root = JsonNode.Parse(text)!;
        for (var edits = random.Next(1, 4); edits > 0; edits--)
        {
            var at = root;
            while (random.Next(3) > 0)
            {
                var inner = at switch
                {
                    JsonObject { Count: > 0 } map => map.ElementAt(random.Next(map.Count)).Value,
                    JsonArray { Count: > 0 } list => list[random.Next(list.Count)],
                    _ => null,
                };
                if (inner is not (JsonObject or JsonArray))
                    break;
                at = inner;
            }

            var value = JsonNode.Parse(s_values[random.Next(s_values.Length)]);
            if (at is JsonObject words)
                words[random.Next(3) > 0 || words.Count == 0
                    ? s_words[random.Next(s_words.Length)]
                    : words.ElementAt(random.Next(words.Count)).Key] = value;
            else if (at is JsonArray items)
                items.Insert(random.Next(items.Count + 1), value);
        }

        return root.ToJsonString();
    }
}
