namespace Wisp.Grammar;

/// <summary>
/// The values of JSON Schema's "format" as regular expressions. Each takes a part of what the format allows, and
/// nothing else: years from 1000, offsets under 14 hours as they occur on Earth, URLs of http, no quoted local parts in
/// addresses.
/// </summary>
internal static class JsonFormats
{
    private const string TimeOfDay = @"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?";
    private const string Offset = @"(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])";

    // The days that each month has; 29 February in years divisible by 4, and of centuries by 400.
    private const string Date =
        @"([1-9][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)" +
        @"|02-(0[1-9]|1[0-9]|2[0-8]))" +
        @"|([1-9][0-9](0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)-02-29)";

    private const string Octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";

    // Labels of at most 63 characters, three of them: under the 253 of a name. Two hyphens in a row are left to
    // xn--, and a first digit to addresses.
    private const string Label = "[a-z][a-z0-9]{0,14}(-[a-z0-9]{1,15}){0,3}";
    private const string Host = $@"{Label}(\.{Label}){{0,2}}";

    private static readonly Dictionary<string, string> s_patterns = new()
    {
        ["date"] = $"^{Date}$",
        ["time"] = $"^{TimeOfDay}{Offset}$",
        ["date-time"] = $"^{Date}T{TimeOfDay}{Offset}$",
        ["uuid"] = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        ["ipv4"] = $@"^{Octet}(\.{Octet}){{3}}$",
        ["ipv6"] = "^[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}$",
        ["hostname"] = $"^{Host}$",
        ["email"] = $@"^[A-Za-z0-9_+-]{{1,20}}(\.[A-Za-z0-9_+-]{{1,20}}){{0,2}}@{Label}(\.{Label}){{1,2}}$",
        ["uri"] = $@"^https?://{Host}(/[A-Za-z0-9._~-]*)*(\?[A-Za-z0-9._~=&-]*)?(#[A-Za-z0-9._~-]*)?$",
    };

    public static string Known => string.Join(", ", s_patterns.Keys.Order(StringComparer.Ordinal));

    /// <summary>The pattern of a format, or null where it is not known.</summary>
    public static string? PatternOf(string format) => s_patterns.GetValueOrDefault(format);
}
