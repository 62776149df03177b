using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Wisp.Compute;

/// <summary>
/// <see cref="DirectTile"/> on a processor with AVX2 and nothing newer, 8 rows at a time; the same bits.
/// </summary>
/// <remarks>The sums of 32 rows stay in memory: 16 registers hold them and their operands no better.</remarks>
internal static unsafe class DirectAvx2
{
    private const int AtOnce = 8;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Bytes<TFormat>(float* y, InputBlock* a, byte* from, in Panel scratch, int columns)
        where TFormat : IPackedFormat
    {
        for (; columns > 0; columns -= InputBlock.Length, from += TFormat.Bytes, a++)
        {
            DirectTile.AheadOfScales<TFormat>(from, Panel.BlockBytes);
            TFormat.UnpackScales(scratch, from);
            var codes = from + TFormat.CodesAt;
            DirectTile.Ahead(codes, Panel.BlockBytes);
            for (var lane = 0; lane < Panel.Rows; lane += AtOnce, codes += 4 * AtOnce)
            {
                Vector256<int> even = default, odd = default;
                for (var step = 0; step < InputBlock.Length / 4; step += 2)
                {
                    even = SignedDot.Add(even, Vector256.Load(codes + step * Panel.StepBytes), Input(a, step));
                    odd = SignedDot.Add(odd, Vector256.Load(codes + (step + 1) * Panel.StepBytes), Input(a, step + 1));
                }

                Scale<TFormat>(y + lane, even + odd, scratch.Scales + lane, null, a, 0);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Nibbles<TFormat>(float* y, InputBlock* a, byte* from, in Panel scratch, int columns)
        where TFormat : IPackedFormat
    {
        var mask = Vector256.Create((byte)15);
        for (; columns > 0; columns -= TFormat.Length, from += TFormat.Bytes)
        {
            DirectTile.AheadOfScales<TFormat>(from, Planes.Nibbles);
            TFormat.UnpackScales(scratch, from);
            float* scales = scratch.Scales, minima = scratch.Minima;
            var codes = from + TFormat.CodesAt;
            for (var j = 0; j < TFormat.Length; j += InputBlock.Length, codes += Planes.Nibbles, a++)
            {
                DirectTile.Ahead(codes, Planes.Nibbles);
                for (var lane = 0; lane < Panel.Rows; lane += AtOnce)
                {
                    // Vector v of the plane holds vectors v and v + 8 of the codes, and a step takes two of 64 bytes.
                    Vector256<short> low = default, high = default;
                    for (var step = 0; step < InputBlock.Length / 8; step++)
                    {
                        var w = Vector256.Load(codes + 4 * lane + step * Panel.StepBytes);
                        low += Avx2.MultiplyAddAdjacent(w & mask, Input(a, step));
                        high += Avx2.MultiplyAddAdjacent(
                            Right(w, 4) & mask, Input(a, step + InputBlock.Length / 8));
                    }

                    Scale<TFormat>(y + lane, NarrowAvx2.Widen(low + high), scales + lane, minima + lane, a, 0);
                }

                scales += Panel.Rows;
                minima += Panel.Rows;
            }
        }
    }

    // A scale has 16 values: steps 0 to 3 are its first part and 4 to 7 its second.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Sixes<TFormat>(float* y, InputBlock* a, byte* from, in Panel scratch, int columns)
        where TFormat : IPackedFormat
    {
        Vector256<byte> mask = Vector256.Create((byte)15), top = Vector256.Create((byte)0x30);
        for (; columns > 0; columns -= TFormat.Length, from += TFormat.Bytes)
        {
            DirectTile.AheadOfScales<TFormat>(from, Planes.Nibbles + Planes.Pairs);
            TFormat.UnpackScales(scratch, from);
            var scales = scratch.Scales;
            var codes = from + TFormat.CodesAt;
            for (var j = 0; j < TFormat.Length; j += InputBlock.Length, a++)
            {
                DirectTile.Ahead(codes, Planes.Nibbles + Planes.Pairs);
                for (var lane = 0; lane < Panel.Rows; lane += AtOnce)
                {
                    Vector256<int> first = default, second = default;
                    // Two steps whose pairs of bits share a vector with those two, four and six steps on.
                    for (var half = 0; half < 2; half++)
                    {
                        var at = codes + 4 * lane + half * Panel.StepBytes;
                        Vector256<byte> x = Vector256.Load(at), z = Vector256.Load(at + Planes.Pairs),
                            b = Vector256.Load(at + Planes.Nibbles);
                        first += NarrowAvx2.Widen(
                            Avx2.MultiplyAddAdjacent(x & mask | Left(b, 4) & top, Input(a, half)) +
                            Avx2.MultiplyAddAdjacent(z & mask | Left(b, 2) & top, Input(a, half + 2)));
                        second += NarrowAvx2.Widen(
                            Avx2.MultiplyAddAdjacent(Right(x, 4) & mask | b & top, Input(a, half + 4)) +
                            Avx2.MultiplyAddAdjacent(Right(z, 4) & mask | Right(b, 2) & top, Input(a, half + 6)));
                    }

                    Scale<TFormat>(y + lane, first, scales + lane, null, a, 0);
                    Scale<TFormat>(y + lane, second, scales + Panel.Rows + lane, null, a, 1);
                }

                codes += Planes.Nibbles + Planes.Pairs;
                scales += 2 * Panel.Rows;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<sbyte> Input(InputBlock* a, int step) => Vector256.Create(((int*)a)[step]).AsSByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale<TFormat>(
        float* y, Vector256<int> sum, float* scales, float* minima, InputBlock* a, int part)
        where TFormat : IPackedFormat =>
        NarrowAvx2.Scaled<TFormat>(Vector256.Load(y), sum, Vector256.Load(scales),
            TFormat.HasMinima ? Vector256.Load(minima) : default, a, part).Store(y);

    // By 16-bit lanes, because there is no shift of bytes; a mask takes away what came from the neighbour.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Right(Vector256<byte> x, int n) => (x.AsUInt16() >> n).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Left(Vector256<byte> x, int n) => (x.AsUInt16() << n).AsByte();
}
