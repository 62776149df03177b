using System.Net;
using Wisp.Serve;

namespace Wisp.Tests.Serve;

/// <summary>Whether a server says that it is ready, and when.</summary>
public class HealthTests
{
    [Fact]
    public async Task It_is_503_until_the_model_is_loaded_and_has_answered_once()
    {
        using var time = new HeldTime();
        await using var server = await WispServer.Start(
            new ServeOptions { Models = { LiveServer.ModelPath }, Time = time }, new ListenOptions { Port = 0 });
        using var http = new HttpClient { BaseAddress = server.Address };
        Task<HttpResponseMessage> waits;
        try
        {
            await time.Asked(1); // as the loading begins
            await Refused(http);
            waits = http.PostAsync("/v1/completions", LiveServer.Body("""{"prompt": "The fox", "max_tokens": 2}"""));

            time.Go(1);
            await time.Asked(2); // loaded, and the first answer is over
            Assert.False(server.Ready.IsCompleted);
            await Refused(http);
        }
        finally
        {
            time.Go(1000); // also where this fails: a server that loads waits for the end of it
        }

        await server.Ready;
        foreach (var path in (string[])["/health", "/v1/health"])
            Assert.Equal("""{"status":"ok"}""", await http.GetStringAsync(path));
        using var answer = await waits;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private static async Task Refused(HttpClient http)
    {
        using var response = await http.GetAsync("/health");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.True(response.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        Assert.Contains("Loading model", await response.Content.ReadAsStringAsync());
    }

    /// <summary>A clock that answers when the test lets it: loading asks it once before and once after.</summary>
    private sealed class HeldTime : TimeProvider, IDisposable
    {
        private readonly SemaphoreSlim _go = new(0);
        private int _asked;

        public override long GetTimestamp()
        {
            Interlocked.Increment(ref _asked);
            _go.Wait();
            return base.GetTimestamp();
        }

        public async Task Asked(int times)
        {
            while (Volatile.Read(ref _asked) < times)
                await Task.Delay(1);
        }

        public void Go(int times) => _go.Release(times);

        public void Dispose() => _go.Dispose();
    }
}
