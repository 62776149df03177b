using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace Wisp.Serve.Loading;

/// <summary>The default model as a client that has it in memory only while it is asked.</summary>
internal sealed class PooledChat(ModelPool pool) : IChatClient
{
    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        using var lease = await pool.Take(null, cancellationToken);
        return await lease.Model.Writer.Chat.GetResponseAsync(messages, options, cancellationToken);
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages,
        ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var lease = await pool.Take(null, cancellationToken);
        await foreach (var update in lease.Model.Writer.Chat.GetStreamingResponseAsync(
            messages, options, cancellationToken))
            yield return update;
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }
}
