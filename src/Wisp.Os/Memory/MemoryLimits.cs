namespace Wisp.Memory;

/// <summary>The pages that may not be put away do not fit the window.</summary>
public sealed class WindowException(string message) : Exception(message);

/// <summary>How an address space uses the window of its model. Shares are of <see cref="Room"/>.</summary>
public sealed record MemoryLimits
{
    /// <summary>Tokens that a prompt must have for pages to be moved about in it.</summary>
    public const int SmallestRoom = 128;

    /// <param name="window">Tokens that the model can have before it in all.</param>
    /// <param name="reserve">Tokens of these that are kept for its answer.</param>
    public MemoryLimits(int window, int reserve)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(reserve);
        if (window - reserve < SmallestRoom)
            throw new ArgumentOutOfRangeException(nameof(window),
                $"A window of {window} tokens with {reserve} kept for the answer leaves {window - reserve} to read; " +
                $"{SmallestRoom} are needed.");
        (Window, Reserve) = (window, reserve);
    }

    public int Window { get; }

    public int Reserve { get; }

    /// <summary>Tokens of the longest prompt.</summary>
    public int Room => Window - Reserve;

    /// <summary>Above this share pages are put away ...</summary>
    public double Start { get; init; } = 0.85;

    /// <summary>... until this share is left: rarely and many at once, for each time the rest is read again.</summary>
    public double Stop { get; init; } = 0.55;

    /// <summary>The longest page; a longer text becomes several, of which the first is in the prompt at once.</summary>
    public double LargestPage { get; init; } = 0.2;

    /// <summary>The longest list of stubs before the older ones are folded into a summary.</summary>
    public double Stubs { get; init; } = 0.1;

    /// <summary>What a rule may bring in before a turn.</summary>
    public double Prefetch { get; init; } = 0.2;

    /// <summary>What thrashing may pin.</summary>
    public double ThrashPins { get; init; } = 0.25;

    /// <summary>The working set is what was used in so many turns.</summary>
    public int WorkingTurns { get; init; } = 4;

    /// <summary>A page that was faulted three times in so many turns is thrashing.</summary>
    public int ThrashTurns { get; init; } = 16;

    internal int Of(double share) => (int)(Room * share);
}
