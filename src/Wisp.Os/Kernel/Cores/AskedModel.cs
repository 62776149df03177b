using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Wisp.Kernel.Events;
using Wisp.Memory;

namespace Wisp.Kernel.Cores;

/// <summary>What a process heard since its last turn: a message, or the result of a call.</summary>
public sealed record Heard(PromptRole Role, string Text, SysStatus Status = SysStatus.Ok);

/// <summary>A call that a model made in its own way.</summary>
/// <param name="Arguments">A JSON object.</param>
public sealed record WrittenCall(string Name, string Arguments)
{
    public static WrittenCall Of(FunctionCallContent call) => new(call.Name, Json(call.Arguments));

    /// <summary>As our own models write it.</summary>
    public override string ToString() =>
        $"<tool_call>{{\"name\": \"{JsonEncodedText.Encode(Name)}\", \"arguments\": {Arguments}}}</tool_call>";

    // For people to read too: nothing of it becomes HTML.
    private static readonly JsonWriterOptions s_plain =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static string Json(IDictionary<string, object?>? arguments)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, s_plain))
        {
            writer.WriteStartObject();
            foreach (var (name, value) in arguments ?? new Dictionary<string, object?>())
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
                        writer.WriteRawValue(Convert.ToString(value, CultureInfo.InvariantCulture)!);
                        break;
                    default:
                        writer.WriteStringValue(value.ToString());
                        break;
                }
            }

            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}

/// <summary>A turn that a model is asked for.</summary>
/// <param name="Number">Of its process, from 0 on.</param>
/// <param name="Prompt">All that the process has in mind.</param>
/// <param name="News">What came since its last turn, results in the order of their calls.</param>
/// <param name="Tokens">The most that it may write.</param>
/// <param name="IsStopping">Whether the process has been told to end: these are its last words.</param>
public sealed record AskedTurn(int Number, IReadOnlyList<PromptPart> Prompt, IReadOnlyList<Heard> News,
    SpawnRequest Request, ulong Seed, int Tokens, bool IsStopping);

/// <summary>What a model said, and what it cost.</summary>
/// <param name="PromptTokens">Tokens that it read, those it had in its cache included.</param>
public sealed record ChatTurn(string Text, int PromptTokens, int WrittenTokens, int CachedTokens)
{
    /// <summary>The calls that it made; null where they stand in the text, as ours are written.</summary>
    public IReadOnlyList<WrittenCall>? Calls { get; init; }

    public static ChatTurn Of(ChatResponse response)
    {
        var text = new StringBuilder();
        var calls = new List<WrittenCall>();
        foreach (var content in response.Messages.SelectMany(message => message.Contents))
            if (content is TextContent said)
                text.Append(said.Text);
            else if (content is FunctionCallContent call)
                calls.Add(WrittenCall.Of(call));
        var usage = response.Usage;
        return new ChatTurn(text.ToString(), (int)(usage?.InputTokenCount ?? 0), (int)(usage?.OutputTokenCount ?? 0),
            (int)(usage?.CachedInputTokenCount ?? 0))
        { Calls = calls };
    }
}

/// <summary>A model that is asked for whole turns and has keys and values of its own, not the kernel's.</summary>
public abstract class AskedModel
{
    /// <summary>The most that a turn can cost, in millionths of the unit of money.</summary>
    public virtual long MaxPrice(IReadOnlyList<PromptPart> prompt, int tokens) => 0;

    public virtual long PriceOf(ChatTurn turn) => 0;

    /// <summary>
    /// Takes a turn. Called on any thread; what it throws ends the process. Half a turn that is cancelled is lost.
    /// </summary>
    public abstract Task<ChatTurn> AnswerAsync(AskedTurn turn, CancellationToken cancel);

    /// <summary>
    /// An event of the process that was started with this model, on the kernel's thread: must return at once.
    /// </summary>
    public virtual void Saw(JournalEntry entry)
    {
    }

    /// <summary>The kernel is gone, and with it the process that was started with this model.</summary>
    public virtual void Lost(string why)
    {
    }
}
