using System.Globalization;
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Memory;

namespace Wisp.Kernel.Cores;

/// <summary>
/// Any chat client as a processor without memory of its own: each turn sends the whole prompt, and a fork is a copy of
/// messages.
/// </summary>
/// <param name="microPricePerToken">Millionths of the unit of money for each token, read or written.</param>
public sealed class ChatModel(IChatClient client, long microPricePerToken = 0) : AskedModel
{
    private static readonly HashSet<string> s_none = [];

    public override long MaxPrice(IReadOnlyList<PromptPart> prompt, int tokens) =>
        microPricePerToken * (prompt.Sum(part => (long)part.Tokens.Length) + tokens);

    public override long PriceOf(ChatTurn turn) =>
        microPricePerToken * ((long)turn.PromptTokens + turn.WrittenTokens);

    public override async Task<ChatTurn> AnswerAsync(AskedTurn turn, CancellationToken cancel)
    {
        var turnOf = ChatTurn.Of(await client.GetResponseAsync(Messages(turn.Prompt), new ChatOptions
        {
            MaxOutputTokens = turn.Tokens, Temperature = (float)turn.Request.Temperature,
            Seed = unchecked((long)turn.Seed),
        }, cancel).ConfigureAwait(false));
        // It was offered no functions, only told of them: calls may stand in its text as well as beside it.
        return turnOf with { Text = turnOf.Text + string.Concat(turnOf.Calls ?? []), Calls = null };
    }

    // A result answers the call before it that has none yet; one whose call was put away is what somebody says.
    internal static List<ChatMessage> Messages(IReadOnlyList<PromptPart> prompt)
    {
        var messages = new List<ChatMessage>();
        var open = new Queue<string>();
        var calls = 0;
        foreach (var part in prompt)
        {
            if (part.Role == PromptRole.Tool && open.TryDequeue(out var id))
            {
                messages.Add(new ChatMessage(ChatRole.Tool, [new FunctionResultContent(id, part.Text)]));
                continue;
            }

            open.Clear();
            if (part.Role != PromptRole.Assistant)
            {
                messages.Add(new ChatMessage(part.Role == PromptRole.System ? ChatRole.System : ChatRole.User,
                    part.Role == PromptRole.Tool ? $"<tool_response>\n{part.Text}\n</tool_response>" : part.Text));
                continue;
            }

            // Nine characters, because Mistral's templates take no other id.
            var parser = new AnswerParser(ToolStyle.Hermes, s_none, thinking: false,
                () => string.Create(CultureInfo.InvariantCulture, $"c{calls++ % 100_000_000:00000000}"));
            var said = new ChatMessage(ChatRole.Assistant, [.. parser.Push(part.Text), .. parser.Finish()]);
            foreach (var call in said.Contents.OfType<FunctionCallContent>())
                open.Enqueue(call.CallId);
            messages.Add(said);
        }

        return messages;
    }
}
