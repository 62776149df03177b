using System.Globalization;
using System.Text;

namespace Wisp.Chat.Syntax;

/// <summary>Backslash escapes of string literals, as Python has them.</summary>
internal static class Escapes
{
    public static string Decode(string body, int line)
    {
        var text = new StringBuilder(body.Length);
        for (var i = 0; i < body.Length; i++)
        {
            if (body[i] != '\\' || i + 1 == body.Length)
            {
                text.Append(body[i]);
                continue;
            }

            var c = body[++i];
            switch (c)
            {
                case '\n':
                    break; // a line continued
                case '\\' or '\'' or '"':
                    text.Append(c);
                    break;
                case 'x':
                    Append(Hex(2));
                    break;
                case 'u':
                    Append(Hex(4));
                    break;
                case 'U':
                    Append(Hex(8));
                    break;
                case 'N':
                    throw new TemplateException("characters by name, \\N{...}, are not supported.", line);
                case >= '0' and <= '7':
                    var digits = 1;
                    while (digits < 3 && i + digits < body.Length && body[i + digits] is >= '0' and <= '7')
                        digits++;
                    Append(Convert.ToInt32(body.Substring(i, digits), 8));
                    i += digits - 1;
                    break;
                default:
                    var at = "abfnrtv".IndexOf(c);
                    if (at >= 0)
                        text.Append("\a\b\f\n\r\t\v"[at]);
                    else
                        text.Append('\\').Append(c); // no escape: both characters stand
                    break;
            }

            int Hex(int length)
            {
                if (i + length >= body.Length ||
                    !int.TryParse(body.AsSpan(i + 1, length), NumberStyles.AllowHexSpecifier,
                        CultureInfo.InvariantCulture, out var code) || code is < 0 or > 0x10FFFF)
                    throw new TemplateException(
                        $"the escape \\{c} needs {length} hexadecimal digits of a character.", line);
                i += length;
                return code;
            }
        }

        return text.ToString();

        void Append(int code)
        {
            if (code < 0x10000)
                text.Append((char)code);
            else
                text.Append(char.ConvertFromUtf32(code));
        }
    }
}
