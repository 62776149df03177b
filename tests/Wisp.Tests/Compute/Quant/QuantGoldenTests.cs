using System.Runtime.InteropServices;
using Wisp.Compute;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Compute.Quant;

/// <summary>Block formats beside llama.cpp's reference: its blocks, its floats, its quantisers.</summary>
public class QuantGoldenTests
{
    // F32 is its own bytes; there is no file for it.
    public static TheoryData<DType> Decoded =>
        [.. Enum.GetValues<DType>().Where(type => type.CanDecode() && type != DType.F32)];

    // The types that matvec.safetensors has.
    public static TheoryData<DType> Multiplied => [.. Enum.GetValues<DType>().Where(
        type => type.CanDecode() && type is not (DType.NVFP4 or DType.Q1_0 or DType.Q2_0))];

    [Theory, MemberData(nameof(Decoded))]
    public void Decoding_gives_the_bits_that_llama_cpp_gives(DType type)
    {
        var golden = GoldenFile.Open($"llamacpp/quant/dequant-{type.Name().ToLowerInvariant()}.safetensors");
        var sets = 0;
        foreach (var set in (string[])["quantized", "random", "edge"])
        {
            if (!golden.Has($"{set}_blocks"))
                continue;
            sets++;
            var expected = golden.Floats($"{set}_expected");
            var actual = new float[expected.Length];
            Blocks.Decode(actual, golden.RawBytes($"{set}_blocks"), type);
            Assert.Equal(Bits(expected), Bits(actual));
        }

        Assert.True(sets >= 2, $"only {sets} sets of blocks");
    }

    [Theory]
    [InlineData(DType.F16), InlineData(DType.BF16), InlineData(DType.Q4_0), InlineData(DType.Q4_1)]
    [InlineData(DType.Q5_0), InlineData(DType.Q5_1), InlineData(DType.Q8_0)]
    public void Simple_types_are_encoded_byte_for_byte_as_llama_cpp_does(DType type)
    {
        var golden = GoldenFile.Open("llamacpp/quant/quantize.safetensors");
        var expected = golden.RawBytes($"{type.Name().ToLowerInvariant()}.bytes");
        var actual = new byte[expected.Length];
        Blocks.Encode(actual, golden.Floats("x"), type);
        Assert.Equal(expected, actual);
    }

    // One per cent is the promise for any row, also those that suit nobody; rows of random numbers come first of what
    // counts, and on these together our search has less error than the reference's, not only as little.
    [Theory]
    [InlineData(DType.Q2_K), InlineData(DType.Q3_K), InlineData(DType.Q4_K), InlineData(DType.Q5_K)]
    [InlineData(DType.Q6_K), InlineData(DType.IQ4_NL), InlineData(DType.IQ4_XS)]
    public void Searched_types_lose_no_more_than_llama_cpp(DType type)
    {
        var golden = GoldenFile.Open("llamacpp/quant/quantize.safetensors");
        var expected = golden.Floats($"{type.Name().ToLowerInvariant()}.rmse");
        var x = golden.Floats("x");
        var width = golden.Shape("x")[1];
        const int firstRandom = 13; // before it are constants, ramps, spikes and their like
        var worse = new List<string>();
        var logarithms = 0.0;
        for (var row = 0; row < expected.Length; row++)
        {
            var actual = RootMeanSquare(x.AsSpan(row * width, width), type);
            if (!(actual <= 1.01 * expected[row]))
                worse.Add($"row {row}: {actual:g5} against {expected[row]:g5}");
            if (row >= firstRandom)
                logarithms += Math.Log(actual / expected[row]);
        }

        Assert.True(worse.Count == 0, string.Join('\n', worse));
        Assert.True(logarithms < 0, $"{logarithms / (expected.Length - firstRandom):p2} more than the reference");
    }

    // Decoded values are exact and their products are summed in float64, so that only the golden's own rounding to
    // float32 is between the two.
    [Theory, MemberData(nameof(Multiplied))]
    public void Products_with_decoded_rows_are_the_exact_products(DType type)
    {
        var golden = GoldenFile.Open("llamacpp/quant/matvec.safetensors");
        var name = type.Name().ToLowerInvariant();
        var x = golden.Floats("x");
        int rows = golden.Shape($"{name}.w")[0], width = golden.Shape("x")[1];
        var w = new float[rows * width];
        Blocks.Decode(w, golden.RawBytes($"{name}.w"), type);
        var y = new float[x.Length / width * rows];
        for (var i = 0; i < y.Length; i++)
        {
            var sum = 0.0;
            for (var k = 0; k < width; k++)
                sum += (double)w[i % rows * width + k] * x[i / rows * width + k];
            y[i] = (float)sum;
        }

        Check.Close(golden.Floats($"{name}.y_exact"), y, 2 * Check.Eps);
    }

    [Theory]
    [InlineData(DType.Q8_0), InlineData(DType.Q8_1), InlineData(DType.Q8_K)]
    public void Activations_are_encoded_byte_for_byte_as_llama_cpp_does(DType type)
    {
        var golden = GoldenFile.Open("llamacpp/quant/activation.safetensors");
        var expected = golden.RawBytes($"{type.Name().ToLowerInvariant()}.bytes");
        var actual = new byte[expected.Length];
        Blocks.EncodeActivations(actual, golden.Floats("x"), type);
        Assert.Equal(expected, actual);
    }

    private static double RootMeanSquare(ReadOnlySpan<float> x, DType type)
    {
        var blocks = new byte[type.BytesOf(x.Length)];
        var y = new float[x.Length];
        Blocks.Encode(blocks, x, type);
        Blocks.Decode(y, blocks, type);
        var sum = 0.0;
        for (var i = 0; i < y.Length; i++)
            sum += ((double)y[i] - x[i]) * ((double)y[i] - x[i]);
        return Math.Sqrt(sum / y.Length);
    }

    private static uint[] Bits(float[] x) => MemoryMarshal.Cast<float, uint>(x).ToArray();
}
