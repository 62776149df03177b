using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Wisp.Agents;
using Wisp.Ai;
using Wisp.Kernel.Cores;
using Wisp.Memory;
using Wisp.Model;

namespace Wisp.Tests.Serve.Talk;

/// <summary>A chat client that says what a script has it say, word by word, and remembers what it was sent.</summary>
/// <param name="script">The parts of the answer to some messages; one that is null never comes.</param>
internal sealed class ScriptedChat(
    Func<IReadOnlyList<ChatMessage>, ChatOptions, IEnumerable<AIContent?>> script, WispChatClient? behind = null)
    : IChatClient
{
    public List<(IReadOnlyList<ChatMessage> Messages, ChatOptions Options)> Sent { get; } = [];

    /// <summary>Ends when a request was broken off.</summary>
    public TaskCompletionSource Broken { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What a kernel is made of beside this client: every character is a token.</summary>
    public static LocalKernelParts Parts() => new(
        new PromptCodec((role, text) => new int[text.Length + 1], [0], [0]), 4096, "scripted");

    public static LocalKernelParts Parts(WispChatClient client) =>
        new(ChatCodec.Of((Tokenizer)client.GetService(typeof(Tokenizer))!), client.Context, "wisp-chat");

    public static FunctionCallContent Call(string name, params (string Name, string Value)[] arguments) =>
        new($"id-{name}", name, arguments.ToDictionary(
            pair => pair.Name, pair => (object?)JsonSerializer.SerializeToElement(pair.Value)));

    /// <summary>The results that stand in a message, in one text.</summary>
    public static string Results(IEnumerable<ChatMessage> messages) => string.Join(" | ",
        messages.SelectMany(message => message.Contents).OfType<FunctionResultContent>().Select(r => r.Result));

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages,
        ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        IReadOnlyList<ChatMessage> all = [.. messages];
        lock (Sent)
            Sent.Add((all, options!));
        foreach (var content in script(all, options!))
        {
            if (content is null)
                try
                {
                    await Task.Delay(Timeout.Infinite, cancellationToken);
                }
                finally
                {
                    Broken.TrySetResult();
                }

            yield return new ChatResponseUpdate(ChatRole.Assistant, [content!]) { MessageId = "m", ResponseId = "r" };
        }

        yield return new ChatResponseUpdate(ChatRole.Assistant, [new UsageContent(new UsageDetails
        {
            InputTokenCount = 10, OutputTokenCount = 2,
        })])
        { MessageId = "m", ResponseId = "r" };
    }

    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in GetStreamingResponseAsync(messages, options ?? new(), cancellationToken))
            updates.Add(update);
        return updates.ToChatResponse();
    }

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceType == typeof(ChatClientMetadata) ? new ChatClientMetadata("test", defaultModelId: "scripted")
            : behind?.GetService(serviceType, serviceKey);

    public void Dispose()
    {
    }
}
