using System.Buffers.Binary;
using Wisp.Compute;

namespace Wisp.Tests.Compute.Packed;

/// <summary>
/// A stored matrix whose codes and small scales are any bits at all, and whose halves are sane: kernels meet every code
/// that a file may hold, not only those that an encoder chooses.
/// </summary>
internal sealed class RandomWeights : IDisposable
{
    private readonly string _path = Path.GetTempFileName();
    private readonly MappedFile _file;

    public RandomWeights(DType type, int R, int C, int seed, byte? everywhere = null)
    {
        var bytes = new byte[type.BytesOf((long)R * C)];
        var random = new Random(seed);
        if (everywhere is { } value)
            bytes.AsSpan().Fill(value);
        else if (type.IsQuantised())
            random.NextBytes(bytes);
        else
            Blocks.Encode(bytes, Sample.Normal(R * C, seed), type);
        for (var at = 0; at < bytes.Length; at += type.BlockBytes())
            foreach (var half in Halves(type))
                BinaryPrimitives.WriteHalfLittleEndian(
                    bytes.AsSpan(at + half), (Half)(everywhere is null ? random.NextDouble() - 0.3 : 0.5));
        File.WriteAllBytes(_path, [1, 2, 3, .. bytes]); // stored values need no alignment
        _file = MappedFile.Open(_path);
        W = WeightMatrix.Of(_file, 3, type, R, C);
        Values = new float[R * C];
        Blocks.Decode(Values, bytes, type);
    }

    public WeightMatrix W { get; }

    /// <summary>All values, decoded.</summary>
    public float[] Values { get; }

    public static TheoryData<DType> Quantised =>
        [.. Enum.GetValues<DType>().Where(type => PackedMatrix.Supports(type) && type.IsQuantised())];

    public static TheoryData<DType> All => [.. Enum.GetValues<DType>().Where(PackedMatrix.Supports)];

    public void Dispose()
    {
        _file.Dispose();
        File.Delete(_path);
    }

    // Where the binary16 numbers of a block stand.
    private static int[] Halves(DType type) => type switch
    {
        DType.Q4_1 or DType.Q5_1 or DType.Q4_K or DType.Q5_K => [0, 2],
        DType.Q2_K => [80, 82],
        DType.Q3_K => [108],
        DType.Q6_K => [208],
        DType.F32 or DType.F16 or DType.BF16 => [],
        _ => [0],
    };
}
