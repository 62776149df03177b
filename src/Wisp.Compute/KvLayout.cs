using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static Wisp.Compute.Simd;

namespace Wisp.Compute;

/// <summary>How keys and values are kept.</summary>
public enum KvType
{
    /// <summary>As computed.</summary>
    F32,

    /// <summary>Rounded to 11 bits: half the memory, an error of 2⁻¹² of each number.</summary>
    F16,

    /// <summary>
    /// 8-bit numbers with a float32 scale for every 32 of a token's head: 9 bits a number, an error of 1/254 of the
    /// largest of the 32.
    /// </summary>
    Q8,
}

/// <summary>
/// Where the keys and values of 16 tokens lie, for one head of one layer: keys (D, 16), then values (16, D'), D' being
/// D rounded up to a vector; for Q8 then a scale for every 32 dimensions of each token's key, and as many for values.
/// </summary>
/// <remarks>
/// Keys stand transposed, one token a lane, so that 16 scores come out of one vector without a sum across lanes.
/// </remarks>
internal readonly unsafe struct KvLayout
{
    public const int Tokens = 16;

    private const int Group = 32; // dimensions that share a scale of Q8

    private const int Alignment = 64;

    private readonly int _keyScales, _valueScales; // where they begin, in bytes

    public KvLayout(KvType type, int headDim)
    {
        (Type, D) = (type, headDim);
        Width = (headDim + W - 1) / W * W;
        var element = type switch
        {
            KvType.F32 => sizeof(float),
            KvType.F16 => sizeof(ushort),
            KvType.Q8 => sizeof(byte),
            _ => throw new ArgumentOutOfRangeException(nameof(type)),
        };
        Values = Aligned(D * Tokens * element);
        _keyScales = Values + Aligned(Tokens * Width * element);
        var scales = type == KvType.Q8 ? Aligned(Groups * Tokens * sizeof(float)) : 0;
        _valueScales = _keyScales + scales;
        Bytes = _valueScales + scales;
    }

    public KvType Type { get; }

    public int D { get; }

    /// <summary>D', the floats between the values of two tokens.</summary>
    public int Width { get; }

    /// <summary>Where the values begin.</summary>
    public int Values { get; }

    public int Bytes { get; }

    private int Groups => (D + Group - 1) / Group;

    private static int Aligned(int bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    /// <summary>Writes a token's key and value, (D) each.</summary>
    public void Store(byte* head, int lane, float* key, float* value)
    {
        switch (Type)
        {
            case KvType.F32:
                var keys = (float*)head + lane;
                for (var d = 0; d < D; d++)
                    keys[d * Tokens] = key[d];
                new ReadOnlySpan<float>(value, D).CopyTo(new Span<float>((float*)(head + Values) + (lane * Width), D));
                break;
            case KvType.F16:
                StoreHalves(head, lane, key, value);
                break;
            default:
                StoreBytes(head, lane, key, value);
                break;
        }
    }

    private void StoreHalves(byte* head, int lane, float* key, float* value)
    {
        Span<ushort> halves = stackalloc ushort[D];
        Encode(halves, key);
        var keys = (ushort*)head + lane;
        for (var d = 0; d < D; d++)
            keys[d * Tokens] = halves[d];
        Encode(halves, value);
        halves.CopyTo(new Span<ushort>((ushort*)(head + Values) + (lane * Width), D));
    }

    // Halves are finite here: a score against infinity would be NaN, and with it everything after. A NaN becomes a
    // number too; the row that it came from shows it.
    private void Encode(Span<ushort> halves, float* x)
    {
        const float largest = 65504;
        Span<float> finite = stackalloc float[D];
        for (var d = 0; d < D; d++)
            finite[d] = float.IsNaN(x[d]) ? largest : Math.Clamp(x[d], -largest, largest);
        Float16.Encode(halves, finite);
    }

    private void StoreBytes(byte* head, int lane, float* key, float* value)
    {
        var values = (sbyte*)(head + Values) + (lane * Width);
        float* keyScales = (float*)(head + _keyScales) + lane, valueScales = (float*)(head + _valueScales) + lane;
        for (var d = 0; d < D; d += Group, keyScales += Tokens, valueScales += Tokens)
        {
            var count = Math.Min(Group, D - d);
            *keyScales = Quantise((sbyte*)head + (d * Tokens) + lane, Tokens, key + d, count);
            *valueScales = Quantise(values + d, 1, value + d, count);
        }
    }

    // x ≈ scale·q with |q| ≤ 127; returns the scale.
    private static float Quantise(sbyte* q, int stride, float* x, int count)
    {
        var largest = 0f;
        for (var i = 0; i < count; i++)
            largest = Math.Max(largest, Math.Abs(x[i]));
        var inverse = largest > 0 ? 127 / largest : 0;
        for (var i = 0; i < count; i++)
            q[i * stride] = (sbyte)Math.Round(x[i] * inverse);
        return largest / 127;
    }

    /// <summary>The keys, (D, 16), in float32: where they are, or decoded into the room given.</summary>
    public float* Keys(byte* head, float* room)
    {
        switch (Type)
        {
            case KvType.F32:
                return (float*)head;
            case KvType.F16:
                Widen(room, head, D);
                return room;
            default:
                for (var d = 0; d < D; d++)
                {
                    var scale = Vector512.Load((float*)(head + _keyScales) + (d / Group * Tokens));
                    (Load((sbyte*)head + (d * Tokens)) * scale).Store(room + (d * W));
                }

                return room;
        }
    }

    /// <summary>The values, (16, D'), in float32.</summary>
    public float* ValuesOf(byte* head, float* room)
    {
        var stored = head + Values;
        switch (Type)
        {
            case KvType.F32:
                return (float*)stored;
            case KvType.F16:
                Widen(room, stored, Width);
                return room;
            default:
                for (var d = 0; d < Width; d += W)
                {
                    var scales = (float*)(head + _valueScales) + (d / Group * Tokens);
                    for (var token = 0; token < Tokens; token++)
                    {
                        var at = (token * Width) + d;
                        (Load((sbyte*)stored + at) * Vector512.Create(scales[token])).Store(room + at);
                    }
                }

                return room;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen(float* to, byte* halves, int vectors)
    {
        if (Vector512.IsHardwareAccelerated)
            for (var i = 0; i < vectors; i++)
                PackedF16.Load(halves + (i * W * sizeof(ushort))).Store(to + (i * W));
        else
            for (var i = 0; i < vectors * W; i += 8)
                Finite8((short*)halves + i).Store(to + i);
    }

    /// <summary>Eight of the stored halves in float32, exactly, since all of them are finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Finite8(short* halves)
    {
        // With its sign copied upwards and shifted to the exponent's place, a half is a float whose exponent is 112 too
        // small, with copies of the sign where the rest of the exponent goes.
        var words = Vector256.WidenLower(Vector128.Load(halves).ToVector256Unsafe());
        return (words << 13 & Vector256.Create(unchecked((int)0x8fff_ffff))).AsSingle()
            * Vector256.Create(PackedF16.Scale);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Load(sbyte* p)
    {
        var shorts = Vector256.WidenLower(Vector128.Load(p).ToVector256Unsafe());
        return Vector512.ConvertToSingle(Vector512.WidenLower(shorts.ToVector512Unsafe()));
    }
}
