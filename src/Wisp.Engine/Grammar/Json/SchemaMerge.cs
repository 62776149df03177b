using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Wisp.Grammar;

/// <summary>
/// References, "allOf" and what stands beside them, made one schema; and which schemas share no value.
/// </summary>
internal sealed class SchemaMerge
{
    private const int MaxReferences = 32;
    private const int MaxCross = 64;

    // Characters of all schemas that are joined, together: a recursion through allOf may join ever larger ones.
    private const int MaxJoined = 1 << 19;

    private static readonly string[] s_least =
        ["minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum"];
    private static readonly string[] s_most = ["maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum"];

    private readonly JsonNode? _root;
    private readonly string _file;
    private readonly Dictionary<string, string> _placeOfAnchor = [];
    private long _joined;

    public SchemaMerge(JsonNode? root, string file)
    {
        (_root, _file) = (root, file);
        FindAnchors(root, "");
    }

    public SchemaNode NodeOf(JsonNode? schema, string pointer) => schema is JsonObject words
        ? new SchemaNode(words, pointer, _file)
        : throw new SchemaNode([], pointer, _file).Fault("a schema is an object, true or false");

    public static bool IsFalse(JsonNode? schema) => schema is JsonValue v && v.TryGetValue<bool>(out var all) && !all;

    private static bool IsTrue(JsonNode? schema) => schema is JsonValue v && v.TryGetValue<bool>(out var all) && all;

    /// <summary>The schema at a JSON pointer (RFC 6901) of the file.</summary>
    /// <param name="from">Where it is asked for.</param>
    public JsonNode? Resolve(string place, string from)
    {
        var at = _root;
        foreach (var part in place.Split('/').Skip(1))
        {
            var key = part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            var found = at switch
            {
                JsonObject map => map.TryGetPropertyValue(key, out at),
                JsonArray list => int.TryParse(key, NumberStyles.None, null, out var i) && i < list.Count
                    && (at = list[i]) is var _,
                _ => false,
            };
            if (!found)
                throw new SchemaNode([], from, _file).Fault($"'$ref' names #{place}, where there is nothing");
        }

        return at;
    }

    /// <summary>The place that a schema refers to and says nothing else of, or null.</summary>
    public string? OnlyReference(SchemaNode node)
    {
        var telling = node.Words.Where(w => !SchemaReader.IsDescriptive(w.Key)).ToList();
        return telling switch
        {
            [{ Key: "$ref" }] => PlaceOf(node),
            [{ Key: "allOf", Value: JsonArray { Count: 1 } only }] when only[0] is JsonObject inner =>
                OnlyReference(new SchemaNode(inner, $"{node.At("allOf")}/0", _file)),
            _ => null,
        };
    }

    private string PlaceOf(SchemaNode node)
    {
        var reference = node.Text("$ref")!;
        if (!reference.StartsWith('#'))
            throw node.FaultAt("$ref",
                $"'{reference}' is in another document; only references that begin with # are read");
        var place = Uri.UnescapeDataString(reference[1..]);
        return place.Length == 0 || place[0] == '/' ? place
            : _placeOfAnchor.TryGetValue(place, out var anchor) ? anchor
            : throw node.FaultAt("$ref", $"'{reference}' names no $anchor of this document");
    }

    private void FindAnchors(JsonNode? node, string pointer)
    {
        switch (node)
        {
            case JsonObject map:
                if (map["$anchor"] is JsonValue v && v.TryGetValue<string>(out var name))
                    _placeOfAnchor.TryAdd(name, pointer);
                foreach (var (key, value) in map)
                    FindAnchors(value, $"{pointer}/{SchemaNode.Part(key)}");

                break;
            case JsonArray list:
                for (var i = 0; i < list.Count; i++)
                    FindAnchors(list[i], $"{pointer}/{i}");
                break;
        }
    }

    /// <summary>The schema with its $ref and allOf merged into it; false where nothing is valid.</summary>
    public JsonNode Flatten(SchemaNode node, int references = 0)
    {
        if (references > MaxReferences)
            throw node.Fault($"more than {MaxReferences} schemas refer to one another here, perhaps in a circle");
        var own = new JsonObject();
        foreach (var (word, value) in node.Words)
            if (word is not ("$ref" or "allOf") && !SchemaReader.IsDescriptive(word))
                own[word] = value?.DeepClone();
        own.Remove("nullable");
        if (node.Flag("nullable") == true && node.Has("type"))
            own["type"] = new JsonArray([.. SchemaReader.TypesOf(node).Select(t => (JsonNode)t)]);
        JsonNode result = own;
        if (node.Has("$ref"))
            result = With(result, Resolve(PlaceOf(node), node.Pointer), node.At("$ref"));
        var all = node.List("allOf");
        for (var i = 0; i < (all?.Count ?? 0); i++)
            result = With(result, all![i], $"{node.At("allOf")}/{i}");
        return result;

        JsonNode With(JsonNode left, JsonNode? part, string place)
        {
            if (IsTrue(part) || IsFalse(left))
                return left;
            if (IsFalse(part))
                return JsonValue.Create(false);
            var inner = NodeOf(part, place);
            SchemaReader.CheckWords(inner);
            var flat = Flatten(inner, references + 1);
            Spend(50, inner); // a call has its price even where nothing has to be joined
            if (IsFalse(flat) || left is JsonObject { Count: 0 })
                return flat;
            Spend(left.ToJsonString().Length + flat.ToJsonString().Length, inner);
            return Merge(new SchemaNode(left.AsObject(), node.Pointer, _file),
                    new SchemaNode(flat.AsObject(), place, _file));
        }
    }

    private void Spend(int characters, SchemaNode at)
    {
        _joined += characters;
        if (_joined > MaxJoined)
        {
            throw at.Fault($"the schemas that must hold together here come to more than {MaxJoined} characters when " +
                "they are joined, perhaps because one joins itself to itself again and again");
        }
    }

    /// <summary>One alternative together with what stands beside the alternatives.</summary>
    public static JsonNode? Beside(SchemaNode node, string word, JsonNode? option)
    {
        var beside = new JsonObject();
        foreach (var (key, value) in node.Words)
            if (key != word && !SchemaReader.IsDescriptive(key))
                beside[key] = value?.DeepClone();
        return beside.Count == 0 ? option : new JsonObject { ["allOf"] = new JsonArray(beside, option?.DeepClone()) };
    }

    // Both left and right must hold. The words of left come first, and so do its properties.
    private static JsonNode Merge(SchemaNode left, SchemaNode right)
    {
        var merged = (JsonObject)left.Words.DeepClone();
        if (left.Has("enum") || left.Has("const") || right.Has("enum") || right.Has("const"))
        {
            var values = !(left.Has("enum") || left.Has("const")) ? ValuesOf(right)
                : !(right.Has("enum") || right.Has("const")) ? ValuesOf(left)
                : ValuesOf(left).IntersectBy(ValuesOf(right).Select(Canonical), Canonical).ToList();
            merged.Remove("const");
            merged["enum"] = new JsonArray([.. values.Select(v => v?.DeepClone())]);
            if (values.Count == 0)
                return JsonValue.Create(false);
        }

        foreach (var (word, value) in right.Words)
        {
            if (word is "enum" or "const" or "properties" or "additionalProperties")
                continue;
            if (!left.Has(word))
                merged[word] = value?.DeepClone();
            else if (word == "type")
            {
                var types = Types(left).SelectMany(a => Types(right).Select(b => Common(a, b))).OfType<string>()
                    .Distinct().ToArray();
                if (types.Length == 0)
                    return JsonValue.Create(false);
                merged[word] = new JsonArray([.. types.Select(t => (JsonNode)t)]);
            }
            else if (word == "required")
                merged[word] = new JsonArray([.. left.List(word)!.Concat(right.List(word)!)
                    .Select(v => v?.DeepClone())]);
            else if (s_least.Contains(word) || s_most.Contains(word))
            {
                var (a, b) = (left.Number(word, false)!.Value, right.Number(word, false)!.Value);
                if (a.CompareTo(b) < 0 == s_least.Contains(word))
                    merged[word] = value!.DeepClone();
            }
            else if (word is "anyOf" or "oneOf")
                merged[word] = Cross(right, word, left.List(word)!, right.List(word)!);
            else if (word == "uniqueItems")
                merged[word] = left.Flag(word) == true || right.Flag(word) == true;
            else if (word == "items" && left["items"] is not JsonArray && value is not JsonArray)
                merged[word] = Both(left["items"], value);
            else if (!JsonNode.DeepEquals(left[word], value))
                throw right.FaultAt(word,
                    $"'{word}' stands in two schemas that must both hold, and the two cannot be joined");
        }

        if (left.Has("prefixItems") != right.Has("prefixItems") && left.Has("items") | right.Has("items"))
        {
            throw right.Fault(
                "'prefixItems' of one schema and 'items' of another that must both hold cannot be joined");
        }

        MergeProperties(merged, left, right);
        return merged;
    }

    // What one side declares is an additional property to the other.
    private static void MergeProperties(JsonObject merged, SchemaNode left, SchemaNode right)
    {
        var (ours, theirs) = (left.Map("properties"), right.Map("properties"));
        var (ourRest, theirRest) = (left["additionalProperties"], right["additionalProperties"]);
        if (ours is null && theirs is null && ourRest is null && theirRest is null)
            return;
        var properties = new JsonObject();
        foreach (var (name, schema) in ours ?? [])
            properties[name] = Both(schema, theirs?.ContainsKey(name) == true ? theirs[name] : theirRest);
        foreach (var (name, schema) in theirs ?? [])
            if (ours?.ContainsKey(name) != true)
                properties[name] = Both(schema, ourRest);
        if (ours is not null || theirs is not null)
            merged["properties"] = properties;
        if (ourRest is not null || theirRest is not null)
            merged["additionalProperties"] = Both(ourRest, theirRest);
    }

    private static JsonNode? Both(JsonNode? a, JsonNode? b)
    {
        if (IsFalse(a) || IsFalse(b))
            return JsonValue.Create(false);
        if (a is null || IsTrue(a))
            return b?.DeepClone() ?? JsonValue.Create(true);
        return b is null || IsTrue(b) || JsonNode.DeepEquals(a, b)
            ? a.DeepClone()
            : new JsonObject { ["allOf"] = new JsonArray(a.DeepClone(), b.DeepClone()) };
    }

    private static JsonArray Cross(SchemaNode node, string word, JsonArray left, JsonArray right)
    {
        if (left.Count * right.Count > MaxCross)
        {
            throw node.FaultAt(word, $"{left.Count} by {right.Count} alternatives would have to be joined; at most " +
                $"{MaxCross} are");
        }

        return [.. left.SelectMany(a => right.Select(b => Both(a ?? JsonValue.Create(false), b)))];
    }

    private static string? Common(string a, string b) => a == b ? a
        : (a, b) is ("integer", "number") or ("number", "integer") ? "integer"
        : null;

    private static string[] Types(SchemaNode node) => node["type"] switch
    {
        JsonArray list => [.. list.Select(t => t?.ToString() ?? "")],
        null => [],
        var one => [one.ToString()],
    };

    /// <summary>The values of "enum", or of "const", or those in both.</summary>
    public static List<JsonNode?> ValuesOf(SchemaNode node)
    {
        List<JsonNode?> values = node.Has("enum") ? [.. node.List("enum")!] : [node["const"]];
        if (node.Has("enum") && node.Has("const"))
            values.RemoveAll(v => Canonical(v) != Canonical(node["const"]));
        return values.Count > 0
            ? values
            : throw node.Fault("no value of 'enum' or 'const' is left, so no value is valid");
    }

    // 1, 1.0 and 10e-1 are one value.
    private static string Canonical(JsonNode? value) => value is JsonValue v && v.GetValueKind() == JsonValueKind.Number
        && JsonNumbers.Bound.TryParse(v.ToJsonString(), open: false, out var number)
        ? $"{number.Digits}/{number.Scale}"
        : JsonText.Written(value);

    public static bool IsOfType(JsonNode? value, string type) => (value?.GetValueKind() ?? JsonValueKind.Null) switch
    {
        JsonValueKind.Object => type == "object",
        JsonValueKind.Array => type == "array",
        JsonValueKind.String => type == "string",
        JsonValueKind.Number => type == "number" || type == "integer"
            && JsonNumbers.Bound.TryParse(value!.ToJsonString(), open: false, out var number) && number.IsInteger,
        JsonValueKind.Null => type == "null",
        _ => type == "boolean",
    };

    /// <summary>A pair of bounds on a count; without a maximum <see cref="Term.NoEnd"/>.</summary>
    public static (int Min, int Max) Counts(SchemaNode node, string least, string most)
    {
        var (min, max) = (node.Count(least) ?? 0, node.Count(most) ?? Term.NoEnd);
        return min <= max
            ? (min, max)
            : throw node.FaultAt(least, $"'{least}' is {min} and '{most}' is {max}, so no value is valid");
    }

    /// <summary>
    /// Whether surely no value is valid against both: they have no type in common, or different constants, or are
    /// objects that a property tells apart.
    /// </summary>
    /// <param name="a">Without $ref and allOf, from <see cref="Flat"/>.</param>
    public bool AreApart(JsonNode a, JsonNode b, string place, int levels = 8)
    {
        if (IsFalse(a) || IsFalse(b))
            return true;
        if (IsTrue(a) || IsTrue(b) || levels == 0)
            return false;
        var left = new SchemaNode(a.AsObject(), place, _file);
        var right = new SchemaNode(b.AsObject(), place, _file);
        var (ours, theirs) = (ConstantsOf(left), ConstantsOf(right));
        if (ours is not null && theirs is not null)
            return !ours.Select(Canonical).Intersect(theirs.Select(Canonical)).Any();
        var (ourTypes, theirTypes) = (Types(left), Types(right));
        if (ours is not null)
            return theirTypes.Length > 0 && !ours.Any(v => theirTypes.Any(t => IsOfType(v, t)));
        if (theirs is not null)
            return ourTypes.Length > 0 && !theirs.Any(v => ourTypes.Any(t => IsOfType(v, t)));
        if (ourTypes.Length == 0 || theirTypes.Length == 0)
            return false;
        var common = ourTypes.SelectMany(x => theirTypes.Select(y => Common(x, y))).OfType<string>().ToArray();
        return common.All(t => t == "object") && (common.Length == 0 || TellApart(left, right, place, levels));
    }

    /// <summary>A schema with its references joined, or true or false.</summary>
    public JsonNode Flat(JsonNode? schema, string place) =>
        IsTrue(schema) || IsFalse(schema) ? schema! : Flatten(NodeOf(schema, place));

    private static List<JsonNode?>? ConstantsOf(SchemaNode node) =>
        node.Has("enum") || node.Has("const") ? ValuesOf(node) : null;

    private bool TellApart(SchemaNode left, SchemaNode right, string place, int levels)
    {
        var (ours, theirs) = (left.Map("properties") ?? [], right.Map("properties") ?? []);
        var (needed, alsoNeeded) = (Names(left), Names(right));
        return needed.Any(p => IsFalse(right["additionalProperties"]) && !theirs.ContainsKey(p))
            || alsoNeeded.Any(p => IsFalse(left["additionalProperties"]) && !ours.ContainsKey(p))
            || needed.Intersect(alsoNeeded).Any(p => ours.TryGetPropertyValue(p, out var x)
                && theirs.TryGetPropertyValue(p, out var y)
                && AreApart(Flat(x, place), Flat(y, place), place, levels - 1));

        static HashSet<string> Names(SchemaNode node) =>
            [.. (node.List("required") ?? []).Select(v => v?.ToString() ?? "")];
    }
}
