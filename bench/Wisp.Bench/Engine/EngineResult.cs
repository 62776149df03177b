using System.Text.Json.Serialization;

namespace Wisp.Bench.Engine;

/// <summary>One thing measured on both sides.</summary>
internal sealed record Pair(Spread Ours, Spread Theirs)
{
    /// <summary>Ours over theirs: above 1 is better where more is better.</summary>
    public double Ratio => Ours.Median / Theirs.Median;
}

/// <summary>How far the logits of the two lie apart on the same file and tokens.</summary>
/// <param name="Relative">Root mean square of the difference over the deviation of llama.cpp's logits.</param>
internal sealed record Agreement(double Relative, double Allowed, int SameTop, int Positions)
{
    public bool Holds => Relative <= Allowed;
}

/// <summary>Tokens a second of all streams together, and of one alone.</summary>
internal sealed record StreamsResult(int Streams, Pair One, Pair All)
{
    public double OurGain => All.Ours.Median / One.Ours.Median;

    public double TheirGain => All.Theirs.Median / One.Theirs.Median;
}

/// <summary>All about one model file.</summary>
/// <param name="TokenBytes">Bytes of weights that a token reads.</param>
/// <param name="OurKvBytes">Keys and values of the whole context as ours keeps them.</param>
/// <param name="Bandwidth">Bytes a second, the best of each measurement between the rounds.</param>
/// <param name="FmaPeak">FLOP a second, likewise.</param>
/// <param name="Prefill">Tokens a second, like all that follows up to the streams.</param>
/// <param name="Load">Seconds from opening to where tokens can be fed.</param>
/// <param name="FirstToken">Seconds from the start of a process to the first logits.</param>
internal sealed record EngineResult(
    string Shape, string Type, bool Pure, long TokenBytes, long OurKvBytes, string OurName, string TheirName,
    Agreement Agreement, Spread Bandwidth, Spread FmaPeak, Pair Prefill, Pair Decode, Pair? LongDecode, Pair Load,
    Pair FirstToken, SideMemory OurMemory, SideMemory TheirMemory)
{
    /// <summary>
    /// Seconds from the start of a process to the first logits, the weights used as they lie in the file.
    /// </summary>
    public Spread? MappedFirstToken { get; init; }

    /// <summary>Bytes a second over all of each measurement, as decoding is timed.</summary>
    public Spread? MeanBandwidth { get; init; }

    public StreamsResult? Streams { get; init; }

    public Operation[] DecodeOperations { get; init; } = [];

    public Operation[] PrefillOperations { get; init; } = [];

    /// <summary>Of all cores' time, taken by other programs meanwhile.</summary>
    public double OthersShare { get; init; }

    [JsonIgnore]
    public string Model => $"{Shape} {Type}{(Pure ? "" : "*")}";

    /// <summary>Of the bandwidth, by the weights alone.</summary>
    public double BandwidthShare => Decode.Ours.Median * TokenBytes / Bandwidth.Median;

    public double? MeanBandwidthShare => Decode.Ours.Median * TokenBytes / MeanBandwidth?.Median;

    public double TheirBandwidthShare => Decode.Theirs.Median * TokenBytes / Bandwidth.Median;
}
