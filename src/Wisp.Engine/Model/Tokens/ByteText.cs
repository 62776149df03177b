namespace Wisp.Model;

/// <summary>
/// The reversible spelling of bytes as printable characters in which byte-level vocabularies are stored (Radford et al.
/// 2019, GPT-2): printable Latin-1 bytes are themselves, the other 68 become U+0100, U+0101, ... in order.
/// </summary>
internal static class ByteText
{
    private static readonly char[] Character = Map();

    private static char[] Map()
    {
        var map = new char[256];
        var next = '\u0100';
        for (var b = 0; b < 256; b++)
            map[b] = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE ? (char)b : next++;
        return map;
    }

    public static string Encode(ReadOnlySpan<byte> bytes)
    {
        Span<char> characters = bytes.Length <= 256 ? stackalloc char[bytes.Length] : new char[bytes.Length];
        for (var i = 0; i < bytes.Length; i++)
            characters[i] = Character[bytes[i]];
        return new string(characters);
    }

    /// <summary>Writes the bytes that <paramref name="text"/> spells; false if it spells none.</summary>
    public static bool TryDecode(Span<byte> bytes, string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            var value = text[i] < 0x100 && Character[text[i]] == text[i] ? text[i]
                : text[i] is >= '\u0100' and < '\u0144' ? Array.IndexOf(Character, text[i])
                : -1;
            if (value < 0)
                return false;
            bytes[i] = (byte)value;
        }

        return true;
    }
}
