using System.Text;
using System.Text.Json.Nodes;
using Wisp.Chat;
using Wisp.Compute;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Chat;

/// <summary>
/// Damaged and random templates: each is rendered or refused with a TemplateException, and costs no more than its
/// budget.
/// </summary>
public class TemplateFuzzTests
{
    // Pieces of the language, which random bytes would hardly ever spell.
    private static readonly string[] s_pieces =
    [
        "{{", "}}", "{%", "%}", "{%-", "-%}", "{#", "#}", "{{-", "+%}", " if ", " else ", " elif ", " endif ",
        " for ", " in ", " endfor ", " set ", " endset ", " macro ", " endmacro ", " call ", " endcall ", " filter ",
        " endfilter ", " with ", " endwith ", " raw ", " endraw ", " block b ", " endblock ", " generation ",
        " endgeneration ", " break ", " continue ", " recursive ", " is ", " not ", " and ", " or ", "loop",
        "messages", "message", "tools", "namespace(a=1)", "range(9)", "range(99999)", "ns", "ns.a", "x", "m(", "(",
        ")", "[", "]", "{", "}", ",", ":", "=", "==", "<", ">", "|", "~", "+", "-", "*", "**", "/", "//", "%", ".",
        "1", "0", "-7", "2.5", "10**99", "'a'", "'%s %d'", "'{:>9} {}'", "\"b\\n\"", "none", "true", "loop.index",
        "loop(", "caller()", "varargs", "kwargs", "[::-1]", "[1:]", ".items()", ".split(", ".format(", ".join(",
        ".replace(", ".strip()", "|map(", "|select(", "|join(", "|tojson", "|list", "|sort", "|groupby(", "|length",
        "|int", "|default(", "|indent(", "|batch(", "|slice(", "|unique", "|reverse", "|wordwrap(", "|truncate(",
        "|pprint", "|urlize", "|xmlattr", "|format(", "|first", "|last", "|sum", "|dictsort", "is defined",
        "is string", "is mapping", "is iterable", "😀", "\n", " ", "\\", "'", "\"", "self.b()", "cycler(1,2)",
        "joiner()", "dict(a=1)", "strftime_now('%c')", "raise_exception('x')", "attribute='a.0'", "*[1]", "**{'a':1}",
    ];

    private static readonly string[] s_own =
    [
        "{% for m in messages %}{{ '<|' ~ m.role ~ '|>' + m['content'] | trim }}{% endfor %}",
        "{% macro t(p) %}{% for k, v in p.items() if v %}{{ k }}={{ v|tojson(indent=2) }}{% if not loop.last %}, " +
            "{% endif %}{% else %}none{% endfor %}{% endmacro %}{% call t({'a': [1, 2.5, none]}) %}x{% endcall %}",
        "{% set ns = namespace(n=0, s='') %}{% for i in range(5) %}{% set ns.n = ns.n + i ** 2 %}" +
            "{% set ns.s = ns.s ~ i %}{% endfor %}{{ '%05d|%-5s' % (ns.n, ns.s) }}" +
            "{{ ns.s[::-1].split('2')|map('int')|sum }}",
        "{%- filter indent(2, true) -%}\n{{ '{:>{w}}'.format('a', w=8) }}\n{%- endfilter -%}" +
            "{% raw %}{{ x }}{% endraw %}",
    ];

    [Fact]
    public void Mutated_templates_are_rendered_or_refused() => Fuzz(2_000, seed: 1, s_own);

    /// <summary>The published number of inputs: 250,000 from 59 templates.</summary>
    [Fact]
    [Trait("cost", "slow")]
    public void A_quarter_of_a_million_mutated_templates_are_rendered_or_refused() => Fuzz(250_000, seed: 2,
        [.. s_own, .. Directory.GetFiles(GoldenFile.PathOrSkip("data/tokenizers/chat-templates"), "*.jinja")
            .Order(StringComparer.Ordinal).Select(File.ReadAllText)]);

    private static void Fuzz(int count, ulong seed, string[] seeds)
    {
        var random = new SplitMix64(seed);
        var messages = JsonNode.Parse("""
            [{"role": "system", "content": "Be brief. 😀"},
             {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
             {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
              "function": {"name": "f", "arguments": {"a": 1, "b": [2.5, null]}}}]},
             {"role": "tool", "content": "{}", "tool_call_id": "c1"}]
            """)!.AsArray();
        var tools = JsonNode.Parse("""
            [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object",
              "properties": {"a": {"type": "integer"}}, "required": ["a"]}}}]
            """)!.AsArray();
        var rendered = 0;
        for (var i = 0; i < count; i++)
        {
            var source = random.Next() % 4 == 0 ? Generated(ref random) : Mutated(ref random, seeds);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                new ChatTemplate(source, "<s>", "</s>").Render(messages, tools, i % 2 == 0, null, Rendering.Now);
                rendered++;
            }
            catch (TemplateException e)
            {
                Assert.InRange(e.Message.Length, 1, 1100);
            }
            catch (Exception e)
            {
                Assert.Fail($"input {i} of seed {seed}: {e}\n{source}");
            }

            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.InRange(allocated, 0, 16 * Budget.Basic + 1000L * source.Length);
        }

        // A fuzz that refuses everything at the first token would show nothing.
        Assert.InRange(rendered, count / 50, count);
    }

    private static int Below(ref SplitMix64 random, int bound) => (int)(random.Next() % (ulong)bound);

    private static string Piece(ref SplitMix64 random) => s_pieces[Below(ref random, s_pieces.Length)];

    private static string Generated(ref SplitMix64 random)
    {
        var text = new StringBuilder();
        for (var tags = 1 + Below(ref random, 4); tags > 0; tags--)
        {
            var output = random.Next() % 2 == 0;
            text.Append(output ? "{{ " : "{% ");
            for (var pieces = 1 + Below(ref random, 8); pieces > 0; pieces--)
                text.Append(Piece(ref random));
            text.Append(output ? " }}" : " %}");
        }

        return text.ToString();
    }

    private static string Mutated(ref SplitMix64 random, string[] seeds)
    {
        var text = new StringBuilder(seeds[Below(ref random, seeds.Length)]);
        for (var changes = 1 + Below(ref random, 4); changes > 0; changes--)
        {
            var at = Below(ref random, text.Length + 1);
            var length = Math.Min(text.Length - at, 1 + Below(ref random, 12));
            switch (Below(ref random, 5))
            {
                case 0:
                    text.Remove(at, length);
                    break;
                case 1:
                    text.Insert(at, Piece(ref random));
                    break;
                case 2:
                    text.Remove(at, length).Insert(at, Piece(ref random));
                    break;
                case 3:
                    text.Insert(Below(ref random, text.Length + 1), text.ToString(at, length));
                    break;
                default:
                    text.Insert(at, (char)Below(ref random, 0x3000));
                    break;
            }
        }

        return text.ToString();
    }
}
