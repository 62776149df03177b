using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Wisp.Memory;

namespace Wisp.Kernel.Cores;

/// <summary>What a model said, and what it cost.</summary>
public sealed record ChatTurn(string Text, int PromptTokens, int WrittenTokens, int CachedTokens);

/// <summary>
/// Any chat client as a processor without memory of its own: each turn sends the whole prompt, and a fork is a copy of
/// messages. Calls that the model makes in its own way become calls as ours are written, so the kernel reads one form.
/// </summary>
/// <param name="microPricePerToken">Millionths of the unit of money for each token, read or written.</param>
public sealed class ChatModel(IChatClient client, long microPricePerToken = 0)
{
    /// <summary>The most that a turn can cost.</summary>
    public long MaxPrice(IReadOnlyList<PromptPart> prompt, int tokens) =>
        microPricePerToken * (prompt.Sum(part => (long)part.Tokens.Length) + tokens);

    public long PriceOf(ChatTurn turn) => microPricePerToken * ((long)turn.PromptTokens + turn.WrittenTokens);

    public async Task<ChatTurn> AnswerAsync(
        IReadOnlyList<PromptPart> prompt, SpawnRequest request, ulong seed, int tokens, CancellationToken cancel)
    {
        var response = await client.GetResponseAsync(
            [.. prompt.Select(part => new ChatMessage(part.Role switch
            {
                PromptRole.System => ChatRole.System,
                PromptRole.Assistant => ChatRole.Assistant,
                _ => ChatRole.User, // a result without the call's id is what somebody says
            }, part.Role == PromptRole.Tool ? $"<tool_response>\n{part.Text}\n</tool_response>" : part.Text))],
            new ChatOptions
            {
                MaxOutputTokens = tokens, Temperature = (float)request.Temperature, Seed = unchecked((long)seed),
            }, cancel).ConfigureAwait(false);
        var text = new StringBuilder();
        foreach (var content in response.Messages.SelectMany(message => message.Contents))
            switch (content)
            {
                case TextContent said:
                    text.Append(said.Text);
                    break;
                case FunctionCallContent call:
                    text.Append("<tool_call>").Append(Written(call)).Append("</tool_call>");
                    break;
            }

        var usage = response.Usage;
        return new ChatTurn(text.ToString(), (int)(usage?.InputTokenCount ?? 0), (int)(usage?.OutputTokenCount ?? 0),
            (int)(usage?.CachedInputTokenCount ?? 0));
    }

    private static string Written(FunctionCallContent call)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("name", call.Name);
            writer.WriteStartObject("arguments");
            foreach (var (name, value) in call.Arguments ?? new Dictionary<string, object?>())
            {
                writer.WritePropertyName(name);
                switch (value)
                {
                    case null:
                        writer.WriteNullValue();
                        break;
                    case JsonElement element:
                        element.WriteTo(writer);
                        break;
                    case bool flag:
                        writer.WriteBooleanValue(flag);
                        break;
                    case int or long or double or decimal or float:
                        writer.WriteRawValue(Convert.ToString(value,
                            System.Globalization.CultureInfo.InvariantCulture)!);
                        break;
                    default:
                        writer.WriteStringValue(value.ToString());
                        break;
                }
            }

            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
