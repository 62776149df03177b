using System.Globalization;
using System.Text.RegularExpressions;

namespace Wisp.Serve.Ollama;

/// <summary>Durations as Go writes them, such as "1h30m", "5m", "300ms" or "-1s".</summary>
internal static partial class Duration
{
    /// <param name="seconds">The duration in seconds.</param>
    public static bool TryParse(string text, out double seconds)
    {
        seconds = 0;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out seconds))
            return double.IsFinite(seconds); // a number alone is seconds
        var match = Written().Match(text);
        if (!match.Success)
            return false;
        var units = match.Groups["unit"].Captures;
        var numbers = match.Groups["number"].Captures;
        for (var i = 0; i < units.Count; i++)
            seconds += double.Parse(numbers[i].Value, CultureInfo.InvariantCulture) * units[i].Value switch
            {
                "h" => 3600,
                "m" => 60,
                "s" => 1,
                "ms" => 1e-3,
                "us" or "µs" => 1e-6,
                _ => 1e-9,
            };
        seconds = match.Groups["minus"].Success ? -seconds : seconds;
        return true;
    }

    [GeneratedRegex(@"^(?<minus>-)?((?<number>\d+(\.\d+)?)(?<unit>h|ms|m|s|us|µs|ns))+$")]
    private static partial Regex Written();
}
