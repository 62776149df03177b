using System.Net.Sockets;
using System.Text.Json;

namespace Wisp.Kernel.Remote;

/// <summary>The requests of a connection, one line of JSON each.</summary>
/// <param name="most">Bytes of the longest line.</param>
internal sealed class RequestLines(NetworkStream stream, int most)
{
    private byte[] _buffer = new byte[4096];
    private int _filled;
    private bool _isLost; // in a line that is too long, whose rest is not read

    /// <summary>
    /// The next request, or what is wrong with it; null at the end, and after a line that is too long.
    /// </summary>
    public async Task<(KernelRequest? Request, string? Error)?> NextAsync(CancellationToken cancel)
    {
        int end;
        if (_isLost)
            return null;
        while ((end = _buffer.AsSpan(0, _filled).IndexOf((byte)'\n')) < 0)
        {
            if (_filled == most)
            {
                _isLost = true;
                return (null, "The line is too long.");
            }

            if (_filled == _buffer.Length)
                Array.Resize(ref _buffer, Math.Min(most, 2 * _buffer.Length));
            var read = await stream.ReadAsync(_buffer.AsMemory(_filled), cancel).ConfigureAwait(false);
            if (read == 0)
                return null;
            _filled += read;
        }

        var parsed = Parse(_buffer.AsSpan(0, end));
        _buffer.AsSpan(end + 1, _filled - end - 1).CopyTo(_buffer);
        _filled -= end + 1;
        return parsed;
    }

    private static (KernelRequest? Request, string? Error) Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            return (JsonSerializer.Deserialize(line, RemoteJson.Default.KernelRequest)
                ?? throw new JsonException("null is no request"), null);
        }
        catch (JsonException e)
        {
            return (null, $"The line is no request: {e.Message}");
        }
    }
}
