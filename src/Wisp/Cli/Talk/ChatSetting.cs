using System.Globalization;
using Wisp.Run;
using Wisp.Serve.Talk;

namespace Wisp.Cli.Talk;

/// <summary>One of the numbers that say how answers are written, as a person reads and changes it.</summary>
internal sealed record ChatSetting(
    string Name, Func<ChatSettings, object?> Get, Func<ChatSettings, double?, ChatSettings> With,
    Func<Sampling, object> Default, bool IsWhole = false)
{
    public static IReadOnlyList<ChatSetting> All { get; } =
    [
        new("temperature", s => s.Temperature, (s, x) => s with { Temperature = (float?)x }, d => d.Temperature),
        new("top_k", s => s.TopK, (s, x) => s with { TopK = (int?)x }, d => d.TopK, IsWhole: true),
        new("top_p", s => s.TopP, (s, x) => s with { TopP = (float?)x }, d => d.TopP),
        new("min_p", s => s.MinP, (s, x) => s with { MinP = (float?)x }, d => d.MinP),
        new("repeat_penalty", s => s.RepeatPenalty, (s, x) => s with { RepeatPenalty = (float?)x },
            d => d.RepeatPenalty),
        new("max_tokens", s => s.MaxTokens, (s, x) => s with { MaxTokens = (int?)x }, _ => "a quarter of the context",
            IsWhole: true),
        new("seed", s => s.Seed, (s, x) => s with { Seed = (long?)x }, _ => "another each time", IsWhole: true),
    ];

    public static IReadOnlyList<string> Names { get; } = [.. All.Select(setting => setting.Name)];

    public static ChatSetting? Of(string name) => All.FirstOrDefault(setting => setting.Name ==
        name.ToLowerInvariant().Replace('-', '_') switch { "temp" => "temperature", var other => other });

    public string Shown(ChatSettings settings, Sampling sampling) => Get(settings) is { } set
        ? Convert.ToString(set, CultureInfo.InvariantCulture)!
        : Convert.ToString(Default(sampling), CultureInfo.InvariantCulture) + " (default)";

    /// <summary>The settings with this one changed; "-" is the default.</summary>
    /// <exception cref="UserException">The value is none for it.</exception>
    public ChatSettings Changed(ChatSettings settings, string value)
    {
        if (value is "-" or "default")
            return With(settings, null);
        double most = Name == "seed" ? 1L << 53 : int.MaxValue; // above, doubles skip whole numbers
        if (!double.TryParse(value, CultureInfo.InvariantCulture, out var number) || !double.IsFinite(number)
            || (IsWhole && (number != Math.Floor(number) || Math.Abs(number) > most)))
            throw new UserException($"{Name} takes {(IsWhole ? "a whole number" : "a number")}, not '{value}'.");
        var changed = With(settings, number);
        if (changed.MaxTokens < 1)
            throw new UserException($"{Name} is {value}; it must be 1 or more.");
        try
        {
            // What the engine would refuse at the next message is refused now.
            new Sampling
            {
                Temperature = changed.Temperature ?? 1, TopK = changed.TopK ?? 0, TopP = changed.TopP ?? 1,
                MinP = changed.MinP ?? 0, RepeatPenalty = changed.RepeatPenalty ?? 1,
            }.Check();
        }
        catch (ArgumentOutOfRangeException e)
        {
            var reason = e.Message.Split(" (Parameter")[0];
            throw new UserException($"{Name}{reason[reason.IndexOf(' ', StringComparison.Ordinal)..]}", e);
        }

        return changed;
    }
}
