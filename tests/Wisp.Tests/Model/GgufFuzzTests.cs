using System.Buffers.Binary;
using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Tests.Model;

/// <summary>
/// Damaged and hostile files: the reader may accept one or refuse it with InvalidDataException and the file's name, and
/// nothing else, and it may not ask for memory out of proportion to the file.
/// </summary>
public sealed class GgufFuzzTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("wisp-gguf-fuzz-").FullName;
    private readonly string _path;
    private readonly byte[] _valid;

    public GgufFuzzTests()
    {
        _path = Path.Combine(_folder, "victim.gguf");
        var stream = new MemoryStream();
        new GgufWriter()
            .AddString("general.architecture", "qwen3").AddUInt("general.alignment", 32).AddUInt("a.n", 3)
            .AddStrings("tokenizer.ggml.tokens", ["a", "", "bc"]).AddInts("a.i", [1, 2, 3]).AddFloats("a.f", [1, 2])
            .AddBool("a.b", true).AddFloat("a.e", 1e-5f)
            .AddTensor("x.weight", [4, 2], DType.F32, new float[8])
            .AddTensor("y.weight", [32, 2], DType.Q8_0, new float[64])
            .AddTensor("z.bias", [3], DType.F16, new float[3])
            .Write(stream);
        _valid = stream.ToArray();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>True where the file opens and everything in it can be read.</summary>
    private bool Opens(ReadOnlySpan<byte> bytes)
    {
        File.WriteAllBytes(_path, bytes);
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using var gguf = Gguf.Open(_path);
            // An object per pair and tensor, and a boxed item at most for each byte of the file.
            foreach (var (key, value) in gguf.Metadata)
            {
                Assert.Equal(value.Count, gguf.Items(value).Count());
                if (value is { Type: GgufType.Array, Item: GgufType.String })
                    gguf.GetStrings(key);
                if (value is { Type: GgufType.Array, Item: GgufType.F32 })
                    gguf.GetFloats(key);
            }

            foreach (var tensor in gguf.Tensors)
            {
                Assert.Equal(tensor.Bytes, gguf.Bytes(tensor).Length);
                if (tensor.DType.CanDecode())
                    gguf.ReadFloats(tensor, new float[tensor.Elements]);
            }

            return true;
        }
        catch (InvalidDataException e)
        {
            Assert.Contains(_path, e.Message);
            Assert.DoesNotContain('\n', e.Message);
            Assert.InRange(e.Message.Length, _path.Length, _path.Length + 400);
            return false;
        }
        finally
        {
            // 100 bytes of objects for each byte of the file, and 64 kB for streams, mappings and messages.
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (64 << 10) + 100L * bytes.Length);
        }
    }

    [Fact]
    public void A_file_cut_at_any_byte_is_refused()
    {
        Assert.True(Opens(_valid));
        for (var length = 0; length < _valid.Length; length++)
            Assert.False(Opens(_valid.AsSpan(0, length)), $"a file of {length} bytes opened");
    }

    [Fact]
    public void Any_single_byte_may_be_any_of_the_worst_values()
    {
        var bytes = (byte[])_valid.Clone();
        for (var i = 0; i < bytes.Length; i++)
        {
            foreach (var value in (byte[])[0x00, 0x7f, 0xff])
            {
                bytes[i] = value;
                Opens(bytes);
            }

            bytes[i] = _valid[i];
        }
    }

    [Fact]
    public void Thousands_of_damaged_files_bring_nothing_but_refusals() => Flip(2_000, seed: 1);

    [Fact, Trait("cost", "slow")]
    public void A_hundred_thousand_damaged_files_bring_nothing_but_refusals() => Flip(100_000, seed: 2);

    private void Flip(int rounds, int seed)
    {
        var random = new Random(seed);
        var refused = 0;
        for (var round = 0; round < rounds; round++)
        {
            var bytes = (byte[])_valid.Clone();
            for (var flips = random.Next(1, 5); flips > 0; flips--)
            {
                var at = random.Next(bytes.Length);
                switch (random.Next(3))
                {
                    case 0:
                        bytes[at] ^= (byte)(1 << random.Next(8));
                        break;
                    case 1:
                        bytes[at] = (byte)random.Next(256);
                        break;
                    default: // a number of eight bytes, huge or small
                        var huge = random.NextInt64() >> random.Next(64);
                        at = Math.Min(at, bytes.Length - 8);
                        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(at), random.Next(2) == 0 ? huge : -huge);
                        break;
                }
            }

            if (random.Next(8) == 0)
                bytes = bytes[..random.Next(bytes.Length)];
            if (!Opens(bytes))
                refused++;
        }

        Assert.InRange(refused, rounds / 10, rounds);
    }

    [Theory]
    [InlineData(8), InlineData(16)] // the counts of tensors and of pairs
    public void Huge_counts_are_refused_before_anything_is_allocated(int offset)
    {
        foreach (var count in (long[])[long.MaxValue, long.MinValue, -1, 1L << 40, 1 << 20, 1000])
        {
            var bytes = (byte[])_valid.Clone();
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(offset), count);
            Assert.False(Opens(bytes));
        }
    }

    [Fact]
    public void Lengths_and_sizes_that_would_overflow_are_refused()
    {
        ulong[] sizes = [ulong.MaxValue, long.MaxValue, 1UL << 63, 1UL << 62, 1UL << 32, 1UL << 31, 1UL << 30];
        foreach (var huge in sizes)
        {
            Refused(Find("general.architecture"u8) - 8, huge); // length of a key
            Refused(Find("general.architecture"u8) + 24, huge); // length of a string
            Refused(Find("a.i"u8) + 3 + 8, huge); // items of an array
            Refused(Find("x.weight"u8) + 12, huge); // first dimension
            Refused(Find("x.weight"u8) + 20, huge); // second
            Refused(Find("y.weight"u8) + 8 + 4 + 16 + 4, huge); // offset
        }

        // Each dimension fits, the product wraps to a small number.
        var bytes = (byte[])_valid.Clone();
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(Find("x.weight"u8) + 12), 1UL << 32);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(Find("x.weight"u8) + 20), (1UL << 32) + 1);
        Assert.False(Opens(bytes));

        void Refused(int offset, ulong value)
        {
            var damaged = (byte[])_valid.Clone();
            BinaryPrimitives.WriteUInt64LittleEndian(damaged.AsSpan(offset), value);
            Assert.False(Opens(damaged), $"{value} at {offset}");
        }
    }

    [Fact]
    public void Overlapping_tensors_and_wrong_alignment_are_refused()
    {
        foreach (var offset in (ulong[])[0, 1, 31, 33, 64]) // y lies at 32, right after x
        {
            var bytes = (byte[])_valid.Clone();
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(Find("y.weight"u8) + 8 + 4 + 16 + 4), offset);
            Assert.False(Opens(bytes), $"offset {offset}");
        }

        foreach (var alignment in (uint[])[0, 3, 24, 64, 1u << 31, uint.MaxValue])
        {
            var bytes = (byte[])_valid.Clone();
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(Find("general.alignment"u8) + 17 + 4), alignment);
            Assert.False(Opens(bytes), $"alignment {alignment}");
        }
    }

    [Fact]
    public void A_key_that_would_steer_a_terminal_is_refused_unseen()
    {
        var bytes = (byte[])_valid.Clone();
        bytes[Find("a.n"u8)] = 0x1b;
        Assert.False(Opens(bytes));
        var message = Assert.Throws<InvalidDataException>(() => Gguf.Open(_path)).Message;
        Assert.DoesNotContain('\x1b', message);
    }

    [Fact]
    public void A_folder_and_a_missing_file_are_named()
    {
        Assert.Contains(_folder, Assert.Throws<IOException>(() => Gguf.Open(_folder)).Message);
        var missing = Path.Combine(_folder, "none.gguf");
        Assert.Contains(missing, Assert.Throws<FileNotFoundException>(() => Gguf.Open(missing)).Message);
    }

    private int Find(ReadOnlySpan<byte> text) => _valid.AsSpan().IndexOf(text);
}
