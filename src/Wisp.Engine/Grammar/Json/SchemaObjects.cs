using System.Text.Json.Nodes;

namespace Wisp.Grammar;

/// <summary>Objects of a JSON Schema: properties in the order of their declaration, then additional ones.</summary>
internal sealed class SchemaObjects(
    JsonText json, GrammarRules rules, Func<JsonNode?, string, Term> read)
{
    public Term Read(SchemaNode node)
    {
        var declared = node.Map("properties") ?? [];
        var required = Required(node);
        var additional = node["additionalProperties"];
        var closed = additional is JsonValue v && v.TryGetValue<bool>(out var all) && !all;
        foreach (var name in required.Where(name => !declared.ContainsKey(name)))
        {
            if (closed)
            {
                throw node.FaultAt("required", $"'{name}' is required, but not declared, and no additional " +
                    "property is allowed, so no object is valid");
            }
        }

        var properties = new List<(Term Term, bool Required)>();
        foreach (var (name, schema) in declared)
        {
            var place = $"{node.At("properties")}/{SchemaNode.Part(name)}";
            if (!SchemaMerge.IsFalse(schema))
                properties.Add((Property(name, read(schema, place)), required.Contains(name)));
            else if (required.Contains(name))
                throw node.Fault(place, $"'{name}' is required, but no value is valid for it");
        }

        var rest = additional is null || closed ? json.Value : read(additional, node.At("additionalProperties"));
        foreach (var name in required.Where(name => !declared.ContainsKey(name)))
            properties.Add((Property(name, rest), true));

        // An object without any declared property is any object.
        var open = !closed && (node.Has("additionalProperties") || properties.Count == 0 && declared.Count == 0);
        var (min, max) = SchemaMerge.Counts(node, "minProperties", "maxProperties");
        var more = open
            ? json.Property(JsonText.Quoted(NameBut(declared.Select(p => p.Key).Concat(required))), rest)
            : null;
        if (properties.Count == 0)
        {
            if (more is null && min > 0)
                throw node.FaultAt("minProperties", $"at least {min} properties are asked for, and none is allowed");
            return more is null ? json.Bracket('{', '}', Term.Empty) : json.Bracket('{', '}', min, max, more);
        }

        if (min > properties.Count(p => p.Required))
        {
            throw node.FaultAt("minProperties", "'minProperties' cannot be kept beside optional properties; make " +
                "them required");
        }

        if (max < properties.Count || max != Term.NoEnd && more is not null)
        {
            throw node.FaultAt("maxProperties",
                "'maxProperties' cannot be kept beside declared properties; take some out");
        }

        return json.Bracket('{', '}', Chain(node, properties, more));
    }

    private Term Property(string name, Term value) =>
        json.Property(JsonText.Exactly(JsonValue.Create(name)), value);

    // Two rules for each place in the list, by whether something stands before: then a comma is needed.
    private Call Chain(SchemaNode node, List<(Term Term, bool Required)> properties, Term? more)
    {
        var count = properties.Count;
        var (first, later) = (new int[count + 1], new int[count + 1]);
        for (var i = 0; i <= count; i++)
        {
            first[i] = rules.Add($"#{node.Pointer} from property {i}");
            later[i] = rules.Add($"#{node.Pointer} after property {i}");
        }

        var others = more is null ? Term.Empty : Term.Times(Term.Of(json.Comma, more), 0);
        rules.Define(later[count], others);
        rules.Define(first[count], more is null
            ? Term.Empty
            : Term.Optional(Term.Of(json.Space, more, others)));
        for (var i = 0; i < count; i++)
        {
            // The value is one rule, for both of these name it.
            var property = rules.Add($"#{node.Pointer} property {i}");
            rules.Define(property, properties[i].Term);
            var afterComma = Term.Of(json.Comma, new Call(property), new Call(later[i + 1]));
            var asFirst = Term.Of(json.Space, new Call(property), new Call(later[i + 1]));
            rules.Define(later[i],
                properties[i].Required ? afterComma : Term.Either(afterComma, new Call(later[i + 1])));
            rules.Define(first[i], properties[i].Required ? asFirst : Term.Either(asFirst, new Call(first[i + 1])));
        }

        return new Call(first[0]);
    }

    private static HashSet<string> Required(SchemaNode node)
    {
        var names = new HashSet<string>();
        foreach (var entry in node.List("required") ?? [])
        {
            names.Add(entry is JsonValue v && v.TryGetValue<string>(out var name)
                ? name
                : throw node.FaultAt("required", "'required' must be a list of names"));
        }

        return names;
    }

    // Names that are not among those declared: spelled without escapes, which could spell one of them, and leaving each
    // of them at some character or before or after its end.
    private static Term NameBut(IEnumerable<string> taken)
    {
        var words = taken.Select(name => JsonText.Written(JsonValue.Create(name))[1..^1])
            .Distinct().Order(StringComparer.Ordinal).Select(w => w.EnumerateRunes().Select(r => r.Value).ToArray());
        return Leaving([.. words], 0);
    }

    private static Term Leaving(List<int[]> words, int at)
    {
        // Names that agree for so long are not told apart any more: none of them is written.
        const int MaxPrefix = 60;
        var any = Term.Times(Term.Chars(JsonText.Plain), 0);
        if (words.Count == 0)
            return any;
        var next = words.Where(w => w.Length > at).GroupBy(w => w[at]).ToList();
        var ways = new List<Term>();
        if (words.All(w => w.Length > at))
            ways.Add(Term.Empty);
        foreach (var group in next)
            if (JsonText.Plain.Contains(group.Key) && at < MaxPrefix)
                ways.Add(Term.Of(Term.Chars(CharClass.Of(group.Key)), Leaving([.. group], at + 1)));
        var others = JsonText.Plain.Except(new CharClass(next.Select(g => (g.Key, g.Key))));
        ways.Add(Term.Of(Term.Chars(others), any));
        return Term.Either([.. ways]);
    }
}
