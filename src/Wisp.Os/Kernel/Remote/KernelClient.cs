using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Wisp.Kernel.Events;

namespace Wisp.Kernel.Remote;

/// <summary>A connection to the user's kernel.</summary>
public sealed class KernelClient : IDisposable
{
    private readonly NetworkStream _stream;
    private readonly StreamReader _reader;

    private KernelClient(Socket socket)
    {
        _stream = new NetworkStream(socket, ownsSocket: true);
        _reader = new StreamReader(_stream, new UTF8Encoding(false));
    }

    /// <summary>Whether somebody listens at the socket.</summary>
    public static bool IsThere(string path)
    {
        using var client = TryConnect(path);
        return client is not null;
    }

    /// <summary>A connection, or null where nobody listens.</summary>
    public static KernelClient? TryConnect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return new KernelClient(socket);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            socket.Dispose();
            return null;
        }
    }

    /// <summary>Sends a request and waits for its answer.</summary>
    /// <exception cref="ArgumentException">The kernel refuses; the message says why.</exception>
    /// <exception cref="IOException">The kernel has gone.</exception>
    public async Task<KernelReply> SendAsync(KernelRequest request, CancellationToken cancel = default)
    {
        await WriteAsync(request, cancel).ConfigureAwait(false);
        var reply = await ReadAsync(cancel).ConfigureAwait(false)
            ?? throw new IOException("The kernel has ended before it answered.");
        return reply.Error is { } error ? throw new ArgumentException(error) : reply;
    }

    /// <summary>Events as they happen, of one process or (0) of all, until cancelled or the kernel ends.</summary>
    public async IAsyncEnumerable<JournalEntry> TraceAsync(
        int pid, [EnumeratorCancellation] CancellationToken cancel = default)
    {
        await WriteAsync(new KernelRequest(KernelOp.Trace) { Pid = pid }, cancel).ConfigureAwait(false);
        await foreach (var reply in RepliesAsync(cancel).ConfigureAwait(false))
            if (reply.Entry is { } entry)
                yield return entry;
    }

    /// <summary>What comes without being asked for, until the kernel ends.</summary>
    internal async IAsyncEnumerable<KernelReply> RepliesAsync(
        [EnumeratorCancellation] CancellationToken cancel = default)
    {
        while (await ReadAsync(cancel).ConfigureAwait(false) is { } reply)
            yield return reply;
    }

    public void Dispose()
    {
        _reader.Dispose();
        _stream.Dispose();
    }

    /// <summary>Sends a request and waits for nothing. One at a time.</summary>
    internal async Task WriteAsync(KernelRequest request, CancellationToken cancel)
    {
        var line = JsonSerializer.SerializeToUtf8Bytes(request, RemoteJson.Default.KernelRequest);
        await _stream.WriteAsync((byte[])[.. line, (byte)'\n'], cancel).ConfigureAwait(false);
    }

    private async Task<KernelReply?> ReadAsync(CancellationToken cancel)
    {
        var line = await _reader.ReadLineAsync(cancel).ConfigureAwait(false);
        try
        {
            return line is null ? null : JsonSerializer.Deserialize(line, RemoteJson.Default.KernelReply);
        }
        catch (JsonException e)
        {
            throw new IOException($"What listens there is no kernel of wisp: {e.Message}", e);
        }
    }
}
