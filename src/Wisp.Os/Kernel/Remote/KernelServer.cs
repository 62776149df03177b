using System.Buffers;
using System.Net.Sockets;
using System.Text.Json;
using System.Threading.Channels;
using Wisp.Guard;
using Wisp.Kernel.Events;

namespace Wisp.Kernel.Remote;

/// <summary>
/// A kernel at its socket: one line of JSON a request, one line an answer. Whoever can open the socket is the user, for
/// its folder is nobody else's.
/// </summary>
public sealed class KernelServer : IAsyncDisposable
{
    /// <summary>A longer line is no request.</summary>
    private const int MaxLine = 1 << 20;

    private readonly WispKernel _kernel;
    private readonly Driver _root;
    private readonly Func<KernelStatus> _status;
    private readonly Socket _socket;
    private readonly string _path;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Channel<JournalEntry>> _traces = []; // guarded by itself
    private readonly Task _accepting;

    /// <param name="status">Computed on the kernel's thread.</param>
    /// <exception cref="IOException">Another kernel listens there, or the socket cannot be made.</exception>
    public KernelServer(WispKernel kernel, Driver root, string path, Func<KernelStatus> status)
    {
        (_kernel, _root, _path, _status) = (kernel, root, path, status);
        KernelSocket.MakeFolder(path);
        if (File.Exists(path))
        {
            if (KernelClient.IsThere(path))
                throw new IOException($"{path}: a kernel runs already. Use that one, or end it first.");
            File.Delete(path); // left by one that was killed
        }

        _socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            _socket.Bind(new UnixDomainSocketEndPoint(path));
            _socket.Listen();
        }
        catch (SocketException e)
        {
            _socket.Dispose();
            throw new IOException($"{path}: the socket cannot be made ({e.Message}).", e);
        }

        _accepting = AcceptAsync();
    }

    /// <summary>Hands an event to those that trace; for <see cref="KernelParts.Watch"/>.</summary>
    public void Trace(JournalEntry entry)
    {
        lock (_traces)
            foreach (var trace in _traces)
                trace.Writer.TryWrite(entry);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        _socket.Dispose();
        await _accepting.ConfigureAwait(false);
        File.Delete(_path);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _socket.AcceptAsync(_stop.Token).ConfigureAwait(false);
                _ = ServeAsync(client);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The server ends.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        try
        {
            using var stream = new NetworkStream(client, ownsSocket: true);
            var lines = new RequestLines(stream, MaxLine);
            while (await lines.NextAsync(_stop.Token).ConfigureAwait(false) is var (request, error))
            {
                if (request is { Op: KernelOp.Trace })
                {
                    await TraceAsync(stream, request.Pid).ConfigureAwait(false);
                    return;
                }

                if (request is { Op: KernelOp.Lend, Spawn: { } spawn })
                {
                    await LendAsync(stream, lines, spawn).ConfigureAwait(false);
                    return;
                }

                await WriteAsync(stream, request is null ? new KernelReply { Error = error }
                    : await AnswerAsync(request).ConfigureAwait(false)).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (
            e is IOException or OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The client has gone, or the server ends.
        }
    }

    // One process with a model at the other end. Whichever of the two ends first takes the other along.
    private async Task LendAsync(NetworkStream stream, RequestLines lines, SpawnRequest spawn)
    {
        var model = new LentModel();
        Pid pid;
        try
        {
            pid = await _kernel.SpawnAsync(spawn with { Ephemeral = true }, model).ConfigureAwait(false);
        }
        catch (Exception e) when (e is ArgumentException or IOException)
        {
            await WriteAsync(stream, new KernelReply { Error = e.Message }).ConfigureAwait(false);
            return;
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        var reading = ReadTurnsAsync();
        try
        {
            await WriteAsync(stream, Done(pid)).ConfigureAwait(false);
            await foreach (var reply in model.Replies.ReadAllAsync(over.Token).ConfigureAwait(false))
                await WriteAsync(stream, reply).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!_stop.IsCancellationRequested)
        {
            // The client has gone.
        }
        finally
        {
            // Of a process that is over already there is nothing to kill.
            _ = _kernel.SignalAsync(pid, Signal.Kill).ContinueWith(
                task => task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted,
                TaskScheduler.Default);
            await over.CancelAsync().ConfigureAwait(false);
            await reading.ConfigureAwait(false);
        }

        async Task ReadTurnsAsync()
        {
            try
            {
                while (await lines.NextAsync(over.Token).ConfigureAwait(false) is ({ Op: KernelOp.Turn } turn, _))
                    model.Take(turn);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or SocketException)
            {
                // The client has gone, or the process.
            }

            await over.CancelAsync().ConfigureAwait(false);
        }
    }

    private async Task<KernelReply> AnswerAsync(KernelRequest request)
    {
        try
        {
            var pid = new Pid(request.Pid);
            switch (request.Op)
            {
                case KernelOp.Status:
                    return new KernelReply { Status = await _kernel.QueryAsync(_status).ConfigureAwait(false) };
                case KernelOp.Ps:
                    return new KernelReply
                    {
                        Processes = await _kernel.ReportsAsync().ConfigureAwait(false),
                        Status = await _kernel.QueryAsync(_status).ConfigureAwait(false),
                        Asks = await _kernel.AsksAsync().ConfigureAwait(false),
                    };
                case KernelOp.Asks:
                    return new KernelReply { Asks = await _kernel.AsksAsync().ConfigureAwait(false) };
                case KernelOp.Spawn when request.Spawn is { } spawn:
                    return Done(await _kernel.SpawnAsync(spawn).ConfigureAwait(false));
                case KernelOp.Fork:
                    return Done(await _kernel.ForkAsync(pid, $"branch of {pid}", request.Text).ConfigureAwait(false));
                case KernelOp.Say:
                    return Done(await _kernel.SayAsync(pid, request.Text).ConfigureAwait(false));
                case KernelOp.Signal:
                    return Done(await _kernel.SignalAsync(pid, Known(request.Signal)).ConfigureAwait(false));
                case KernelOp.SignalGroup:
                    await _kernel.SignalGroupAsync(pid, Known(request.Signal)).ConfigureAwait(false);
                    return Done(pid);
                case KernelOp.Nice:
                    return Done(await _kernel.ReniceAsync(pid, request.Class, request.Weight).ConfigureAwait(false));
                case KernelOp.Limit:
                    return Done(await _kernel.LimitAsync(pid, request.Resource, request.Limit).ConfigureAwait(false));
                case KernelOp.Answer:
                    return Done(await _kernel.AnswerAsync(request.Ask, request.Yes, request.Text, request.Uses)
                        .ConfigureAwait(false));
                case KernelOp.Wait:
                    return new KernelReply
                    {
                        Exit = await _kernel.ExitAsync(pid).WaitAsync(_stop.Token).ConfigureAwait(false),
                    };
                case KernelOp.File:
                    var result = await _root.CallAsync(
                        new DriverCall("user", Pid.None, request.Verb, CallParser.Path(request.Path), request.Text,
                            Label.From(Source.User)), _stop.Token).ConfigureAwait(false);
                    return result.IsOk ? new KernelReply { Text = result.Text }
                        : new KernelReply { Error = result.Text }; // mounts name the path themselves
                default:
                    return new KernelReply { Error = $"{request.Op} lacks what it is about." };
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return new KernelReply { Error = e.Message };
        }
    }

    private static Signal Known(Signal signal) => Enum.IsDefined(signal) ? signal
        : throw new ArgumentException($"{(int)signal} is no signal.");

    private static KernelReply Done(Pid pid) => new() { Pid = pid.Number };

    private async Task TraceAsync(NetworkStream stream, int pid)
    {
        // A slow reader loses the oldest events instead of holding up the kernel.
        var trace = Channel.CreateBounded<JournalEntry>(
            new BoundedChannelOptions(4096) { FullMode = BoundedChannelFullMode.DropOldest });
        lock (_traces)
            _traces.Add(trace);
        try
        {
            await WriteAsync(stream, new KernelReply { Pid = pid }).ConfigureAwait(false);
            await foreach (var entry in trace.Reader.ReadAllAsync(_stop.Token).ConfigureAwait(false))
                if (pid == 0 || entry.Event.Pid == pid)
                    await WriteAsync(stream, new KernelReply { Entry = entry }).ConfigureAwait(false);
        }
        finally
        {
            lock (_traces)
                _traces.Remove(trace);
        }
    }

    private async Task WriteAsync(NetworkStream stream, KernelReply reply)
    {
        var line = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(line))
            JsonSerializer.Serialize(writer, reply, RemoteJson.Default.KernelReply);
        line.Write("\n"u8);
        await stream.WriteAsync(line.WrittenMemory, _stop.Token).ConfigureAwait(false);
    }
}
