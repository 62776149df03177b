using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Wisp.Train.Align.Conversations;

/// <summary>
/// The copy of its data that a run keeps in its folder, whatever shapes they came in: OpenAI's messages, one
/// conversation or pair a line. A run goes on from it when the files it began with have moved.
/// </summary>
public static class ConversationFile
{
    public static void Write(string path, IEnumerable<Conversation> conversations) =>
        Save(path, conversations.Select(conversation =>
        {
            var record = new JsonObject { ["messages"] = ChatFormat.Messages(conversation) };
            if (conversation.Tools is { } tools)
                record["tools"] = tools.DeepClone();
            return record;
        }));

    public static void Write(string path, IEnumerable<PreferencePair> pairs) =>
        Save(path, pairs.Select(pair =>
        {
            var record = new JsonObject
            {
                ["chosen"] = ChatFormat.Messages(pair.Chosen), ["rejected"] = ChatFormat.Messages(pair.Rejected),
            };
            if (pair.Chosen.Tools is { } tools)
                record["tools"] = tools.DeepClone();
            return record;
        }));

    /// <summary>Texts to pretrain on, one in each line's field <c>text</c>.</summary>
    public static void WriteTexts(string path, IEnumerable<string> texts) =>
        Save(path, texts.Select(text => new JsonObject { ["text"] = text }));

    private static void Save(string path, IEnumerable<JsonObject> records) => AtomicFile.Write(path, file =>
    {
        // Read by people and never placed in a page, so letters stay letters.
        using var json = new Utf8JsonWriter(
            file, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        foreach (var record in records)
        {
            record.WriteTo(json);
            json.Flush();
            file.WriteByte((byte)'\n');
            json.Reset();
        }
    });
}
