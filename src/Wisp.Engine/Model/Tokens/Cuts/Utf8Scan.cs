using System.Text;
using System.Text.Unicode;

namespace Wisp.Model;

/// <summary>Reads UTF-8 one character at a time, whatever the bytes are.</summary>
/// <remarks>
/// A byte that is not part of a well-formed character counts as one character of no class, so such a text is cut where
/// llama.cpp cuts it after putting U+FFFD there. A surrogate in three bytes is one character of no class, as in
/// llama.cpp.
/// </remarks>
internal static class Utf8Scan
{
    public const int Replacement = 0xFFFD;

    /// <summary>The class of the character that begins at a place; None at the end of the text.</summary>
    public static CharacterClass ClassAt(ReadOnlySpan<byte> text, int at, out int width)
    {
        width = 1;
        if ((uint)at >= (uint)text.Length)
            return CharacterClass.None;
        var lead = text[at];
        return UnicodeClasses.Of(lead < 0x80 ? lead : Wide(text[at..], out width));
    }

    /// <summary>The class of the character that ends at a place; None at the start of the text.</summary>
    public static CharacterClass ClassBefore(ReadOnlySpan<byte> text, int at)
    {
        if (at == 0)
            return CharacterClass.None;
        var start = at - 1;
        while (start > 0 && start > at - 4 && (text[start] & 0xC0) == 0x80)
            start--;
        return ClassAt(text, start, out var width) is var kind && start + width == at ? kind : CharacterClass.Other;
    }

    /// <summary>The code point at a place; U+FFFD for a byte that begins none, -1 at the end of the text.</summary>
    public static int CodePointAt(ReadOnlySpan<byte> text, int at, out int width)
    {
        width = 1;
        if ((uint)at >= (uint)text.Length)
            return -1;
        return text[at] < 0x80 ? text[at] : Wide(text[at..], out width);
    }

    /// <summary>
    /// The text as llama.cpp reads it: each byte that begins no character becomes U+FFFD, and a spelling that is longer
    /// than it need be becomes the short one. Well-formed text comes back as it is, without a copy.
    /// </summary>
    public static ReadOnlySpan<byte> AsRead(ReadOnlySpan<byte> text)
    {
        if (Utf8.IsValid(text))
            return text;
        var read = new List<byte>(text.Length + 16);
        Span<byte> spelled = stackalloc byte[4];
        for (var at = 0; at < text.Length;)
        {
            var codePoint = Lenient(text[at..], out var width);
            read.AddRange(spelled[..Spell(spelled, codePoint)]);
            at += width;
        }

        return read.ToArray();
    }

    /// <summary>As <see cref="AsRead"/> does it, one code point after the other.</summary>
    public static int Lenient(ReadOnlySpan<byte> text, out int width)
    {
        var length = Length(text[0]);
        width = 1;
        if (length == 1 || text.Length < length || text[0] is < 0xC0 or > 0xF7)
            return text[0] < 0x80 ? text[0] : Replacement;
        var codePoint = text[0] & (0x7F >> length);
        for (var i = 1; i < length; i++)
        {
            if ((text[i] & 0xC0) != 0x80)
                return Replacement;
            codePoint = codePoint << 6 | (text[i] & 0x3F);
        }

        if (codePoint > 0x10FFFF)
            return Replacement;
        width = length;
        return codePoint;
    }

    /// <summary>Bytes of the character that a lead byte promises, well-formed or not.</summary>
    public static int Length(byte lead) => lead switch { < 0xC0 => 1, < 0xE0 => 2, < 0xF0 => 3, _ => 4 };

    /// <summary>Writes a code point, surrogates too, and returns its bytes.</summary>
    public static int Spell(Span<byte> bytes, int codePoint)
    {
        if (Rune.IsValid(codePoint))
            return new Rune(codePoint).EncodeToUtf8(bytes);
        bytes[0] = (byte)(0xE0 | codePoint >> 12);
        bytes[1] = (byte)(0x80 | (codePoint >> 6 & 0x3F));
        bytes[2] = (byte)(0x80 | (codePoint & 0x3F));
        return 3;
    }

    private static int Wide(ReadOnlySpan<byte> text, out int width)
    {
        var codePoint = Lenient(text, out width);
        // Too long a spelling of a smaller number is no character here.
        if (codePoint >= width switch { 2 => 0x80, 3 => 0x800, 4 => 0x10000, _ => 0 })
            return codePoint;
        width = 1;
        return Replacement;
    }
}
