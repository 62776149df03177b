using Wisp.Compute;

namespace Wisp.Train.Align.Lessons;

/// <summary>Choices that depend on nothing but a seed, on every machine and runtime.</summary>
internal sealed class Chooser(ulong seed)
{
    private SplitMix64 _random = new(seed);

    /// <summary>From 0 to below <paramref name="count"/>.</summary>
    public int Below(int count) => (int)Math.BigMul(_random.Next(), (ulong)count, out _);

    /// <summary>From <paramref name="least"/> to <paramref name="most"/>, both included.</summary>
    public int From(int least, int most) => least + Below(most - least + 1);

    public bool Chance(double share) => _random.NextUnit() < share;

    public T Of<T>(params IReadOnlyList<T> items) => items[Below(items.Count)];

    /// <summary>So many different ones, in random order.</summary>
    public T[] Some<T>(int count, IReadOnlyList<T> items)
    {
        T[] all = [.. items];
        for (var i = 0; i < count; i++)
        {
            var j = i + Below(all.Length - i);
            (all[i], all[j]) = (all[j], all[i]);
        }

        return all[..count];
    }
}
