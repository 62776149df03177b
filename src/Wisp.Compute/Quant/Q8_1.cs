namespace Wisp.Compute;

/// <summary>
/// <see cref="Q8_0"/> and the sum of its values: d, s = d·Σq and 32 signed bytes. Activations that meet weights of the
/// form d·q + m have it, because Σ(d·q + m)·x needs Σx beside Σq·x. No file holds it.
/// </summary>
internal readonly unsafe struct Q8_1 : IBlockEncoder
{
    public static void Encode(byte* block, float* x)
    {
        var d = Q8_0.Encode(block + 4, x, out var sum);
        Halves.Store(block, d);
        Halves.Store(block + 2, sum * d);
    }
}
