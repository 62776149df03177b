namespace Wisp.Memory;

/// <summary>What bringing a sequence back costs, either way.</summary>
/// <param name="ToFile">Whether to write its keys and values; otherwise its tokens are read again.</param>
/// <param name="Cost">The time of the cheaper way.</param>
public readonly record struct SwapChoice(bool ToFile, TimeSpan Cost)
{
    /// <summary>The smaller of bytes / bandwidth, there and back, and tokens / prefill rate.</summary>
    /// <param name="bytes">Of the image.</param>
    /// <param name="bytesPerSecond">That files are written and read with.</param>
    /// <param name="tokens">To be read again; those that stay in the cache for others do not count.</param>
    /// <param name="tokensPerSecond">That the model reads prompts with.</param>
    public static SwapChoice Of(long bytes, double bytesPerSecond, int tokens, double tokensPerSecond)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytesPerSecond);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tokensPerSecond);
        double file = 2 * bytes / bytesPerSecond, compute = tokens / tokensPerSecond;
        return new SwapChoice(file < compute, TimeSpan.FromSeconds(Math.Min(file, compute)));
    }
}
