using System.Text.Json;
using System.Text.Json.Nodes;

namespace Wisp.Grammar;

/// <summary>
/// JSON values of every kind as rules (RFC 8259), with little white space: a model that may write any amount of it may
/// never stop.
/// </summary>
/// <remarks>
/// Between tokens stands nothing, one space, or a line feed and up to 20 spaces and tabs; before a comma or a colon
/// nothing. Numbers have up to 16 digits on each side of the point and two in the exponent, which fits a double.
/// Escapes above \u007f that are halves of surrogate pairs come in pairs, so every string is Unicode text.
/// </remarks>
internal sealed class JsonText
{
    public const int Digits = 16;

    /// <summary>Characters that stand for themselves in a string.</summary>
    public static readonly CharClass Plain = new([(0, 0x1F), ('"', '"'), ('\\', '\\')], negated: true);

    private static readonly Term s_hex = Term.Chars(('0', '9'), ('a', 'f'), ('A', 'F'));

    private readonly GrammarRules _rules;
    private readonly Lazy<Term> _space, _character, _value, _object, _array;

    public JsonText(GrammarRules rules)
    {
        _rules = rules;
        _space = new(() => Define("space", () => Term.Either(
            Term.Empty, Term.Literal(" "),
            Term.Of(Term.Literal("\n"), Term.Times(Term.Chars(CharClass.Of(" \t")), 0, 20)))));
        _character = new(() => Define("character", CharacterBody));
        _value = new(() => Define("value", () => Term.Either(
            Object, Array, String(0, Term.NoEnd), Number, Boolean, Null)));
        _object = new(() => Define("object", () => Bracket('{', '}', 0, Term.NoEnd,
            Property(String(0, Term.NoEnd), Value))));
        _array = new(() => Define("array", () => Bracket('[', ']', 0, Term.NoEnd, Value)));
    }

    public static Term Boolean { get; } = Term.Either(Term.Literal("true"), Term.Literal("false"));

    public static Term Null { get; } = Term.Literal("null");

    public static Term Digit { get; } = Term.Chars(('0', '9'));

    public static Term Fraction { get; } = Term.Of(Term.Literal("."), Term.Times(Digit, 1, Digits));

    public static Term Integer { get; } = Term.Either(
        Term.Literal("0"),
        Term.Of(Term.Optional(Term.Literal("-")), Term.Chars(('1', '9')), Term.Times(Digit, 0, Digits - 1)));

    public static Term Number { get; } = Term.Of(
        Term.Optional(Term.Literal("-")),
        Term.Either(Term.Literal("0"), Term.Of(Term.Chars(('1', '9')), Term.Times(Digit, 0, Digits - 1))),
        Term.Optional(Fraction),
        Term.Optional(Term.Of(Term.Chars(CharClass.Of("eE")), Term.Optional(Term.Chars(CharClass.Of("-+"))),
            Term.Times(Digit, 1, 2))));

    public Term Space => _space.Value;

    /// <summary>One character of a string as it may be written.</summary>
    public Term Character => _character.Value;

    public Term Value => _value.Value;

    public Term Object => _object.Value;

    public Term Array => _array.Value;

    public Term String(int min, int max) => Quoted(Term.Times(Character, min, max));

    public static Term Quoted(Term inner) => Term.Of(Term.Literal("\""), inner, Term.Literal("\""));

    public Term Property(Term name, Term value) => Term.Of(name, Term.Literal(":"), Space, value);

    /// <summary>A list of equal items between brackets.</summary>
    public Term Bracket(char open, char close, int min, int max, Term item)
    {
        var rest = max == Term.NoEnd ? Term.NoEnd : max - 1;
        var items = max == 0
            ? Term.Empty
            : Term.Of(Space, item, Term.Times(Term.Of(Comma, item), Math.Max(0, min - 1), rest));
        return Bracket(open, close, min == 0 ? Term.Optional(items) : items);
    }

    public Term Bracket(char open, char close, Term inner) =>
        Term.Of(Term.Literal(open.ToString()), inner, Space, Term.Literal(close.ToString()));

    public Term Comma => Term.Of(Term.Literal(","), Space);

    /// <summary>One given value, without white space.</summary>
    public static Term Exactly(JsonNode? value) => Term.Literal(Written(value));

    /// <summary>The text of a value with as few escapes as JSON allows.</summary>
    public static string Written(JsonNode? value) => value?.ToJsonString(s_plain) ?? "null";

    private static readonly JsonSerializerOptions s_plain =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 128 };

    private static Term CharacterBody()
    {
        var ordinary = Term.Of(
            Term.Chars(('0', '9'), ('a', 'c'), ('e', 'f'), ('A', 'C'), ('E', 'F')), Term.Times(s_hex, 3, 3));
        var dLow = Term.Of(Term.Chars(CharClass.Of("dD")), Term.Chars(('0', '7')), Term.Times(s_hex, 2, 2));
        var pair = Term.Of(
            Term.Chars(CharClass.Of("dD")), Term.Chars(('8', '9'), ('a', 'b'), ('A', 'B')), Term.Times(s_hex, 2, 2),
            Term.Literal("\\u"),
            Term.Chars(CharClass.Of("dD")), Term.Chars(('c', 'f'), ('C', 'F')), Term.Times(s_hex, 2, 2));
        return Term.Either(
            Term.Chars(Plain),
            Term.Of(Term.Literal("\\"), Term.Either(
                Term.Chars(CharClass.Of("\"\\/bfnrt")),
                Term.Of(Term.Literal("u"), Term.Either(ordinary, dLow, pair)))));
    }

    // The rule exists before its body, which may call it.
    private Term Define(string name, Func<Term> body)
    {
        var rule = _rules.Add(name);
        _bodies.Add((rule, body));
        return new Call(rule);
    }

    private readonly List<(int Rule, Func<Term> Body)> _bodies = [];

    /// <summary>Writes the rules that were used; bodies may use further ones.</summary>
    public void Finish()
    {
        for (var i = 0; i < _bodies.Count; i++)
            _rules.Define(_bodies[i].Rule, _bodies[i].Body());
    }
}
