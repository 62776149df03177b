using Wisp.Compute;
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
    private const string Extension = ".kv";

    private int _images;

    /// <summary>Of files; a plain disk until one is measured.</summary>
    public double BytesPerSecond { get; private set; } = 200e6;

    public double TokensPerSecond { get; private set; } = tokensPerSecond;

    /// <summary>Makes the folder, for this user alone, and removes what a kernel that was killed left there.</summary>
    /// <exception cref="IOException">The folder cannot be had.</exception>
    public void Begin()
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(
                folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (var left in Directory.GetFiles(folder, $"*{Extension}*"))
            File.Delete(left);
    }

    /// <summary>Puts a sequence away, all of whose tokens are computed, and disposes it.</summary>
    /// <exception cref="IOException">The image could not be written; the sequence is as it was.</exception>
    public SwappedSequence Out(KvSequence sequence)
    {
        var bytes = KvImage.BytesOf(sequence);
        // What others hold too stays in the cache and need not be read again.
        var own = sequence.Length - ((sequence.Blocks.Length - sequence.OwnBlocks) * KvStore.BlockTokens);
        string? path = null;
        if (SwapChoice.Of(bytes, BytesPerSecond, own, TokensPerSecond).ToFile)
        {
            path = Path.Combine(folder, $"{Environment.ProcessId}-{_images++}{Extension}");
            var begin = clock.GetTimestamp();
            AtomicFile.Write(path, stream => KvImage.Write(sequence, stream), bytes);
            BytesPerSecond = Mixed(BytesPerSecond, bytes, clock.GetElapsedTime(begin));
        }

        var away = new SwappedSequence(sequence.CopyOfTokens(), sequence.Domain, path);
        sequence.Dispose();
        return away;
    }

    /// <summary>
    /// Brings it back. What the sequence does not hold of the tokens has to be read by the model again; that is all
    /// of them but a shared prefix where there was no image, or where it is damaged.
    /// </summary>
    /// <exception cref="KvMemoryException">There is no room; nothing has changed.</exception>
    public KvSequence In(SwappedSequence swapped)
    {
        try
        {
            if (swapped.File is { } path)
            {
                using var stream = File.OpenRead(path);
                var begin = clock.GetTimestamp();
                var sequence = KvImage.Read(cache, stream, path, swapped.Domain);
                BytesPerSecond = Mixed(BytesPerSecond, stream.Length, clock.GetElapsedTime(begin));
                Drop(swapped);
                return sequence;
            }
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            Drop(swapped); // the tokens are enough to make it anew
        }

        return cache.Create(swapped.Tokens, swapped.Domain);
    }

    /// <summary>Removes what is not to come back.</summary>
    public static void Drop(SwappedSequence swapped)
    {
        try
        {
            if (swapped.File is { } file)
                File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next kernel removes it.
        }
    }

    /// <summary>Says how fast the model read a prompt.</summary>
    public void Prefilled(int tokens, TimeSpan time) => TokensPerSecond = Mixed(TokensPerSecond, tokens, time);

    private static double Mixed(double rate, double amount, TimeSpan time) =>
        time <= TimeSpan.Zero ? rate : ((1 - NewShare) * rate) + (NewShare * amount / time.TotalSeconds);
}
