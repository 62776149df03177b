using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Chat;

namespace Wisp.Train.Align.Conversations;

/// <summary>
/// Whether a chat template says all that stands in a conversation. Some leave out what they were not made for, such as
/// a system turn, and then a model is judged by, or learns from, something that nobody wrote.
/// </summary>
public static class TemplateCheck
{
    private static readonly Conversation s_probe = new(
    [
        new(Role.System, "probe-of-the-system"), new(Role.User, "probe-of-the-user"),
        new(Role.Assistant, "probe-of-the-assistant"), new(Role.User, "probe-of-the-next-request"),
    ]);

    /// <summary>
    /// What it drops of any conversation, in words; null where it drops nothing or says itself what it does not take.
    /// </summary>
    public static string? Dropped(ChatTemplate template)
    {
        // A template that refuses system turns says so; then the rest has to do without.
        foreach (var probe in (Conversation[])[s_probe, new([.. s_probe.Turns.Skip(1)])])
        {
            try
            {
                return DroppedTurn(Rendered(template, probe), probe) is { } turn ? $"the text of {turn}" : null;
            }
            catch (TemplateException)
            {
                // The next probe asks for less.
            }
        }

        return "every conversation: it refuses them all";
    }

    /// <exception cref="InvalidDataException">
    /// It drops a turn or a call, or refuses the conversation; the message says which.
    /// </exception>
    public static void Require(ChatTemplate template, Conversation conversation)
    {
        string rendered;
        try
        {
            rendered = Rendered(template, conversation);
        }
        catch (TemplateException e)
        {
            throw new InvalidDataException($"The chat template refuses the conversation: {e.Message}", e);
        }

        if (DroppedTurn(rendered, conversation) is { } turn)
            throw new InvalidDataException($"The chat template drops {turn}: what stands in it does not stand in the " +
                "text that the model reads. Use a model whose template says all.");
        foreach (var tool in conversation.Tools ?? [])
            if (NameOf(tool) is { } name && !rendered.Contains(name, StringComparison.Ordinal))
                throw new InvalidDataException($"The chat template drops the function '{name}'. Use a model whose " +
                    "template tells of functions.");
    }

    private static string Rendered(ChatTemplate template, Conversation conversation) => template.Render(
        ChatFormat.Messages(conversation), conversation.Tools, addGenerationPrompt: true, null,
        DateTimeOffset.UnixEpoch);

    // Turns come in order, so a text that was said before does not count for a later turn.
    private static string? DroppedTurn(string rendered, Conversation conversation)
    {
        var at = 0;
        for (var i = 0; i < conversation.Turns.Count; i++)
        {
            var turn = conversation.Turns[i];
            foreach (var part in (string[])[turn.Text.Trim(), .. turn.Calls.Select(call => call.Name)])
            {
                if (Find(rendered, part, at) is not (>= 0 and var found))
                    return $"turn {i + 1} ({Conversation.Name(turn.Role)})";
                at = found + part.Length;
            }
        }

        return null;
    }

    // As it is, or as JSON has it: some templates quote what a tool returned.
    private static int Find(string rendered, string part, int from)
    {
        var at = rendered.IndexOf(part, from, StringComparison.Ordinal);
        return at >= 0 ? at : rendered.IndexOf(
            JsonEncodedText.Encode(part).ToString(), from, StringComparison.Ordinal);
    }

    private static string? NameOf(JsonNode? tool) =>
        (tool?["function"] ?? tool)?["name"] is JsonValue name && name.TryGetValue<string>(out var text) ? text : null;
}
