using System.Text;

namespace Wisp.Model;

/// <summary>
/// Text from bytes that come in pieces: a character whose bytes are spread over several tokens is held back until it is
/// whole. Bytes that can be no character become U+FFFD.
/// </summary>
public sealed class Utf8Stream
{
    private readonly System.Text.Decoder _decoder = Encoding.UTF8.GetDecoder();

    /// <summary>The characters that are whole after these bytes, often none.</summary>
    public string Push(ReadOnlySpan<byte> bytes) => Read(bytes, flush: false);

    /// <summary>What an unfinished character at the end amounts to; the stream can then be used afresh.</summary>
    public string Flush() => Read([], flush: true);

    private string Read(ReadOnlySpan<byte> bytes, bool flush)
    {
        // A byte gives at most one UTF-16 unit; the up to three bytes held back give at most three more.
        Span<char> characters = bytes.Length <= 256 ? stackalloc char[260] : new char[bytes.Length + 4];
        var count = _decoder.GetChars(bytes, characters, flush);
        return new string(characters[..count]);
    }
}
