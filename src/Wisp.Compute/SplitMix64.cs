namespace Wisp.Compute;

/// <summary>
/// A small random generator that is part of the file formats' promise: the same seed gives the same numbers on every
/// platform and in every release, which System.Random does not promise.
/// Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number Generators", OOPSLA, figure 14 (mix64, variant 13).
/// </summary>
/// <remarks>
/// The state walks through all 2^64 values in steps of 2^64/φ, made odd; the mixer is a bijection, so the period is
/// 2^64. Two samplers that need unrelated numbers take different seeds.
/// </remarks>
public struct SplitMix64(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        var z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>Uniform in [0, 1): the upper 53 bits, as many as a double holds exactly.</summary>
    public double NextUnit() => (Next() >> 11) * (1.0 / (1L << 53));
}
