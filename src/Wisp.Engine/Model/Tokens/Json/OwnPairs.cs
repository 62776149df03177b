using System.Text.Json;

namespace Wisp.Model;

/// <summary>
/// What a GGUF file says of its tokenizer and a tokenizer.json does not, as an object of pairs: a text, a whole
/// number, a switch or a list; null for a pair that the file lacks although the tokenizer.json speaks of it.
/// </summary>
internal static class OwnPairs
{
    public static void Write(Utf8JsonWriter writer, Vocabulary vocabulary, Vocabulary known)
    {
        writer.WriteStartObject(TokenizerJson.OwnKey);
        if (vocabulary.Kind != known.Kind)
            writer.WriteString("model", vocabulary.Kind);
        if (vocabulary.Pre != known.Pre)
            writer.WriteString("pre", vocabulary.Pre);
        List("tokens", vocabulary.Tokens, known.Tokens, writer.WriteStringValue);
        List("token_type", vocabulary.Types, known.Types, writer.WriteNumberValue);
        List("merges", vocabulary.Merges, known.Merges, writer.WriteStringValue);
        List("scores", vocabulary.Scores, known.Scores, score =>
        {
            if (float.IsFinite(score))
                writer.WriteNumberValue(score); // the shortest text that reads as the same bits
            else
                writer.WriteStringValue(score < 0 ? "-Infinity" : "Infinity");
        });
        if (!Same(vocabulary.CharacterMap, known.CharacterMap))
        {
            if (vocabulary.CharacterMap is null)
                writer.WriteNull("precompiled_charsmap");
            else
                writer.WriteBase64String("precompiled_charsmap", vocabulary.CharacterMap);
        }

        foreach (var (key, number) in vocabulary.Numbers)
            if (!known.Numbers.TryGetValue(key, out var other) || other != number)
                writer.WriteNumber(key, number);
        foreach (var (key, value) in vocabulary.Switches)
            if (!known.Switches.TryGetValue(key, out var other) || other != value)
                writer.WriteBoolean(key, value);
        foreach (var key in known.Numbers.Keys.Where(key => !vocabulary.Numbers.ContainsKey(key))
            .Concat(known.Switches.Keys.Where(key => !vocabulary.Switches.ContainsKey(key))))
            writer.WriteNull(key);
        writer.WriteEndObject();

        void List<T>(string name, IReadOnlyList<T>? items, IReadOnlyList<T>? others, Action<T> write)
        {
            if (Same(items, others))
                return;
            if (items is null)
            {
                writer.WriteNull(name);
                return;
            }

            writer.WriteStartArray(name);
            foreach (var item in items)
                write(item);
            writer.WriteEndArray();
        }
    }

    public static Vocabulary Apply(Vocabulary known, JsonPart own)
    {
        if (!own.Exists)
            return known;
        var numbers = known.Numbers.ToDictionary();
        var switches = known.Switches.ToDictionary();
        var (kind, pre, map) = (known.Kind, known.Pre, known.CharacterMap);
        var (tokens, types, scores, merges) = (known.Tokens, known.Types, known.Scores, known.Merges);
        foreach (var (key, value) in own.Members())
        {
            switch (key)
            {
                case "model":
                    kind = value.Text();
                    break;
                case "pre":
                    pre = value.Exists ? value.Text() : null;
                    break;
                case "tokens":
                    tokens = [.. value.Items().Select(item => item.Text())];
                    break;
                case "token_type":
                    types = value.Exists ? [.. value.Items().Select(item => item.Int(int.MinValue))] : null;
                    break;
                case "scores":
                    scores = value.Exists ? [.. value.Items().Select(item => item.Float())] : null;
                    break;
                case "merges":
                    merges = value.Exists ? [.. value.Items().Select(item => item.Text())] : null;
                    break;
                case "precompiled_charsmap":
                    map = value.Exists ? TokenizerJsonReader.Base64(value) : null;
                    break;
                default:
                    numbers.Remove(key);
                    switches.Remove(key);
                    if (value.IsBool)
                        switches[key] = value.Bool();
                    else if (value.Exists)
                        numbers[key] = value.UInt();
                    break;
            }
        }

        return new Vocabulary
        {
            Kind = kind, Pre = pre, Tokens = tokens, Types = types, Scores = scores, Merges = merges,
            CharacterMap = map, Numbers = numbers, Switches = switches, StripLeft = known.StripLeft,
            StripRight = known.StripRight,
        };
    }

    private static bool Same<T>(IReadOnlyList<T>? a, IReadOnlyList<T>? b)
    {
        if (a is null || b is null || a.Count != b.Count)
            return a is null && b is null;
        for (var i = 0; i < a.Count; i++)
            // Bit for bit: the two zeros of float differ.
            if (a[i] is float x && b[i] is float y
                ? BitConverter.SingleToInt32Bits(x) != BitConverter.SingleToInt32Bits(y)
                : !EqualityComparer<T>.Default.Equals(a[i], b[i]))
                return false;
        return true;
    }
}
