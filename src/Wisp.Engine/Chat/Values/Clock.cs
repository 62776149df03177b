using System.Globalization;
using System.Text;

namespace Wisp.Chat.Values;

/// <summary>
/// Times as C's strftime writes them in the C locale, for a local time that knows no zone (as Python's now()).
/// </summary>
internal static class Clock
{
    public static string Format(DateTime time, string format, Budget budget)
    {
        budget.Charge(format.Length);
        var text = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            var start = i++;
            var flag = format[i] is '-' or '_' or '0' or '^' or '#' ? format[i++] : '\0';
            while (i + 1 < format.Length && format[i] is 'E' or 'O')
                i++; // other calendars and digits, which the C locale has not
            var field = i < format.Length ? Field(time, format[i], flag) : null;
            field ??= format[start..Math.Min(i + 1, format.Length)]; // unknown ones stand as they are
            budget.Charge(field.Length);
            text.Append(flag is '^' or '#' ? field.ToUpperInvariant() : field);
        }

        return text.ToString();
    }

    private static string? Field(DateTime time, char letter, char flag)
    {
        var culture = CultureInfo.InvariantCulture;
        return letter switch
        {
            'a' => time.ToString("ddd", culture),
            'A' => time.ToString("dddd", culture),
            'b' or 'h' => time.ToString("MMM", culture),
            'B' => time.ToString("MMMM", culture),
            'c' => $"{time.ToString("ddd MMM", culture)} {time.Day,2} {time.ToString("HH:mm:ss yyyy", culture)}",
            'C' => Number(time.Year / 100, 2),
            'd' => Number(time.Day, 2),
            'D' or 'x' => time.ToString("MM'/'dd'/'yy", culture),
            'e' => Number(time.Day, 2, ' '),
            'f' => time.ToString("ffffff", culture),
            'F' => time.ToString("yyyy-MM-dd", culture),
            'G' => Number(ISOWeek.GetYear(time), 1),
            'g' => Number(ISOWeek.GetYear(time) % 100, 2),
            'H' => Number(time.Hour, 2),
            'I' => Number((time.Hour + 11) % 12 + 1, 2),
            'j' => Number(time.DayOfYear, 3),
            'k' => Number(time.Hour, 2, ' '),
            'l' => Number((time.Hour + 11) % 12 + 1, 2, ' '),
            'm' => Number(time.Month, 2),
            'M' => Number(time.Minute, 2),
            'n' => "\n",
            'p' => time.Hour < 12 ? "AM" : "PM",
            'P' => time.Hour < 12 ? "am" : "pm",
            'r' => time.ToString("hh:mm:ss ", culture) + (time.Hour < 12 ? "AM" : "PM"),
            'R' => time.ToString("HH:mm", culture),
            'S' => Number(time.Second, 2),
            's' => new DateTimeOffset(time, TimeSpan.Zero).ToUnixTimeSeconds().ToString(culture),
            't' => "\t",
            'T' or 'X' => time.ToString("HH:mm:ss", culture),
            'u' => Number(((int)time.DayOfWeek + 6) % 7 + 1, 1),
            'U' => Number((time.DayOfYear + 6 - (int)time.DayOfWeek) / 7, 2),
            'V' => Number(ISOWeek.GetWeekOfYear(time), 2),
            'w' => Number((int)time.DayOfWeek, 1),
            'W' => Number((time.DayOfYear + 6 - ((int)time.DayOfWeek + 6) % 7) / 7, 2),
            'y' => Number(time.Year % 100, 2),
            'Y' => Number(time.Year, 1),
            'z' or 'Z' => "",
            '%' => "%",
            _ => null,
        };

        // '-' takes the filling away, '_' makes it blanks, '0' zeros.
        string Number(int number, int width, char fill = '0') => flag == '-' ? number.ToString(culture)
            : number.ToString(culture).PadLeft(width, flag == '_' ? ' ' : flag == '0' ? '0' : fill);
    }
}
