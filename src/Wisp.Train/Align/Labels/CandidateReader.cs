using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Train.Align.Conversations;

namespace Wisp.Train.Align.Labels;

/// <summary>
/// Answers that were made already: each record has a <c>prompt</c> (a text or messages) and <c>candidates</c>, each of
/// them a text or an assistant's message with, where they are known, <c>model</c>, <c>hash</c>, <c>seed</c> and
/// <c>cut</c>.
/// </summary>
public static class CandidateReader
{
    /// <inheritdoc cref="ConversationReader.Read"/>
    public static IEnumerable<Comparison> Read(string path, Action<string>? faulty = null) =>
        JsonRecord.Read(path, Comparison, faulty);

    internal static Comparison Comparison(JsonRecord record)
    {
        if (record.Fields["candidates"] is not JsonArray items)
            throw record.Fault(
                $"has no list 'candidates'; the fields are {record.Names}. Each record has a 'prompt' and two to " +
                $"{Labels.Comparison.MostCandidates} 'candidates'.");
        var prompt = PromptReader.Of(record);
        var candidates = new List<Candidate>();
        for (var i = 0; i < items.Count; i++)
        {
            var where = $"{record.Where}, candidates[{i}]";
            candidates.Add(items[i] switch
            {
                JsonValue text when text.GetValueKind() == JsonValueKind.String =>
                    new Candidate(new ConversationTurn(Role.Assistant, text.GetValue<string>())),
                JsonObject message => Of(new JsonRecord(message, where)),
                _ => throw record.Fault($"candidate {i + 1} is neither a text nor a message."),
            });
            (prompt with { Turns = [.. prompt.Turns, candidates[i].Turn] }).Validated(where);
        }

        try
        {
            return new Comparison(prompt, candidates);
        }
        catch (ArgumentException e)
        {
            throw record.Fault(e.Message.Split(" (Parameter")[0]);
        }
    }

    internal static JsonNode ToJson(Candidate candidate)
    {
        var json = (JsonObject)ChatFormat.Messages(new Conversation([candidate.Turn]))[0]!.DeepClone();
        if (candidate.Model is { } model)
            json["model"] = model;
        if (candidate.ModelHash is { } hash)
            json["hash"] = hash;
        if (candidate.Seed is { } seed)
            json["seed"] = seed;
        if (candidate.WasCut)
            json["cut"] = true;
        return json;
    }

    private static Candidate Of(JsonRecord message)
    {
        // 'text' is what many files call it, and a candidate is an assistant's whether it says so or not.
        if (message.Fields["text"] is { } text && !message.Fields.ContainsKey("content"))
            message.Fields["content"] = text.DeepClone();
        message.Fields.TryAdd("role", "assistant");
        var turn = ConversationReader.OfMessages([message]).Turns[0];
        if (turn.Role != Role.Assistant)
            throw message.Fault($"is a turn of the {Conversation.Name(turn.Role)}; candidates are the assistant's.");
        return new Candidate(turn)
        {
            Model = message.Text("model"), ModelHash = message.Text("hash"),
            Seed = message.Fields["seed"] is not { } seed ? null
                : seed is JsonValue number && number.TryGetValue<ulong>(out var value) ? value
                : throw message.Fault("'seed' is no whole number of 0 or more."),
            WasCut = message.Fields["cut"]?.GetValueKind() == JsonValueKind.True,
        };
    }
}
