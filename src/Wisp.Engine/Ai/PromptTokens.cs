using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Model;

namespace Wisp.Ai;

/// <summary>
/// The tokens of a rendered prompt, in which the template's own control tokens are tokens and the same spelling in a
/// message stays text: nobody who is quoted can end a turn or begin one.
/// </summary>
/// <remarks>
/// Templates mix both into one text. So every spelling in the messages is broken by a mark before they are rendered,
/// and the marks are taken out again where the text between control tokens is encoded. The mark is a code point that
/// Unicode sets aside for such use and that the messages do not hold. Control tokens of a single character cannot be
/// broken.
/// </remarks>
internal sealed class PromptTokens
{
    // The noncharacters U+FDD0 to U+FDEF.
    private const char FirstMark = '\uFDD0', LastMark = '\uFDEF';

    private readonly Tokenizer _tokenizer;
    private readonly string[] _spellings;

    public PromptTokens(Tokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        _spellings = [.. tokenizer.Special.Where(tokenizer.IsSpecial)
            .Select(id => Encoding.UTF8.GetString(tokenizer.BytesOf(id))).Where(text => text.Length > 1)];
    }

    /// <summary>A character that none of the inputs holds.</summary>
    /// <exception cref="ArgumentException">They hold all that could be one.</exception>
    public static char MarkFor(params ReadOnlySpan<JsonNode?> inputs)
    {
        var used = new HashSet<char>();
        foreach (var input in inputs)
            Walk(input, text =>
            {
                used.UnionWith(text.Where(c => c is >= FirstMark and <= LastMark));
                return text;
            });
        for (var mark = FirstMark; mark <= LastMark; mark++)
            if (!used.Contains(mark))
                return mark;
        throw new ArgumentException("The messages hold all 32 noncharacters from U+FDD0 to U+FDEF. Take one out.");
    }

    /// <summary>Breaks the spellings of control tokens in all texts, those that name roles included.</summary>
    public JsonNode? Guard(JsonNode? input, char mark) => Walk(input, text =>
    {
        foreach (var spelling in _spellings)
            if (text.Contains(spelling, StringComparison.Ordinal))
                text = text.Replace(spelling, spelling[..1] + mark + spelling[1..], StringComparison.Ordinal);
        return text;
    });

    /// <summary>The tokens, and before them the one that begins a text where the vocabulary asks for it.</summary>
    public List<int> Encode(string rendered, char mark)
    {
        var bytes = Encoding.UTF8.GetBytes(rendered);
        var ids = new List<int>((bytes.Length / 3) + 2);
        foreach (var (start, length, id) in new SpecialSplit(_tokenizer).Split(bytes, parseSpecial: true))
        {
            if (id >= 0)
            {
                ids.Add(id);
                continue;
            }

            var text = Encoding.UTF8.GetString(bytes, start, length);
            _tokenizer.Encode(Encoding.UTF8.GetBytes(text.Replace(mark.ToString(), "", StringComparison.Ordinal)), ids);
        }

        if (_tokenizer.AddBos && _tokenizer.Bos >= 0 && (ids.Count == 0 || ids[0] != _tokenizer.Bos))
            ids.Insert(0, _tokenizer.Bos);
        return ids;
    }

    // A copy with every string and every name changed.
    private static JsonNode? Walk(JsonNode? node, Func<string, string> change) => node switch
    {
        JsonObject map => new JsonObject(map.Select(pair =>
            KeyValuePair.Create(change(pair.Key), Walk(pair.Value, change)))),
        JsonArray list => new JsonArray([.. list.Select(item => Walk(item, change))]),
        JsonValue value when value.GetValueKind() == JsonValueKind.String =>
            JsonValue.Create(change(value.GetValue<string>())),
        _ => node?.DeepClone(),
    };
}
