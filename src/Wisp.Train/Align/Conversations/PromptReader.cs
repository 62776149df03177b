using System.Text;
using System.Text.Json;
using Wisp.Train.Data;

namespace Wisp.Train.Align.Conversations;

/// <summary>
/// What wants an answer: conversations that end with a turn of the user or a tool. A text file has one prompt a line;
/// data files have a <c>prompt</c> (a text or messages) or any shape of conversation, whose last answer is left out.
/// </summary>
public static class PromptReader
{
    private const int MaxLineBytes = 1 << 20;

    /// <inheritdoc cref="ConversationReader.Read"/>
    public static IEnumerable<Conversation> Read(string path, Action<string>? faulty = null)
    {
        CorpusFiles.KindOf(path, out var compression);
        var inner = compression.Length > 0 ? Path.GetFileNameWithoutExtension(path) : path;
        return Path.GetExtension(inner).ToLowerInvariant() is ".txt" or ".md"
            ? Lines(path, compression) : JsonRecord.Read(path, Of, faulty);
    }

    internal static Conversation Of(JsonRecord record)
    {
        var conversation = record.Fields["prompt"] is not { } prompt
            ? record.Fields.ContainsKey("instruction") ? ConversationReader.OfInstruction(record, "")
            : ConversationReader.Bare(record)
            : prompt.GetValueKind() == JsonValueKind.String ? OfText(prompt.GetValue<string>())
            : ConversationReader.OfMessages(record.List("prompt")!);
        if (conversation.Turns is [.., { Role: Role.Assistant }])
            conversation = conversation.Take(conversation.Turns.Count - 1);
        conversation = (conversation with { Tools = ConversationReader.Tools(record) }).Validated(record.Where);
        return conversation.Turns[^1].Role is Role.User or Role.Tool ? conversation
            : throw record.Fault("the prompt does not end with a turn of the user, so there is nothing to answer.");
    }

    private static Conversation OfText(string text) => new([new ConversationTurn(Role.User, text)]);

    private static IEnumerable<Conversation> Lines(string path, string compression)
    {
        using var stream = CorpusReader.Open(path, compression);
        var lines = new LineReader(stream, path, MaxLineBytes);
        var utf8 = new UTF8Encoding(false, throwOnInvalidBytes: true);
        while (lines.Next())
        {
            string text;
            try
            {
                text = utf8.GetString(lines.Line.TrimStart("\uFEFF"u8)).Trim();
            }
            catch (DecoderFallbackException e)
            {
                throw new InvalidDataException($"{path}:{lines.Number}: is not UTF-8 text.", e);
            }

            if (text.Length > 0)
                yield return OfText(text);
        }
    }
}
