using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Wisp.Serve.Http;

/// <summary>Several streams read at once.</summary>
internal static class Streams
{
    /// <summary>The items of all streams as they come, each with the number of its stream.</summary>
    /// <remarks>A fault of one ends all; so does leaving the loop.</remarks>
    public static async IAsyncEnumerable<(int Index, T Item)> Merge<T>(
        IReadOnlyList<IAsyncEnumerable<T>> streams, [EnumeratorCancellation] CancellationToken cancel)
    {
        if (streams.Count == 1)
        {
            await foreach (var item in streams[0].WithCancellation(cancel))
                yield return (0, item);
            yield break;
        }

        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        // Bounded: a slow reader holds the streams back and not the memory.
        var channel = Channel.CreateBounded<(int, T)>(4 * streams.Count);
        var reading = Task.WhenAll(streams.Select((stream, index) => Read(stream, index)));
        var closing = reading.ContinueWith(done => channel.Writer.TryComplete(done.Exception?.InnerException),
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        try
        {
            await foreach (var item in channel.Reader.ReadAllAsync(cancel))
                yield return item;
        }
        finally
        {
            await end.CancelAsync();
            await closing;
        }

        async Task Read(IAsyncEnumerable<T> stream, int index)
        {
            try
            {
                await foreach (var item in stream.WithCancellation(end.Token))
                    await channel.Writer.WriteAsync((index, item), end.Token);
            }
            catch
            {
                await end.CancelAsync();
                throw;
            }
        }
    }
}
