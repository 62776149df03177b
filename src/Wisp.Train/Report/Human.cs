using System.Globalization;

namespace Wisp.Train.Report;

/// <summary>Numbers as a person reads them. Suffixes are decimal: 1 MB is 1,000,000 bytes.</summary>
public static class Human
{
    /// <summary>12,345.</summary>
    public static string Count(long value) => value.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>Three digits and a suffix: 950, 12.3k, 4.56M, 7.8G.</summary>
    public static string Short(double value)
    {
        if (!double.IsFinite(value))
            return value.ToString(CultureInfo.InvariantCulture);
        ReadOnlySpan<string> suffixes = ["", "k", "M", "G", "T", "P", "E"];
        var size = Math.Abs(value);
        var at = 0;
        // 999.5 would print as 1000, so it moves up already.
        while (size >= 999.5 && at < suffixes.Length - 1)
            (size, at) = (size / 1000, at + 1);
        var digits = at == 0 && size == Math.Floor(size) ? "0" : size >= 99.95 ? "0" : size >= 9.995 ? "0.0" : "0.00";
        return (value < 0 ? "-" : "") + size.ToString(digits, CultureInfo.InvariantCulture) + suffixes[at];
    }

    /// <summary>12.3 MB.</summary>
    public static string Bytes(double value)
    {
        var text = Short(value);
        return char.IsLetter(text[^1]) ? $"{text[..^1]} {(text[^1] == 'k' ? "kB" : text[^1] + "B")}" : text + " B";
    }

    /// <summary>The two leading units: 9.3 s, 42 s, 3 min 07 s, 1 h 04 min, 2 d 03 h.</summary>
    public static string Time(TimeSpan time)
    {
        if (time < TimeSpan.Zero)
            return "-" + Time(-time);
        if (time.TotalSeconds < 9.95)
            return time.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture) + " s";
        var seconds = (long)Math.Round(time.TotalSeconds);
        return seconds switch
        {
            < 60 => $"{seconds} s",
            < 3600 => $"{seconds / 60} min {seconds % 60:00} s",
            < 86400 => $"{seconds / 3600} h {seconds / 60 % 60:00} min",
            _ => $"{seconds / 86400} d {seconds / 3600 % 24:00} h",
        };
    }

    /// <summary>A learning rate or another small number: 0.02, 3e-4, 1.5e-5.</summary>
    public static string Small(double value) =>
        value == 0 ? "0"
        : Math.Abs(value) >= 0.01 ? value.ToString("0.####", CultureInfo.InvariantCulture)
        : value.ToString("0.##e+0", CultureInfo.InvariantCulture);
}
