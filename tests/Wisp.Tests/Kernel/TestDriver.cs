using System.Collections.Concurrent;
using Wisp.Guard;
using Wisp.Kernel;

namespace Wisp.Tests.Kernel;

/// <summary>A driver made of a function, which remembers what it was asked.</summary>
internal sealed class TestDriver(Func<DriverCall, CancellationToken, Task<SysResult>> answer) : Driver
{
    public TestDriver(Func<DriverCall, string> answer) : this((call, _) => Task.FromResult(Ok(answer(call))))
    {
    }

    public ConcurrentQueue<DriverCall> Calls { get; } = new();

    public Func<string, Effect>? Class { get; init; }

    public long Price { get; init; }

    public override Effect ClassOf(Verb verb, string path) => Class?.Invoke(path) ?? base.ClassOf(verb, path);

    public override long MaxPrice(Verb verb, string path, string body) => Price;

    public override async ValueTask<SysResult> CallAsync(DriverCall call, CancellationToken cancel)
    {
        Calls.Enqueue(call);
        return await answer(call, cancel);
    }

    public static SysResult Ok(string text) => new(SysStatus.Ok, text, Label.From(Source.Kernel));
}
