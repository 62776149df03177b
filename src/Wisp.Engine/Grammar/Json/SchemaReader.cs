using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Wisp.Grammar;

/// <summary>Turns the parts of a JSON Schema into rules.</summary>
internal sealed class SchemaReader
{
    private const int MaxLevels = 60;

    private static readonly string[] s_types =
        ["object", "array", "string", "number", "integer", "boolean", "null"];

    private static readonly string[] s_descriptive =
    [
        "$schema", "$id", "$comment", "$defs", "definitions", "$anchor", "$vocabulary", "title", "description",
        "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "contentMediaType", "contentEncoding",
        "discriminator", "externalDocs", "xml",
    ];

    // Words of each type; a word that is in none of these lists is refused.
    private static readonly Dictionary<string, string[]> s_wordsOf = new()
    {
        ["object"] = ["properties", "required", "additionalProperties", "minProperties", "maxProperties"],
        ["array"] = ["items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems"],
        ["string"] = ["minLength", "maxLength", "pattern", "format"],
        ["number"] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "format"],
    };

    private static readonly string[] s_numberFormats = ["int32", "int64", "float", "double"];

    private static readonly string[] s_shared =
        ["type", "nullable", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"];

    private readonly GrammarRules _rules;
    private readonly string _file;
    private readonly JsonText _json;
    private readonly SchemaMerge _merge;
    private readonly Dictionary<string, int> _ruleOfPlace = [];
    private readonly Dictionary<string, int> _ruleOfText = [];
    private readonly Queue<(int Rule, JsonNode? Schema, string Place)> _open = [];
    private int _levels;
    private long _size;

    public SchemaReader(JsonNode? root, GrammarRules rules, string file)
    {
        (_rules, _file, _json) = (rules, file, new JsonText(rules));
        _merge = new SchemaMerge(root, file);
    }

    /// <summary>Defines rule 0 and all that it needs.</summary>
    public void ReadAll()
    {
        RuleAt("", "");
        while (_open.TryDequeue(out var next))
            _rules.Define(next.Rule, Read(next.Schema, next.Place));
        _json.Finish();
    }

    private int RuleAt(string place, string from)
    {
        if (_ruleOfPlace.TryGetValue(place, out var rule))
            return rule;
        rule = _rules.Add(place.Length == 0 ? "root" : "#" + place);
        _ruleOfPlace.Add(place, rule);
        _open.Enqueue((rule, _merge.Resolve(place, from), place));
        return rule;
    }

    // Schemas that were merged have no place of their own. Equal ones are one rule, so that a recursion through them
    // comes to an end.
    private Call Merged(JsonNode schema, string pointer)
    {
        var text = schema.ToJsonString();
        if (!_ruleOfText.TryGetValue(text, out var rule))
        {
            rule = _rules.Add($"#{pointer} merged");
            _ruleOfText.Add(text, rule);
            _open.Enqueue((rule, schema, pointer));
        }

        return new Call(rule);
    }

    private Term Read(JsonNode? schema, string pointer)
    {
        if (schema is JsonValue value && value.TryGetValue<bool>(out var all))
            return all ? _json.Value : Term.Nothing;
        var node = _merge.NodeOf(schema, pointer);
        if (++_levels > MaxLevels)
            throw node.Fault($"schemas are nested more than {MaxLevels} deep");
        var term = Read(node);
        GrammarRules.CheckSize(_size += term.Size);
        _levels--;
        return term;
    }

    private Term Read(SchemaNode node)
    {
        CheckWords(node);
        if (_merge.OnlyReference(node) is { } place)
            return new Call(RuleAt(place, node.Pointer));
        if (node.Has("$ref") || node.Has("allOf"))
            return Merged(_merge.Flatten(node), node.Pointer);
        if (node.Has("anyOf") || node.Has("oneOf"))
            return Alternatives(node);
        if (node.Has("enum") || node.Has("const"))
            return Values(node);

        var types = TypesOf(node);
        if (types.Count == 0)
            return _json.Value;
        return Term.Either([.. types.Select(type => OfType(type, node))]);
    }

    public static bool IsDescriptive(string word) =>
        s_descriptive.Contains(word) || word.StartsWith("x-", StringComparison.Ordinal);

    /// <summary>Refuses words that are neither kept nor free to skip.</summary>
    public static void CheckWords(SchemaNode node)
    {
        foreach (var (word, _) in node.Words)
        {
            if (IsDescriptive(word) || s_shared.Contains(word) || s_wordsOf.Values.Any(words => words.Contains(word)))
                continue;
            throw node.FaultAt(word, $"'{word}' cannot be turned into a grammar; take it out or say it otherwise");
        }
    }

    /// <summary>The types that a schema names, or that its words tell; none means any.</summary>
    public static List<string> TypesOf(SchemaNode node)
    {
        var types = new List<string>();
        var named = node["type"] is JsonArray list ? [.. list] : node.Has("type") ? new[] { node["type"] } : [];
        foreach (var entry in named)
        {
            if (entry is not JsonValue v || !v.TryGetValue<string>(out var type) || !s_types.Contains(type))
            {
                throw node.FaultAt("type", $"'type' must be one of {string.Join(", ", s_types)}, or a list of these");
            }

            if (!types.Contains(type))
                types.Add(type);
        }

        if (node["type"] is JsonArray { Count: 0 })
            throw node.FaultAt("type", "'type' is an empty list, so no value is valid");
        if (types.Contains("number"))
            types.Remove("integer");
        if (types.Count == 0)
        {
            types.AddRange(s_wordsOf.Where(t => t.Value.Any(w => w != "format" && node.Has(w))).Select(t => t.Key));
            if (types.Count == 0 && node.Has("format"))
                types.Add("string");
        }

        // OpenAPI 3.0: "nullable" adds to the "type" beside it, and without one says nothing.
        if (node.Flag("nullable") == true && node.Has("type") && !types.Contains("null"))
            types.Add("null");
        return types;
    }

    private Term OfType(string type, SchemaNode node) => type switch
    {
        "object" => new SchemaObjects(_json, _rules, Read).Read(node),
        "array" => ReadArray(node),
        "string" => ReadString(node),
        "number" => ReadNumber(node, whole: false),
        "integer" => ReadNumber(node, whole: true),
        "boolean" => JsonText.Boolean,
        _ => JsonText.Null,
    };

    private Term Alternatives(SchemaNode node)
    {
        var word = node.Has("anyOf") ? "anyOf" : "oneOf";
        var options = node.List(word)!;
        if (options.Count == 0)
            throw node.FaultAt(word, $"'{word}' is empty, so no value is valid");
        var merged = new List<(JsonNode? Schema, string Place)>();
        for (var i = 0; i < options.Count; i++)
        {
            var place = $"{node.At(word)}/{i}";
            merged.Add((SchemaMerge.Beside(node, word, options[i]), place));
        }

        if (word == "oneOf")
        {
            var flat = merged.Select(m => _merge.Flat(m.Schema, m.Place)).ToArray();
            for (var i = 0; i < merged.Count; i++)
            {
                for (var j = 0; j < i; j++)
                {
                    if (!_merge.AreApart(flat[i], flat[j], merged[i].Place))
                    {
                        throw node.FaultAt(word, $"a value might be valid against both {j} and {i} of 'oneOf', which " +
                            "allows one only; use 'anyOf', or tell them apart by type or by a constant property");
                    }
                }
            }
        }

        return Term.Either([.. merged.Select(m => Read(m.Schema, m.Place))]);
    }

    private static Term Values(SchemaNode node)
    {
        var values = SchemaMerge.ValuesOf(node);
        var types = node.Has("type") ? TypesOf(node) : [];
        foreach (var word in s_wordsOf.Values.SelectMany(w => w))
        {
            if (node.Has(word) && values.Any(v => v is not null && Concerns(word, v)))
                throw node.FaultAt(word, $"'{word}' beside 'enum' or 'const' cannot be kept; leave values out instead");
        }

        var texts = values.Where(v => types.Count == 0 || types.Any(t => SchemaMerge.IsOfType(v, t)))
            .Select(JsonText.Written).Distinct().Order(StringComparer.Ordinal).ToArray();
        if (texts.Length == 0)
            throw node.Fault("no value of 'enum' or 'const' is left, so no value is valid");
        return OneOf(texts, 0, 0, texts.Length);

        static bool Concerns(string word, JsonNode value) => s_wordsOf.Any(
            t => t.Value.Contains(word) && SchemaMerge.IsOfType(value, t.Key));
    }

    // Texts share their beginnings, so that a choice of thousands takes one step at a time.
    private static Term OneOf(string[] texts, int at, int from, int to)
    {
        var first = texts[from];
        var last = texts[to - 1];
        var common = at;
        while (common < Math.Min(first.Length, last.Length) && first[common] == last[common])
            common++;
        if (common < first.Length && char.IsLowSurrogate(first[common]))
            common--;
        if (to - from == 1)
            return Term.Literal(first[at..]);

        var ways = new List<Term>();
        for (var i = from; i < to;)
        {
            var end = i + 1;
            if (texts[i].Length == common)
            {
                ways.Add(Term.Empty);
                i = end;
                continue;
            }

            var width = char.IsSurrogatePair(texts[i], common) ? 2 : 1;
            while (end < to && string.CompareOrdinal(texts[i], common, texts[end], common, width) == 0)
                end++;
            ways.Add(Term.Of(Term.Literal(texts[i].Substring(common, width)), OneOf(texts, common + width, i, end)));
            i = end;
        }

        return Term.Of(Term.Literal(first[at..common]), Term.Either([.. ways]));
    }

    private Term ReadString(SchemaNode node)
    {
        var (min, max) = SchemaMerge.Counts(node, "minLength", "maxLength");
        var hasFormat = node.Text("format") is { } format && !s_numberFormats.Contains(format);
        if (!node.Has("pattern") && !hasFormat)
            return _json.String(min, max);
        if (min > 0 || max != Term.NoEnd || node.Has("pattern") && hasFormat)
        {
            throw node.Fault("only one of a length, a 'pattern' and a 'format' can be kept; write the length into " +
                "the pattern, such as ^[a-z]{1,8}$");
        }

        var word = node.Has("pattern") ? "pattern" : "format";
        var text = node.Text(word)!;
        var pattern = word == "pattern" ? text : JsonFormats.PatternOf(text)
            ?? throw node.FaultAt(word, $"the format '{text}' is not known; known are {JsonFormats.Known}");
        return JsonText.Quoted(new JsonPattern(pattern, m => node.FaultAt(word, m)).Content(_json.Character));
    }

    private static Term ReadNumber(SchemaNode node, bool whole)
    {
        var low = Tighter(Bound("minimum", "exclusiveMinimum"), 1);
        var high = Tighter(Bound("maximum", "exclusiveMaximum"), -1);
        if (node.Text("format") is { } format && JsonFormats.PatternOf(format) is null)
        {
            var bits = format switch { "int32" => 31, "int64" => 63, "float" or "double" => 0, _ => -1 };
            if (bits < 0)
                throw node.FaultAt("format", $"the format '{format}' of a number is not known");
            if (bits > 0)
            {
                whole = true;
                low = Tighter([low, new JsonNumbers.Bound(-BigInteger.Pow(2, bits), 0, false)], 1);
                high = Tighter([high, new JsonNumbers.Bound(BigInteger.Pow(2, bits) - 1, 0, false)], -1);
            }
        }

        if (low is { } l && high is { } h
            && (l.CompareTo(h) is var order && order > 0 || order == 0 && (l.Open || h.Open)))
            throw node.Fault("the minimum is above the maximum, so no number is valid");
        if (low is null && high is null)
            return whole ? JsonText.Integer : JsonText.Number;
        if (!whole)
            return JsonNumbers.Decimals(low, high);

        // The first and the last whole number inside.
        var first = low is { } from ? from.Floor() + (from.IsInteger && !from.Open ? 0 : 1) : (BigInteger?)null;
        var last = high is { } to ? to.Floor() - (to.IsInteger && to.Open ? 1 : 0) : (BigInteger?)null;
        return first > last
            ? throw node.Fault($"no whole number lies between the minimum and the maximum")
            : JsonNumbers.Integers(first, last);

        // exclusiveMinimum is a number, or in draft 4 a flag beside minimum.
        JsonNumbers.Bound?[] Bound(string closed, string open)
        {
            var flag = node[open] is JsonValue v && v.GetValueKind() is JsonValueKind.True or JsonValueKind.False;
            return flag
                ? [node.Number(closed, node.Flag(open)!.Value)]
                : [node.Number(closed, open: false), node.Number(open, open: true)];
        }

        static JsonNumbers.Bound? Tighter(JsonNumbers.Bound?[] bounds, int sign) => bounds.Where(b => b is not null)
            .OrderByDescending(b => b, Comparer<JsonNumbers.Bound?>.Create((a, b) =>
                a!.Value.CompareTo(b!.Value) * sign is var order and not 0
                    ? order
                    : a.Value.Open.CompareTo(b.Value.Open)))
            .FirstOrDefault();
    }

    private Term ReadArray(SchemaNode node)
    {
        var (min, max) = SchemaMerge.Counts(node, "minItems", "maxItems");
        if (node.Flag("uniqueItems") == true && max > 1)
            throw node.FaultAt("uniqueItems", "'uniqueItems' cannot be kept by a grammar; take it out");

        // Drafts before 2020-12 have the list of the first items in "items" and the rest in "additionalItems".
        var old = node["items"] is JsonArray;
        var (listWord, restWord) = old ? ("items", "additionalItems") : ("prefixItems", "items");
        var list = node.List(listWord) ?? [];
        var closed = node[restWord] is JsonValue v && v.TryGetValue<bool>(out var all) && !all;
        if (closed)
            max = Math.Min(max, list.Count);
        if (min > max)
            throw node.Fault($"at least {min} items are asked for and at most {max} allowed, so no list is valid");
        var first = list.Take(max).Select((item, i) => Read(item, $"{node.At(listWord)}/{i}")).ToArray();
        var rest = closed ? Term.Nothing
            : node.Has(restWord) ? Read(node[restWord], node.At(restWord))
            : _json.Value;
        if (first.Length == 0)
            return _json.Bracket('[', ']', closed ? 0 : min, closed ? 0 : max, rest);

        // From the last item to the first: each may be followed by the next or by the end.
        var left = max == Term.NoEnd ? Term.NoEnd : max - first.Length;
        var tail = closed ? Term.Empty
            : Term.Times(Term.Of(_json.Comma, rest), Math.Max(0, min - first.Length), left);
        for (var i = first.Length - 1; i >= 0; i--)
        {
            var item = Term.Of(i == 0 ? _json.Space : _json.Comma, first[i], tail);
            tail = i < min ? item : Term.Optional(item);
        }

        return _json.Bracket('[', ']', tail);
    }
}
