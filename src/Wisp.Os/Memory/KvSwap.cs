using Wisp.Run;

namespace Wisp.Memory;

/// <summary>A sequence that is not in memory: its tokens, and where its keys and values are, if anywhere.</summary>
public sealed record SwappedSequence(int[] Tokens, KvDomain Domain, string? File);

/// <summary>
/// Takes sequences out of the KV memory and back, in whichever way is faster here; rates are measured as it goes.
/// </summary>
/// <param name="folder">For images; they are removed as they are read.</param>
/// <param name="tokensPerSecond">The model's prefill rate, until one is measured.</param>
public sealed class KvSwap(KvCache cache, string folder, TimeProvider clock, double tokensPerSecond = 1000)
{
    private const double NewShare = 0.3; // of a new measurement: rates follow in some three swaps

    private int _images;

    /// <summary>Of files; a plain disk until one is measured.</summary>
    public double BytesPerSecond { get; private set; } = 200e6;

    public double TokensPerSecond { get; private set; } = tokensPerSecond;

    /// <summary>Puts a sequence away, all of whose tokens are computed, and disposes it.</summary>
    /// <exception cref="IOException">The image could not be written; the sequence is as it was.</exception>
    public SwappedSequence Out(KvSequence sequence, KvDomain domain = default)
    {
        var tokens = sequence.CopyOfTokens();
        var bytes = KvImage.BytesOf(sequence);
        string? path = null;
        if (SwapChoice.Of(bytes, BytesPerSecond, tokens.Length, TokensPerSecond).ToFile)
        {
            path = Path.Combine(folder, $"{Environment.ProcessId}-{_images++}.kv");
            var begin = clock.GetTimestamp();
            AtomicFile.Write(path, stream => KvImage.Write(sequence, stream), bytes);
            BytesPerSecond = Mixed(BytesPerSecond, bytes, clock.GetElapsedTime(begin));
        }

        sequence.Dispose();
        return new SwappedSequence(tokens, domain, path);
    }

    /// <summary>
    /// Brings it back. What the sequence does not hold of the tokens has to be read by the model again; that is all
    /// of them but a shared prefix where there was no image, or where it is damaged.
    /// </summary>
    /// <exception cref="KvMemoryException">There is no room; nothing has changed.</exception>
    public KvSequence In(SwappedSequence swapped)
    {
        if (swapped.File is not null && File.Exists(swapped.File))
            try
            {
                var begin = clock.GetTimestamp();
                KvSequence sequence;
                using (var stream = File.OpenRead(swapped.File))
                {
                    sequence = KvImage.Read(cache, stream, swapped.File, swapped.Domain);
                    BytesPerSecond = Mixed(BytesPerSecond, stream.Length, clock.GetElapsedTime(begin));
                }

                File.Delete(swapped.File);
                return sequence;
            }
            catch (Exception e) when (e is InvalidDataException or IOException)
            {
                // The tokens are enough to make it anew.
            }

        return cache.Create(swapped.Tokens, swapped.Domain);
    }

    /// <summary>Says how fast the model read a prompt.</summary>
    public void Prefilled(int tokens, TimeSpan time) => TokensPerSecond = Mixed(TokensPerSecond, tokens, time);

    private static double Mixed(double rate, double amount, TimeSpan time) =>
        time <= TimeSpan.Zero ? rate : ((1 - NewShare) * rate) + (NewShare * amount / time.TotalSeconds);
}
