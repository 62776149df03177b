using Wisp.Compute;

namespace Wisp.Bench.Engine;

/// <summary>Something in which ours is behind llama.cpp, or short of what we set ourselves.</summary>
internal sealed record Loss(string Model, string What, string Measured, string Wanted)
{
    private const double EnoughOfBandwidth = 0.85, StreamGain = 3, FirstTokenSeconds = 2;
    private const long MemoryBeyondWeights = 200_000_000;

    /// <summary>The bar of a measurement as ours over llama.cpp's; 1 where none is set.</summary>
    private static double Bar(EngineResult r, bool decode) => (r.Shape, r.Type, decode) switch
    {
        ("1B", nameof(DType.Q8_0), _) => 1.5,
        ("1B", nameof(DType.Q4_0) or nameof(DType.Q4_K), true) => 1.2,
        ("1B", nameof(DType.Q6_K), false) => 1.5,
        _ => 1,
    };

    public static IEnumerable<Loss> Of(EngineResult r)
    {
        // At the bandwidth nobody can be faster, whatever the ratio.
        if (r.Shape != "1B" || r.BandwidthShare < EnoughOfBandwidth)
            foreach (var loss in Speed("decode", r.Decode, Bar(r, decode: true)))
                yield return loss with { Measured = $"{loss.Measured}, {r.BandwidthShare:0 %} of bandwidth" };
        if (r.LongDecode is { } late)
            foreach (var loss in Speed("decode, long context", late, 1))
                yield return loss;
        foreach (var loss in Speed($"prefill {EngineOptions.PromptTokens}", r.Prefill, Bar(r, decode: false)))
            yield return loss;

        var (first, mapped, theirs) =
            (r.FirstToken.Ours.Median, r.MappedFirstToken?.Median, r.FirstToken.Theirs.Median);
        if (first > theirs)
            yield return new(r.Model, "first token", $"{first:0.00} s", $"llama.cpp's {theirs:0.00} s");
        if (r.Shape == "1B" && r.Type == nameof(DType.Q8_0) && first > FirstTokenSeconds)
            yield return new(r.Model, "first token", $"{first:0.00} s", $"{FirstTokenSeconds} s");
        if (r.Shape == "1B" && r.Type == nameof(DType.Q8_0) && mapped > FirstTokenSeconds)
            yield return new(r.Model, "first token, mapped", $"{mapped:0.00} s", $"{FirstTokenSeconds} s");
        var allowed = r.TokenBytes + r.OurKvBytes + MemoryBeyondWeights;
        if (r.OurMemory.Peak > allowed)
            yield return new(r.Model, "peak memory", $"{r.OurMemory.Peak / 1e6:0} MB",
                $"{allowed / 1e6:0} MB: weights, keys and values, 200 MB");
        if (r.OurMemory.Peak > r.TheirMemory.Peak)
            yield return new(r.Model, "peak memory", $"{r.OurMemory.Peak / 1e6:0} MB",
                $"llama.cpp's {r.TheirMemory.Peak / 1e6:0} MB");
        if (r.Streams is { } s && s.OurGain < StreamGain && r.Shape == "1B")
            yield return new(r.Model, $"{s.Streams} streams", $"x{s.OurGain:0.00} of one", $"x{StreamGain:0.00}");
        if (r.Streams is { } all && all.All.Ratio < 1)
            yield return new(r.Model, $"{all.Streams} streams", $"x{all.All.Ratio:0.00}", "x1.00");
        if (!r.Agreement.Holds)
            yield return new(r.Model, "same numbers", $"{r.Agreement.Relative:0.0 %} apart",
                $"{r.Agreement.Allowed:0 %}");

        IEnumerable<Loss> Speed(string what, Pair pair, double wanted)
        {
            if (pair.Ratio < wanted)
                yield return new(r.Model, what, $"x{pair.Ratio:0.00}", $"x{wanted:0.00}");
        }
    }
}
