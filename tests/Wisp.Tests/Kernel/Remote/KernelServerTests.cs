using System.Net.Sockets;
using System.Text;
using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;
using Wisp.Kernel.Remote;
using Wisp.Memory;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Kernel.Remote;

public sealed class KernelServerTests : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ScriptedCore _core = new((pid, prompt) =>
        prompt.Contains("[user] ask") && !prompt.Contains("[tool]")
        ? World.Call("user.ask", """{"question": "which?"}""") : $"answer of {pid}");

    private readonly CancellationTokenSource _stop = new();
    private readonly HostedKernel _hosted;
    private readonly Task _running;

    public KernelServerTests()
    {
        _hosted = Start();
        _running = _hosted.RunAsync(_stop.Token);
    }

    private string Socket => Path.Combine(_folder.Path, "run", "k.sock");

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _hosted.DisposeAsync();
        _core.Dispose();
        _folder.Dispose();
        Assert.False(File.Exists(Socket));
    }

    private HostedKernel Start() => HostedKernel.Start(new HostedKernelParts(
        _core, new TestDriver(call => $"{call.Verb} {call.Path}"), Path.Combine(_folder.Path, "journal.db"), Socket,
            "script")
    {
        NewSpace = () => new Transcript(_core.Codec),
    });

    private static SpawnRequest Agent(string message) =>
        new() { Name = "a", Message = message, Temperature = 0, Capabilities = [World.Everything] };

    [Fact]
    public async Task Everything_that_the_tools_need_goes_through_the_socket()
    {
        using var client = KernelClient.TryConnect(Socket)!;
        var pid = (await client.SendAsync(new KernelRequest(KernelOp.Spawn) { Spawn = Agent("hello") })).Pid;
        var exit = (await client.SendAsync(new KernelRequest(KernelOp.Wait) { Pid = pid })).Exit!;
        Assert.Equal(new ProcessExit(0, "done", $"answer of {pid}"), exit);

        var asking = (await client.SendAsync(new KernelRequest(KernelOp.Spawn) { Spawn = Agent("ask") })).Pid;
        IReadOnlyList<AskReport> asks;
        while ((asks = (await client.SendAsync(new KernelRequest(KernelOp.Ps))).Asks ?? []).Count == 0)
            await Task.Delay(1);
        Assert.Equal((asking, AskKind.Question, "which?"), (asks[0].Pid.Number, asks[0].Kind, asks[0].Text));
        var process = Assert.Single((await client.SendAsync(new KernelRequest(KernelOp.Ps))).Processes!);
        Assert.Equal(ProcessState.Blocked, process.State);
        Assert.Equal(World.Everything.Rights, process.Handles[0].Rights);
        await client.SendAsync(new KernelRequest(KernelOp.Nice)
        {
            Pid = asking, Class = Wisp.Kernel.Scheduling.SchedulingClass.Batch, Weight = 2,
        });
        await client.SendAsync(new KernelRequest(KernelOp.Answer) { Ask = asks[0].Number, Yes = true, Text = "that" });
        Assert.Equal($"answer of {asking}",
            (await client.SendAsync(new KernelRequest(KernelOp.Wait) { Pid = asking })).Exit!.Answer);
        Assert.Equal("List /docs/a",
            (await client.SendAsync(new KernelRequest(KernelOp.File) { Verb = Verb.List, Path = "/docs//a" })).Text);
        Assert.True((await client.SendAsync(new KernelRequest(KernelOp.Status))).Status!.DecodeTokens > 20);
    }

    [Fact]
    public async Task A_trace_shows_what_happens_as_it_happens()
    {
        using KernelClient watcher = KernelClient.TryConnect(Socket)!, client = KernelClient.TryConnect(Socket)!;
        var seen = new List<string>();
        var watching = Task.Run(async () =>
        {
            await foreach (var entry in watcher.TraceAsync(0))
            {
                seen.Add(entry.Event.GetType().Name);
                if (entry.Event is Reaped)
                    return;
            }
        });
        do
        {
            // Until the watcher is there: its line may be read after ours.
            await client.SendAsync(new KernelRequest(KernelOp.Spawn) { Spawn = Agent("hello") });
            await Task.WhenAny(watching, Task.Delay(20));
        }
        while (!watching.IsCompleted);
        Assert.Contains("Exited", seen);
        Assert.Equal("Reaped", seen[^1]);
    }

    [Theory]
    [InlineData("nonsense\n"), InlineData("{\"op\":\"Fly\"}\n"), InlineData("null\n"), InlineData("[]\n")]
    [InlineData("{\"op\":\"Spawn\"}\n"), InlineData("{\"op\":\"Signal\",\"pid\":99,\"signal\":\"Kill\"}\n")]
    [InlineData("{\"op\":\"Signal\",\"pid\":1,\"signal\":3}\n"),
        InlineData("{\"op\":\"Nice\",\"pid\":1,\"weight\":-1}\n")]
    [InlineData("{\"op\":\"File\",\"path\":\"/a/../b\"}\n")]
    [InlineData("{\"op\":\"Spawn\",\"spawn\":{\"name\":\"a\",\"temperature\":-5}}\n")]
    public async Task What_is_no_request_gets_a_reason_and_the_server_serves_on(string line)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Socket));
        await socket.SendAsync(Encoding.UTF8.GetBytes(line));
        var buffer = new byte[65536];
        var answer = Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer));
        Assert.StartsWith("{\"error\":\"", answer);
        using var client = KernelClient.TryConnect(Socket)!;
        Assert.NotNull((await client.SendAsync(new KernelRequest(KernelOp.Status))).Status);
    }

    [Fact]
    public void The_socket_is_the_users_alone_and_there_is_one_kernel()
    {
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                File.GetUnixFileMode(Path.GetDirectoryName(Socket)!));
        Assert.Contains("another kernel has this journal open", Assert.ThrowsAny<IOException>(Start).Message);
        Assert.Null(KernelClient.TryConnect(Path.Combine(_folder.Path, "none.sock")));
    }

    [Theory]
    [InlineData("/run/user/7", "/home/x", "/run/user/7/wisp/kernel.sock")]
    [InlineData("", "/home/x", "/home/x/.local/state/wisp/run/kernel.sock")]
    [InlineData("relative", "/home/x", "/home/x/.local/state/wisp/run/kernel.sock")]
    public void The_place_is_where_the_desktop_says(string runtime, string home, string expected) =>
        Assert.Equal(expected, KernelSocket.Path(name =>
            name == "HOME" ? home : name == "XDG_RUNTIME_DIR" ? runtime : null));
}
