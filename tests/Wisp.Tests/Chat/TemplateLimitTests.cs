using System.Text.Json.Nodes;
using Wisp.Chat;
using Wisp.Chat.Syntax;

namespace Wisp.Tests.Chat;

/// <summary>Templates are hostile input: each of these would take all time, memory or stack there is.</summary>
public class TemplateLimitTests
{
    [Theory]
    [InlineData("{{ 'a' * 10 ** 9 }}")]
    [InlineData("{{ [0] * 10 ** 12 }}")]
    [InlineData("{{ 'a' * 10 ** 4000 }}")]
    [InlineData("{{ range(10 ** 12) }}")]
    [InlineData("{{ 2 ** (10 ** 9) }}")]
    [InlineData("{{ (10 ** 4000) * (10 ** 4000) }}")]
    [InlineData("{{ '%1000000000d' % 1 }}")]
    [InlineData("{{ '%.1000000000f' % 1 }}")]
    [InlineData("{{ '%*d' % (10 ** 12, 1) }}")]
    [InlineData("{{ '{:1000000000}'.format(1) }}")]
    [InlineData("{{ '{:.1000000000f}'.format(1.5) }}")]
    [InlineData("{{ 'a'.ljust(10 ** 9) }}")]
    [InlineData("{{ 'a'|center(10 ** 9) }}")]
    [InlineData("{{ 'a\nb'|indent(10 ** 9) }}")]
    [InlineData("{{ [1]|tojson(indent=10 ** 9) }}")]
    [InlineData("{{ [1]|batch(10 ** 9, 'x')|list }}")]
    [InlineData("{{ [1]|slice(10 ** 9)|list }}")]
    [InlineData("{{ '\t'.expandtabs(10 ** 9) }}")]
    [InlineData("{{ ('a' * 10000).replace('', 'b' * 10000) }}")]
    [InlineData("{{ ('b' * 10000).join('a' * 10000) }}")]
    [InlineData("{{ ('a' * 1000000).find('a' * 250000 ~ 'b' ~ 'a' * 250000) }}")]
    [InlineData("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}")]
    [InlineData("{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}")]
    [InlineData("{% set n = namespace(s='a') %}{% for i in range(100) %}{% set n.s = n.s + n.s %}{% endfor %}")]
    [InlineData("{% set n = namespace(s=[1]) %}{% for i in range(100) %}{% set n.s = n.s + n.s %}{% endfor %}")]
    [InlineData("{% set n = namespace(s=[]) %}{% for i in range(200) %}{% set n.s = [n.s, n.s] %}" +
        "{% endfor %}{{ n.s }}")]
    [InlineData("{% set n = namespace(s=()) %}{% for i in range(200) %}{% set n.s = (n.s, n.s) %}" +
        "{% endfor %}{{ {n.s: 1} }}")]
    [InlineData("{% set n = namespace(s=[], t=[]) %}{% for i in range(99) %}{% set n.s = [n.s, n.s] %}" +
        "{% set n.t = [n.t, n.t] %}{% endfor %}{{ n.s == n.t }}")]
    [InlineData("{% set n = namespace(s=0) %}{% for i in range(9999) %}{% set n.s = [n.s] %}" +
        "{% endfor %}{{ n.s|tojson }}")]
    [InlineData("{% set n = namespace(s=0) %}{% for i in range(9999) %}{% set n.s = [n.s] %}" +
        "{% endfor %}{{ n.s|pprint }}")]
    [InlineData("{% set n = namespace(s='ab') %}{% for i in range(99999) %}{% set n.s = n.s|map('upper') %}" +
        "{% endfor %}" +
        "{{ n.s|list }}")]
    [InlineData("{% set n = namespace() %}{% set n.n = n %}{{ n }}")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")]
    [InlineData("{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}")]
    [InlineData("{% macro m() %}{% call m() %}{% endcall %}{{ caller() }}{% endmacro %}{{ m() }}")]
    [InlineData("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}")]
    [InlineData("{% block a %}{{ self.a() }}{% endblock %}")]
    [InlineData("{% set x = '9' * 4300 %}{% for i in range(100000) %}{% set y = x|int %}{% endfor %}")]
    [InlineData("{% set x = 2 ** 14000 %}{% for i in range(100000) %}{% set y = x|string %}{% endfor %}")]
    [InlineData("{% set x = 2 ** 14000 %}{% for i in range(100000) %}{% set y = x // 3 %}{% endfor %}")]
    [InlineData("{% for i in range(100000) %}{% set y = '%.2000f' % 1e300 %}{% endfor %}")]
    [InlineData("{% for i in range(100000) %}{% set y = 1.5e300|round(300) %}{% endfor %}")]
    public void What_has_no_end_is_refused(string template)
    {
        // A unit pays for some 4 bytes that are kept, of 2^26 units, and for about as many again that are dropped at
        // once; growing builders and lists may double both.
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.StartsWith("template line ", Rendering.FaultOf(template));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 * Budget.Basic);
    }

    [Theory]
    [InlineData("(", "1", ")")]
    [InlineData("[", "1", "]")]
    [InlineData("{1:", "1", "}")]
    [InlineData("not ", "1", "")]
    [InlineData("-", "1", "")]
    [InlineData("1 if 1 else ", "1", "")]
    [InlineData("f(", "1", ")")]
    [InlineData("a[", "1", "]")]
    [InlineData("1|default(", "1", ")")]
    [InlineData("", "1", "+1")]
    [InlineData("", "a", ".a")]
    [InlineData("", "l", "[0:]")]
    [InlineData("", "1", "|string")]
    [InlineData("", "1", " or 0 and 1")]
    [InlineData("", "1", "**1")]
    public void Nesting_of_expressions_ends_before_the_stack_does(string open, string core, string close)
    {
        string Many(string part) => string.Concat(Enumerable.Repeat(part, 50_000));
        OnSmallStack(() => Rendering.FaultOf("{{ " + Many(open) + core + Many(close) + " }}"));
    }

    [Theory]
    [InlineData("{% if 1 %}", "{% endif %}")]
    [InlineData("{% for x in l %}", "{% endfor %}")]
    [InlineData("{% macro m() %}", "{% endmacro %}")]
    [InlineData("{% set x %}", "{% endset %}")]
    [InlineData("{% filter upper %}", "{% endfilter %}")]
    [InlineData("{% with %}", "{% endwith %}")]
    public void Nesting_of_tags_ends_before_the_stack_does(string open, string close)
    {
        var deep = string.Concat(Enumerable.Repeat(open, 20_000)) + string.Concat(Enumerable.Repeat(close, 20_000));
        OnSmallStack(() => Rendering.FaultOf(deep));
    }

    [Fact]
    public void Recursion_ends_before_a_small_stack_does() =>
        OnSmallStack(() => Rendering.FaultOf(
            "{% macro m(x) %}{% for y in [1] %}{% if x %}{% set z %}{% filter upper %}" +
            "{{ (m(x)|string ~ '')|default(m(x), true) if x else 1 }}{% endfilter %}{% endset %}{{ z }}{% endif %}" +
            "{% endfor %}{% endmacro %}{{ m(1) }}"));

    [Fact]
    public void Nesting_as_deep_as_people_write_it_works()
    {
        var schema = new JsonObject { ["type"] = "string" };
        for (var i = 0; i < 30; i++)
            schema = new JsonObject { ["properties"] = new JsonObject { ["p"] = schema } };
        var template = new ChatTemplate("{% macro m(s) %}{% if s.properties %}{% for k, v in s.properties.items() %}" +
            "{{ '{' + k + ':' + (m(v) if v is mapping else '') + '}' }}{% endfor %}{% else %}{{ s.type }}{% endif %}" +
            "{% endmacro %}{{ m(schema) }}{{ " + new string('(', 60) + "1" + new string(')', 60) + " }}");
        var given = new JsonObject { ["schema"] = schema };
        Assert.Contains("{p:string}", template.Render([], null, true, given, Rendering.Now));
    }

    [Fact]
    public void The_budget_grows_with_the_messages()
    {
        // All that was written is copied for each message of 1,000 characters: 125 million characters for 500
        // messages, which the basic 2^26 do not pay for, but 256 more for each of the 500,000 do; 8·10⁹ for 4,000,
        // which nothing pays for.
        const string Copying = "{% set n = namespace(s='') %}{% for m in messages %}{% set n.s = n.s + m.content %}" +
            "{% endfor %}{{ n.s|length }}";
        var template = new ChatTemplate(Copying);
        Assert.Equal("500000", template.Render(Messages(500), null, true, null, Rendering.Now));
        Assert.Throws<TemplateException>(() => template.Render(Messages(4000), null, true, null, Rendering.Now));

        static JsonArray Messages(int count) => [.. Enumerable.Range(0, count).Select(_ =>
            new JsonObject { ["role"] = "user", ["content"] = new string('x', 1000) })];
    }

    [Fact]
    public void A_template_too_long_to_be_one_is_refused() =>
        Assert.Contains("limit", Rendering.FaultOf(new string('x', Parser.MaxLength + 1)));

    [Fact]
    public void A_long_message_of_a_fault_is_cut() =>
        Assert.InRange(Rendering.FaultOf("{{ raise_exception('x' * 100000) }}").Length, 100, 1100);

    [Fact]
    public void Faulty_json_is_the_callers_fault()
    {
        var template = new ChatTemplate("{{ messages }}");
        var half = JsonNode.Parse("""["\ud83d"]""")!.AsArray();
        Assert.Contains("JSON", Assert.Throws<ArgumentException>(
            () => template.Render(half, null, true, null, Rendering.Now)).Message);
        var twice = JsonNode.Parse("""[{"a": 1, "a": 2}]""")!.AsArray();
        Assert.Contains("JSON", Assert.Throws<ArgumentException>(
            () => template.Render(twice, null, true, null, Rendering.Now)).Message);
        JsonNode deep = new JsonArray();
        for (var i = 0; i < 5000; i++)
            deep = new JsonArray(deep);
        Assert.Throws<TemplateException>(() => template.Render(deep.AsArray(), null, true, null, Rendering.Now));
    }

    // Half a megabyte: a third of what a thread has by default.
    private static void OnSmallStack(Action action)
    {
        Exception? fault = null;
        var thread = new Thread(() =>
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                fault = e;
            }
        }, 512 << 10);
        thread.Start();
        thread.Join();
        Assert.True(fault is null, fault?.ToString());
    }
}
