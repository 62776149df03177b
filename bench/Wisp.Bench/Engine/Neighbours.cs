using System.Globalization;

namespace Wisp.Bench.Engine;

/// <summary>
/// What other programs took of the processors since it was made: with busy neighbours the numbers say little, and not
/// the same little of both sides, since one that waits by spinning suffers more.
/// </summary>
internal sealed class Neighbours
{
    /// <summary>From this share on a result is marked.</summary>
    public const double Noticeable = 0.1;

    private readonly (double Others, double All) _before = Read();

    /// <summary>The share of all cores' time; ours counts once a side has ended.</summary>
    public double Share()
    {
        var (others, all) = Read();
        return all > _before.All ? Math.Clamp((others - _before.Others) / (all - _before.All), 0, 1) : 0;
    }

    // Both files count in the same ticks. /proc/stat: user nice system idle iowait irq softirq steal. /proc/self/stat:
    // fields 14 to 17 are ours and those of children that have ended, counted behind the name in parentheses.
    private static (double Others, double All) Read()
    {
        const string machine = "/proc/stat", self = "/proc/self/stat";
        if (!File.Exists(machine) || !File.Exists(self))
            return default;
        var all = File.ReadLines(machine).First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..9]
            .Select(Number).ToArray();
        var text = File.ReadAllText(self);
        var own = text[(text.LastIndexOf(')') + 2)..].Split(' ')[11..15].Sum(Number);
        return (all.Sum() - all[3] - all[4] - own, all.Sum());
    }

    private static double Number(string field) => double.Parse(field, CultureInfo.InvariantCulture);
}
