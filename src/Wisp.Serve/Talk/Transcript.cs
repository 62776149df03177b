using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Run;
using Wisp.Serve.Store;

namespace Wisp.Serve.Talk;

/// <summary>A branch of a conversation as the model reads it, and as a person keeps it.</summary>
public static class Transcript
{
    /// <summary>The messages as the model's API takes them. Thoughts are not said again.</summary>
    public static IReadOnlyList<ChatMessage> ToMessages(IEnumerable<Message> branch)
    {
        ArgumentNullException.ThrowIfNull(branch);
        var messages = new List<ChatMessage>();
        foreach (var message in branch)
            if (message.Role == MessageRole.User)
                messages.Add(new ChatMessage(ChatRole.User, message.Text));
            else
                AddAnswer(messages, message);
        return messages;
    }

    /// <summary>
    /// Leaves out the oldest exchanges until the rest fits the context with room for an answer; the newest message
    /// always stays.
    /// </summary>
    /// <param name="leftOut">Messages of the branch that the model will not see.</param>
    /// <exception cref="PromptTooLongException">Not even the newest message fits.</exception>
    public static IReadOnlyList<ChatMessage> Fit(
        WispChatClient client, IReadOnlyList<Message> branch, ChatOptions options, out int leftOut)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(branch);
        var room = RoomOf(client, options);
        for (leftOut = 0; ; leftOut++)
        {
            // A branch begins with what a person says, also when its beginning is gone.
            while (leftOut < branch.Count - 1 && branch[leftOut].Role != MessageRole.User)
                leftOut++;
            var messages = ToMessages(branch.Skip(leftOut));
            if (leftOut >= branch.Count - 1 || client.Fits(messages, options, room))
                return messages;
        }
    }

    /// <summary>Tokens that are kept for an answer.</summary>
    public static int RoomOf(WispChatClient client, ChatOptions? options)
    {
        ArgumentNullException.ThrowIfNull(client);
        return Math.Min(options?.MaxOutputTokens ?? int.MaxValue, client.Context / 4);
    }

    /// <summary>A branch as a Markdown document.</summary>
    public static string ToMarkdown(string title, IEnumerable<Message> branch)
    {
        ArgumentNullException.ThrowIfNull(branch);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# {title}\n");
        foreach (var message in branch)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"\n## {(message.Role == MessageRole.User ? "You" : message.Model ?? "Assistant")}\n\n");
            foreach (var part in message.Parts)
                text.Append(part.Kind switch
                {
                    PartKind.Call => $"*{part.Name} {part.Arguments} → {part.Text}*\n\n",
                    PartKind.Thought => string.Concat(
                        (part.Text ?? "").Split('\n').Select(line => $"> {line}\n")) + "\n",
                    _ => part.Text + "\n",
                });
        }

        return text.ToString();
    }

    private static void AddAnswer(List<ChatMessage> messages, Message message)
    {
        var calls = 0;
        var answer = new ChatMessage(ChatRole.Assistant, []);
        foreach (var part in message.Parts)
            switch (part.Kind)
            {
                case PartKind.Call when part.Text is not null:
                    // Nine characters, because Mistral's templates take no other id.
                    var id = string.Create(CultureInfo.InvariantCulture,
                        $"c{message.Id % 1_000_000:000000}{calls++ % 100:00}");
                    answer.Contents.Add(new FunctionCallContent(id, part.Name!, Arguments(part.Arguments)));
                    messages.Add(answer);
                    messages.Add(new ChatMessage(ChatRole.Tool, [new FunctionResultContent(id, part.Text)]));
                    answer = new ChatMessage(ChatRole.Assistant, []);
                    break;
                case PartKind.Text:
                    answer.Contents.Add(new TextContent(part.Text));
                    break;
            }

        if (answer.Contents.Count > 0 || calls == 0)
            messages.Add(answer);
    }

    private static Dictionary<string, object?> Arguments(string? json)
    {
        var arguments = new Dictionary<string, object?>();
        using var document = JsonDocument.Parse(json ?? "{}");
        foreach (var property in document.RootElement.EnumerateObject())
            arguments[property.Name] = property.Value.Clone();
        return arguments;
    }
}
