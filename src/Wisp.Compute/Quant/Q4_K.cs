using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// 256 values in 8 sub-blocks of 32: x ≈ d·sⱼ·q − dmin·mⱼ with q of 4 bits, sⱼ and mⱼ of 6 bits (<see
/// cref="PackedScales"/>) and binary16 d, dmin. 4.5 bits a value.
/// </summary>
/// <remarks>Bytes: d 2, dmin 2, scales 12, q 128: each 32 bytes hold one sub-block low and the next one high.</remarks>
internal readonly unsafe struct Q4_K : IBlockDecoder, IBlockEncoder
{
    private const int ScalesAt = 4, CodesAt = 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Decode(float* y, byte* block)
    {
        float d = Halves.Load(block), dmin = Halves.Load(block + 2);
        var (scales, minima) = PackedScales.Load(block + ScalesAt);
        var codes = block + CodesAt;
        for (var pair = 0; pair < 4; pair++, codes += 32, y += 64, scales >>= 16, minima >>= 16)
        {
            Vector128<byte> a = Vector128.Load(codes), b = Vector128.Load(codes + 16);
            Vector512<float> s = Vector512.Create(d * (byte)scales), m = Vector512.Create(dmin * (byte)minima);
            (Lanes.Floats(Lanes.Low(a)) * s - m).Store(y);
            (Lanes.Floats(Lanes.Low(b)) * s - m).Store(y + 16);
            s = Vector512.Create(d * (byte)(scales >> 8));
            m = Vector512.Create(dmin * (byte)(minima >> 8));
            (Lanes.Floats(Lanes.High(a)) * s - m).Store(y + 32);
            (Lanes.Floats(Lanes.High(b)) * s - m).Store(y + 48);
        }
    }

    public static void Encode(byte* block, float* x)
    {
        byte* scales = stackalloc byte[8], minima = stackalloc byte[8], q = stackalloc byte[256];
        var (d, dmin) = AffineSearch.Encode(q, scales, minima, x, subBlock: 32, topCode: 15, topScale: 63);
        Halves.Store(block, d);
        Halves.Store(block + 2, dmin);
        PackedScales.Store(block + ScalesAt, scales, minima);
        for (var i = 0; i < 128; i++)
        {
            var low = q + i / 32 * 64 + i % 32;
            block[CodesAt + i] = (byte)(low[0] | low[32] << 4);
        }
    }
}
