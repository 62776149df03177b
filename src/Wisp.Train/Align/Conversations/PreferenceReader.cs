using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Train.Align.Labels;

namespace Wisp.Train.Align.Conversations;

/// <summary>
/// Two conversations that are the same up to the last turn of the assistant, of which someone liked one better.
/// </summary>
public sealed record PreferencePair(Conversation Chosen, Conversation Rejected);

/// <summary>
/// Pairs from the shapes that comparisons come in: hh-rlhf's two texts with <c>Human:</c> and <c>Assistant:</c>;
/// two lists of messages, or texts after a <c>prompt</c>; Alpaca's fields with a chosen and a rejected answer; and the
/// judgments of <c>wisp label</c>.
/// </summary>
public static class PreferenceReader
{
    private const string Human = "\n\nHuman:", Assistant = "\n\nAssistant:";

    /// <inheritdoc cref="ConversationReader.Read"/>
    public static IEnumerable<PreferencePair> Read(string path, Action<string>? faulty = null)
    {
        // What a person took back stands further down in the file, so their judgments come at its end.
        var labels = new LabelReading();
        foreach (var pair in JsonRecord.Read(path, record => labels.Take(record) ? null : Of(record), faulty))
            yield return pair;
        foreach (var record in labels.Live)
            if (!record.IsRepeat)
                foreach (var pair in record.Pairs())
                    yield return pair;
    }

    private static PreferencePair Of(JsonRecord record)
    {
        foreach (var field in (string[])["chosen", "rejected"])
            if (record.Fields[field] is null)
                throw record.Fault($"no pair: it has no '{field}'; the fields are {record.Names}.");
        Conversation chosen = Side(record, "chosen"), rejected = Side(record, "rejected");
        chosen.Validated($"{record.Where}, chosen");
        rejected.Validated($"{record.Where}, rejected");
        if (chosen.Turns[^1].Role != Role.Assistant || rejected.Turns[^1].Role != Role.Assistant)
            throw record.Fault("the last turn is not the assistant's, so there is nothing to compare.");
        if (!Same(chosen.Take(chosen.Turns.Count - 1), rejected.Take(rejected.Turns.Count - 1)))
            throw record.Fault("chosen and rejected answer different conversations; only the last turn may differ.");
        if (Same(chosen, rejected))
            throw record.Fault("chosen and rejected are the same answer. Leave the pair out.");
        return new PreferencePair(chosen, rejected);
    }

    private static Conversation Side(JsonRecord record, string field)
    {
        var tools = ConversationReader.Tools(record);
        if (record.Fields[field] is JsonArray or JsonObject)
        {
            var messages = record.Fields[field] is JsonObject one
                ? [new JsonRecord(one, $"{record.Where}, {field}")] : record.List(field)!;
            return ConversationReader.OfMessages([.. Prompt(record), .. messages]) with { Tools = tools };
        }

        var text = record.Text(field)!;
        if (record.Fields.ContainsKey("instruction"))
            return ConversationReader.OfInstruction(record, text) with { Tools = tools };
        var prompt = Prompt(record);
        if (prompt.Count > 0)
        {
            var turns = ConversationReader.OfMessages(prompt).Turns;
            return new Conversation([.. turns, new ConversationTurn(Role.Assistant, text)]) { Tools = tools };
        }

        return Transcript(record, text, field);
    }

    // The messages before the answers: a list of them, or a text that the user said.
    private static IReadOnlyList<JsonRecord> Prompt(JsonRecord record)
    {
        if (record.Fields["prompt"] is not { } prompt)
            return [];
        if (prompt.GetValueKind() != JsonValueKind.String)
            return record.List("prompt")!;
        return [new JsonRecord(
            new JsonObject { ["role"] = "user", ["content"] = prompt.GetValue<string>() }, record.Where)];
    }

    // Bai et al. 2022, arXiv:2204.05862: "\n\nHuman: ...\n\nAssistant: ..." and so on.
    private static Conversation Transcript(JsonRecord record, string text, string field)
    {
        if (!text.StartsWith(Human, StringComparison.Ordinal))
            throw record.Fault(
                $"field '{field}' is a text without a prompt: a 'prompt' or an 'instruction' beside it, or a text " +
                "that begins with '\\n\\nHuman:' would say what it answers.");
        var turns = new List<ConversationTurn>();
        for (var at = 0; at < text.Length;)
        {
            var isHuman = text.AsSpan(at).StartsWith(Human, StringComparison.Ordinal);
            at += isHuman ? Human.Length : Assistant.Length;
            var end = Math.Min(Next(text, Human, at), Next(text, Assistant, at));
            turns.Add(new ConversationTurn(isHuman ? Role.User : Role.Assistant, text[at..end].Trim()));
            at = end;
        }

        return new Conversation(turns);
    }

    private static int Next(string text, string mark, int from) =>
        text.IndexOf(mark, from, StringComparison.Ordinal) is >= 0 and var at ? at : text.Length;

    private static bool Same(Conversation a, Conversation b) =>
        JsonNode.DeepEquals(ChatFormat.Messages(Trimmed(a)), ChatFormat.Messages(Trimmed(b)));

    private static Conversation Trimmed(Conversation conversation) =>
        conversation with { Turns = [.. conversation.Turns.Select(turn => turn with { Text = turn.Text.Trim() })] };
}
