using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Wisp.Train.Data;

/// <summary>
/// Raw bytes to the text that all later stages take for granted: UTF-8, LF line ends, no byte-order mark.
/// </summary>
internal static class Utf8Text
{
    public const string Binary = "binary";
    public const string Invalid = "invalid UTF-8";

    private static ReadOnlySpan<byte> Bom => [0xEF, 0xBB, 0xBF];

    /// <summary>Why bytes are not text; null when nothing speaks against it.</summary>
    public static string? BinaryReason(ReadOnlySpan<byte> bytes)
    {
        if (bytes is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
            return "is UTF-16 text. Save it as UTF-8";
        var nul = bytes.IndexOf((byte)0);
        return nul < 0 ? null : $"is a binary file (a NUL byte at offset {nul}). Only text can be learnt from";
    }

    /// <summary>The offset of the first byte that is not UTF-8, or -1.</summary>
    public static int FirstInvalid(ReadOnlySpan<byte> bytes)
    {
        if (Utf8.IsValid(bytes))
            return -1;
        var at = 0;
        while (Rune.DecodeFromUtf8(bytes[at..], out _, out var length) == OperationStatus.Done)
            at += length;
        return at;
    }

    /// <summary>U+FFFD for each maximal damaged sequence, as the Unicode standard recommends (section 3.9).</summary>
    public static byte[] Replace(ReadOnlySpan<byte> bytes)
    {
        var repaired = new ArrayBufferWriter<byte>(bytes.Length + 16);
        while (!bytes.IsEmpty)
        {
            var status = Rune.DecodeFromUtf8(bytes, out var rune, out var length);
            repaired.Advance((status == OperationStatus.Done ? rune : Rune.ReplacementChar)
                .EncodeToUtf8(repaired.GetSpan(4)));
            bytes = bytes[length..];
        }

        return repaired.WrittenSpan.ToArray();
    }

    /// <summary>Without a byte-order mark, CRLF and CR as LF; the same array when nothing had to change.</summary>
    public static ReadOnlyMemory<byte> Normalise(byte[] bytes)
    {
        var from = bytes.AsSpan().StartsWith(Bom) ? Bom.Length : 0;
        var firstCr = bytes.AsSpan(from).IndexOf((byte)'\r');
        if (firstCr < 0)
            return bytes.AsMemory(from);

        var to = from + firstCr;
        for (var i = to; i < bytes.Length; i++)
        {
            var b = bytes[i];
            if (b == '\r')
            {
                if (i + 1 < bytes.Length && bytes[i + 1] == '\n')
                    continue;
                b = (byte)'\n';
            }

            bytes[to++] = b;
        }

        return bytes.AsMemory(from, to - from);
    }
}
