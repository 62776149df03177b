using System.Globalization;
using System.Text;

namespace Wisp.Model;

/// <summary>
/// How SentencePiece, and after it llama.cpp for WordPiece too, spells tokens: ▁ for a blank, &lt;0x0A&gt; for a byte.
/// </summary>
internal static class PieceText
{
    public const char Blank = '▁';

    public static ReadOnlySpan<byte> BlankBytes => "▁"u8;

    public static int Spell(Span<byte> bytes, string token, TokenTraits traits)
    {
        if ((traits & (TokenTraits.Special | TokenTraits.UserDefined)) != 0)
            return Encoding.UTF8.GetBytes(token, bytes);
        if ((traits & TokenTraits.Normal) != 0)
            return Encoding.UTF8.GetBytes(token.Replace(Blank, ' '), bytes);
        if ((traits & TokenTraits.Byte) == 0)
            return 0; // an unused token stands for nothing
        bytes[0] = ValueOf(token) ?? throw new InvalidDataException(
            $"tokenizer.ggml.tokens: '{token}' is of type byte, but is not spelled like <0x0A>.");
        return 1;
    }

    /// <summary>The value of a byte token, or null.</summary>
    public static byte? ValueOf(string token) => token is ['<', '0', 'x', _, _, '>']
        && byte.TryParse(
            token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            ? value : null;

    public static string OfByte(int value) => $"<0x{value:X2}>";

    /// <summary>The text with ▁ for each blank, and one before it where asked for.</summary>
    public static byte[] Escape(ReadOnlySpan<byte> text, bool blankFirst)
    {
        var blanks = text.Count((byte)' ') + (blankFirst ? 1 : 0);
        var escaped = new byte[checked(text.Length + (blankFirst ? 1 : 0) + (BlankBytes.Length - 1) * blanks)];
        var at = 0;
        if (blankFirst)
        {
            BlankBytes.CopyTo(escaped);
            at = BlankBytes.Length;
        }

        foreach (var value in text)
        {
            if (value == ' ')
            {
                BlankBytes.CopyTo(escaped.AsSpan(at));
                at += BlankBytes.Length;
            }
            else
            {
                escaped[at++] = value;
            }
        }

        return escaped;
    }
}
