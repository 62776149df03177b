using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Chat;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Model;

namespace Wisp.Tests.Ai;

/// <summary>A client on a model of random weights: it babbles, and keeps to what it is held to.</summary>
internal sealed class TinyChat : IAsyncDisposable
{
    private readonly Parameters _weights;
    private readonly WorkerPool _pool = new(2);

    public TinyChat(string? template = null, int context = 2048, ChatClientOptions? options = null)
    {
        _weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3, context: context));
        Engine = new Engine(DecoderWeights.Of(_weights), new EngineOptions { CacheTokens = 8 * context }, _pool);
        Client = new WispChatClient(Engine, TinyModel.Tokenizer(), new ChatTemplate(template ?? ChatMl.Template),
            options ?? new ChatClientOptions { MaxOutputTokens = 40, Random = new Random(1) });
    }

    public Engine Engine { get; }

    public WispChatClient Client { get; }

    public Task<ChatResponse> Ask(string text, ChatOptions? options = null) =>
        Client.GetResponseAsync(text, options);

    /// <summary>After this no request runs any more: the next one waits for the pass that drops the others.</summary>
    public async Task AssertServesAndHoldsNothing()
    {
        var answer = await Ask("still there?", new ChatOptions { MaxOutputTokens = 3, Seed = 3 });
        Assert.Equal(ChatFinishReason.Length, answer.FinishReason);
        while (Engine.Use.Used > 0) // the engine's thread gives the blocks back after the last token is read
            await Task.Yield();
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Engine.DisposeAsync();
        _pool.Dispose();
        _weights.Dispose();
    }
}
