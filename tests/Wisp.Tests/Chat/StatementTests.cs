namespace Wisp.Tests.Chat;

/// <summary>
/// Tags, white space and scopes, as the documentation of Jinja describes them with trim_blocks and lstrip_blocks.
/// </summary>
public class StatementTests
{
    [Theory]
    [InlineData("a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc")]
    [InlineData("a {% if true %} b {% endif %} c", "a  b  c")]
    [InlineData("  {%- if true -%}  x  {%- endif -%}  y", "xy")]
    [InlineData("  {%+ if true %}  x\n  {%+ endif +%}\n  y", "    x\n  \n  y")]
    [InlineData("  {{ 1 }}\n  {{- 2 -}}\n  3\n\n", "  123\n")]
    [InlineData("x\n  {# c #}  \ny{#- c -#}  z {# several\nlines #} w", "x\n  \nyz  w")]
    [InlineData("{% raw %}\n{{ x }} {% if %}\n{% endraw %}\nz", "\n{{ x }} {% if %}\nz")]
    [InlineData("  {%- raw -%}  {{ x }}  {%- endraw -%}  z", "{{ x }}z")]
    [InlineData("a\r\nb\rc\n", "a\nb\nc")]
    [InlineData("x\n\n", "x\n")]
    [InlineData("  \t{% set a = 1 %}  \n  b", "  \n  b")]
    [InlineData("{{ 1 }}\n  {% set a = 1 %}\n  b", "1\n  b")]
    [InlineData("{{ '}}' }}{{ {'a':{'b':1}} }}", "}}{'a': {'b': 1}}")]
    [InlineData("", "")]
    [InlineData("{", "{")]
    [InlineData("}} %}", "}} %}")]
    public void Tags_take_the_white_space_they_should(string template, string text) =>
        Assert.Equal(text, Rendering.Of(template));

    [Theory]
    [InlineData("{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }};{% endfor %}",
        "1032;2121;3210;")]
    [InlineData("{% for x in l %}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}",
        "TrueFalse3 FalseFalse3 FalseTrue3 ")]
    [InlineData("{% for x in l %}{{ loop.previtem }}<{{ x }}<{{ loop.nextitem }} {% endfor %}", "<3<1 3<1<2 1<2< ")]
    [InlineData("{% for x in l if x > 1 %}{{ x }}/{{ loop.length }} {% else %}none{% endfor %}", "3/2 2/2 ")]
    [InlineData("{% for x in l if x > 9 %}{{ x }}{% else %}none{% endfor %}", "none")]
    [InlineData("{% for x in nope %}a{% else %}b{% endfor %}", "b")]
    [InlineData("{% for k, v in d|dictsort %}{{ k }}={{ v }};{% endfor %}",
        "a={'x': [1, 2, {'y': None}]};b=1;items=5;")]
    [InlineData("{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "123")]
    [InlineData("{% for x in nest recursive %}{{ loop.depth }}{% if x is iterable %}[{{ loop(x) }}]{% endif %}" +
        "{% endfor %}", "1[22[3]]1[2]")]
    [InlineData("{% for x in l %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 2) }}{% endfor %}", "aTruebTrueaFalse")]
    [InlineData("{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "32")]
    [InlineData("{% for x in l %}{{ x }}{% if x == 1 %}{% break %}{% endif %}{% endfor %}", "31")]
    [InlineData("{% for x in l %}{{ x }}{% continue %}{% else %}none{% endfor %}", "312none")]
    [InlineData("{% for x in l|map('string') %}{{ loop.length }}{{ x }}{% endfor %}", "333132")]
    [InlineData("{% set g = l|select %}{% for x in g %}{{ x }}{% break %}{% endfor %}{{ g|list }}{{ g|list }}",
        "3[1, 2][]")]
    [InlineData("{% for x in 'añ😀' %}[{{ x }}]{% endfor %}", "[a][ñ][😀]")]
    public void Loops_know_where_they_are(string template, string text) =>
        Assert.Equal(text, Rendering.Of(template));

    [Theory]
    [InlineData("{% set x = 1 %}{% for i in l %}{{ x }}{% set x = i %}{{ x }} {% endfor %}{{ x }}", "13 11 12 1")]
    [InlineData("{% set ns = namespace(x=1) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}", "7")]
    [InlineData("{% if true %}{% set q = 5 %}{% endif %}{{ q }}", "5")]
    [InlineData("{% set a, b = 1, 2 %}{{ b }}{{ a }}", "21")]
    [InlineData("{% set x %}n is {{ n }}{% endset %}{{ x|length }}", "6")]
    [InlineData("{% set x | upper | replace('L', 'l') %}hello{% endset %}{{ x }}", "HEllO")]
    [InlineData("{% filter upper %}hello {{ s }}{% endfilter %}", "HELLO HELLO WORLD")]
    [InlineData("{% with a = 1, b = n %}{{ a }}{{ b }}{% set n = 3 %}{{ n }}{% endwith %}{{ a }}{{ n }}", "1737")]
    [InlineData("{% block x %}b{{ n }}{% endblock %}{{ self.x() }}", "b7b7")]
    [InlineData("{% for i in l %}{% block y %}{{ i }}{% endblock %}{% block z scoped %}{{ i }}{% endblock %}" +
        "{% endfor %}", "312")]
    [InlineData("{% generation %}g{% set n = 0 %}{% endgeneration %}{{ n }}", "g7")]
    [InlineData("{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}", "abab")]
    [InlineData("{% set j = joiner('|') %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}", "3|1|2")]
    public void Variables_live_where_they_are_set(string template, string text) =>
        Assert.Equal(text, Rendering.Of(template));

    [Theory]
    [InlineData("{% macro m(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}|{{ m(1, c=4) }}|{{ m() }}",
        "12x|124|2x")]
    [InlineData("{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=4) }}", "1(2,){'x': 4}")]
    [InlineData("{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "11")]
    [InlineData("{% macro m() %}[{{ caller(1, 2) }}]{% endmacro %}" +
        "{% call(a, b) m() %}{{ a }}{{ b }}{{ n }}{% endcall %}", "[127]")]
    [InlineData("{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "3210")]
    [InlineData("{% macro f() %}{{ zz }}{% endmacro %}{% set zz = 1 %}{{ f() }}", "1")]
    [InlineData("{% macro f() %}{{ x }}{% endmacro %}{% for x in l %}{{ f() }}{% endfor %}", "")]
    [InlineData("{% macro f() %}{% set n = 9 %}{{ n }}{% endmacro %}{{ f() }}{{ n }}{{ f.name }}{{ f is callable }}",
        "97fTrue")]
    public void Macros_see_what_was_around_them_where_they_were_written(string template, string text) =>
        Assert.Equal(text, Rendering.Of(template));

    [Theory]
    [InlineData("a\n{{ 1|frobnicate }}", "template line 2: filter 'frobnicate' is unknown.")]
    [InlineData("a\nb {{ 1 is frobnicate }}", "template line 2: test 'frobnicate' is unknown.")]
    [InlineData("{% if true %}\n{{ 1|frobnicate }}{% endif %}", "template line 2: filter 'frobnicate' is unknown.")]
    [InlineData("\n\n{{ frobnicate(1) }}", "template line 3: 'frobnicate' is undefined.")]
    [InlineData("\n{{ s.frobnicate(1) }}", "template line 2: 'str' has no attribute 'frobnicate'.")]
    [InlineData("{% frobnicate %}", "template line 1: tag 'frobnicate' is unknown.")]
    [InlineData("{{ d.nope.x }}", "template line 1: 'dict' has no attribute 'nope'.")]
    [InlineData("{{ nope\n+ 1 }}", "template line 2: 'nope' is undefined.")]
    [InlineData("{% if n %}\n\n", "template line 2: tag 'if' of line 1 has no 'elif' or 'else' or 'endif'.")]
    [InlineData("{% if n %}{% endfor %}", "template line 1: tag 'endfor' does not fit: tag 'if' of line 1 is open.")]
    [InlineData("{% endif %}", "template line 1: tag 'endif' closes nothing.")]
    [InlineData("{{ 1 + }}", "template line 1: expected a value, found '}}'.")]
    [InlineData("{{ 'a }}", "template line 1: the string has no end.")]
    [InlineData("{# a", "template line 1: the comment has no end '#}'.")]
    [InlineData("{% break %}", "template line 1: 'break' stands outside of a loop.")]
    [InlineData("{% include 'x' %}",
        "template line 1: tag 'include' needs other templates, and a chat template stands alone.")]
    [InlineData("{{ l.append(4) }}", "template line 1: 'append' would change a 'list', which templates may not.")]
    [InlineData("{% set d.x = 1 %}", "template line 1: attribute 'x' cannot be set: 'd' is no namespace.")]
    [InlineData("{{ raise_exception('No ' ~ n) }}", "template line 1: No 7")]
    [InlineData("{% for a, b in [[1]] %}{% endfor %}",
        "template line 1: 2 names, but only 1 values to unpack.")]
    [InlineData("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}",
        "template line 1: macro 'm' takes at most 1 arguments, and there are 2.")]
    [InlineData("{{ nn[1:] }}", "template line 1: 'NoneType' has no slices.")]
    [InlineData("{{ 1 / 0 }}", "template line 1: division by zero.")]
    [InlineData("{{ 'a' + 1 }}", "template line 1: can only add 'str' to 'str', not 'int'.")]
    [InlineData("{{ s|tojson(indnt=2) }}", "template line 1: tojson() has no argument 'indnt'.")]
    public void Faults_are_named_with_their_line(string template, string message) =>
        Assert.Equal(message, Rendering.FaultOf(template));

    [Fact]
    public void What_is_unknown_in_a_branch_never_taken_does_no_harm() =>
        Assert.Equal("ok",
            Rendering.Of("{% if false %}{{ 1|foo }}{{ 1 is foo }}{% endif %}{{ 'ok' if true else 1|foo }}"));

    [Fact]
    public void Times_are_those_of_the_clock_given() => Assert.Equal(
        "2026-03-14 15:09:26 14 Mar 2026 March Saturday 073 03 PM 3 %Q",
        Rendering.Of("{{ strftime_now('%Y-%m-%d %H:%M:%S %d %b %Y %B %A %j %I %p %-m %Q') }}"));
}
