using System.Buffers.Binary;
using System.Text;
using System.Text.RegularExpressions;
using Wisp.Compute;
using Wisp.Model.Containers;
using Wisp.Tests.Golden;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Model.Containers;

public sealed partial class SafetensorsTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Golden_files_read_as_another_reader_reads_them()
    {
        var folder = GoldenFile.PathOrSkip("golden/llamacpp");
        var files = Directory.GetFiles(folder, "*.safetensors", SearchOption.AllDirectories);
        Assert.True(files.Length > 80, $"only {files.Length} files found");
        foreach (var path in files)
        {
            using var file = Safetensors.Open(path);
            var golden = GoldenFile.Open("llamacpp/" + Path.GetRelativePath(folder, path));
            Assert.Equal(golden.Names.Order(), file.Tensors.Select(t => t.Name).Order());
            Assert.Equal(golden.Metadata, file.Metadata);
            foreach (var tensor in file.Tensors)
            {
                Assert.Equal(golden.Shape(tensor.Name).Select(n => (long)n), tensor.Shape);
                if (tensor.Type != "F32")
                    continue;
                var y = new float[tensor.Elements];
                file.ReadFloats(tensor, y);
                Assert.Equal(golden.Floats(tensor.Name), y);
            }
        }
    }

    [Fact]
    public void What_was_written_comes_back()
    {
        float[] x = Sample.Normal(3 * 65, seed: 1);
        var halves = new byte[14];
        Blocks.Encode(halves, [1, -2, 0.5f, 128, 3, 4, 5], DType.BF16);
        new SafetensorsWriter().AddMetadata("format", "pt \"quoted\" é")
            .Add("b", DType.BF16, [7], s => s.Write(halves))
            .Add("x", [3, 65], x).Add("é.😀\"", [1], [2.5f]).Add("i", [2, 1], [-1, int.MaxValue])
            .Add("none", [0], x.AsSpan(0, 0))
            .Write(_folder["x.safetensors"]);

        using var file = Safetensors.Open(_folder["x.safetensors"]);
        Assert.Equal("pt \"quoted\" é", file.Metadata["format"]);
        Assert.Equal(x, Floats(file, "x"));
        Assert.Equal([3, 65], file.Tensor("x").Shape);
        Assert.Equal([1, -2, 0.5f, 128, 3, 4, 5], Floats(file, "b"));
        Assert.Equal([2.5f], Floats(file, "é.😀\""));
        Assert.Equal("I32", file.Tensor("i").Type);
        Assert.Equal([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], file.Bytes(file.Tensor("i")).ToArray());
        Assert.Equal(0, file.Tensor("none").Bytes);
        Assert.All(file.Tensors, t => Assert.Equal(0, t.Offset % (t.Type == "BF16" ? 2 : 4)));
        Assert.Contains("tensor i is stored as I32",
            Assert.Throws<InvalidDataException>(() => file.ReadFloats(file.Tensor("i"), new float[2])).Message);
        Assert.Contains("tensor y is missing", Assert.Throws<InvalidDataException>(() => file.Tensor("y")).Message);
        Assert.Single(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void The_writer_refuses_shapes_that_do_not_fit_and_names_given_twice()
    {
        var writer = new SafetensorsWriter().Add("x", [2], [1f, 2]);
        Assert.Throws<ArgumentException>(() => writer.Add("x", [1], [1f]));
        Assert.Throws<ArgumentException>(() => writer.Add("y", [2, 2], [1f]));
    }

    // In short: T(type, shape, offsets) stands for a tensor's object, and single quotes for double ones.
    [Theory]
    [InlineData("{'a':T(F32;2;0,8)}", null)]
    [InlineData("{'a':T(F32;;0,4),'b':T(U8;4;4,8)}", null)]
    [InlineData("{'a':T(F32;2;0,8),'a':T(F32;2;0,8)}", "a appears twice")]
    [InlineData("{'a':T(F32;1;0,4),'b':T(F32;1;0,4)}", "begins at byte 0 of the data, expected 4")]
    [InlineData("{'a':T(F32;1;4,8)}", "begins at byte 4 of the data, expected 0")]
    [InlineData("{'a':T(F32;1;0,4)}", "has 4 bytes after its last tensor")]
    [InlineData("{'a':T(F32;3;0,12)}", "reaches beyond the file")]
    [InlineData("{'a':T(F32;3;0,8)}", "do not fit that")]
    [InlineData("{'a':T(F32;2;8,0)}", "do not fit that")]
    [InlineData("{'a':T(F32;4611686018427387904,4;0,8)}", "do not fit that")]
    [InlineData("{'a':T(F32;4294967296,4294967296,4294967296,4294967296;0,0)}", "do not fit that")]
    [InlineData("{'a':T(U8;9223372036854775807;0,9223372036854775807)}", "do not fit that")]
    [InlineData("{'a':T(F32;-2;0,8)}", "a shape or data_offsets of no use")]
    [InlineData("{'a':T(F32;2.5;0,8)}", "a shape or data_offsets of no use")]
    [InlineData("{'a':T(F32;1,1,1,1,1,1,1,1,2;0,8)}", "at most 8 whole numbers")]
    [InlineData("{'a':T(F32;2;0,8,9)}", "at most 2 whole numbers")]
    [InlineData("{'a':T(F32;2;0)}", "lacks one of")]
    [InlineData("{'a':T(Q4;2;0,8)}", "the unknown dtype Q4")]
    [InlineData("{'a':{'dtype':'F32','shape':[2]}}", "lacks one of dtype, shape and two data_offsets")]
    [InlineData("{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8],'x':1}}", "the unknown or repeated field x")]
    [InlineData("{'a':{'dtype':'F32','dtype':'F32','shape':[2],'data_offsets':[0,8]}}", "repeated field dtype")]
    [InlineData("{'a':{'dtype':'F32','shape':'2','data_offsets':[0,8]}}", "is no sound JSON")]
    [InlineData("{'a':[]}", "is no sound JSON")]
    [InlineData("{'__metadata__':{'a':1}}", "is no sound JSON")]
    [InlineData("{'a':T(F32;2;0,8)} x", "is no sound JSON")]
    [InlineData("{'\\ud800':T(F32;2;0,8)}", "is no sound JSON")]
    [InlineData("{'a':", "is no sound JSON")]
    [InlineData("[]", "does not begin with '{'")]
    [InlineData("", "does not begin with '{'")]
    public void A_head_is_taken_at_its_word_only_where_that_is_possible(string head, string? expected)
    {
        head = TensorInShort().Replace(
            head, "{'dtype':'$1','shape':[$2],'data_offsets':[$3]}").Replace('\'', '"');
        var path = _folder.Put("h.safetensors", File8(Encoding.UTF8.GetBytes(head)));
        if (expected is null)
            Safetensors.Open(path).Dispose();
        else
        {
            var message = Assert.Throws<InvalidDataException>(() => Safetensors.Open(path)).Message;
            Assert.Contains(expected, message);
            Assert.StartsWith(path, message);
        }
    }

    [Theory]
    [InlineData(ulong.MaxValue), InlineData(1UL << 63), InlineData(100_000_001UL), InlineData(300UL)]
    public void A_head_longer_than_the_file_is_refused_before_it_is_read(ulong length)
    {
        var bytes = File8("{}"u8);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        Assert.Contains($"claims a head of {length} bytes", Assert.Throws<InvalidDataException>(
            () => Safetensors.Open(_folder.Put("h.safetensors", bytes))).Message);
        Assert.Contains("has 3 bytes, too few", Assert.Throws<InvalidDataException>(
            () => Safetensors.Open(_folder.Put("h.safetensors", bytes.AsSpan(0, 3)))).Message);
    }

    [Fact]
    public void A_file_cut_at_any_byte_is_refused()
    {
        var valid = Valid();
        Assert.True(Opens(valid));
        for (var length = 0; length < valid.Length; length++)
            Assert.False(Opens(valid.AsSpan(0, length)), $"a file of {length} bytes opened");
    }

    [Fact]
    public void Thousands_of_damaged_files_bring_nothing_but_refusals() => Flip(2_000, seed: 1);

    [Fact, Trait("cost", "slow")]
    public void A_hundred_thousand_damaged_files_bring_nothing_but_refusals() => Flip(100_000, seed: 2);

    private void Flip(int rounds, int seed)
    {
        var random = new Random(seed);
        var valid = Valid();
        byte[] signs = [.. "0123456789-.eE\"{}[],:\\u"u8];
        var refused = 0;
        for (var round = 0; round < rounds; round++)
        {
            var bytes = (byte[])valid.Clone();
            for (var flips = random.Next(1, 4); flips > 0; flips--)
                bytes[random.Next(bytes.Length - 16)] = random.Next(2) == 0
                    ? signs[random.Next(signs.Length)] : (byte)random.Next(256);
            if (!Opens(bytes))
                refused++;
        }

        Assert.InRange(refused, rounds / 3, rounds);
    }

    private bool Opens(ReadOnlySpan<byte> bytes)
    {
        var path = _folder.Put("victim.safetensors", bytes);
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using var file = Safetensors.Open(path);
            foreach (var tensor in file.Tensors)
                Assert.Equal(tensor.Bytes, file.Bytes(tensor).Length);
            return true;
        }
        catch (InvalidDataException e)
        {
            Assert.StartsWith(path, e.Message);
            Assert.InRange(e.Message.Length, path.Length, path.Length + 600);
            return false;
        }
        finally
        {
            // 100 bytes of objects for each byte of the file, and 64 kB for streams, mappings and messages.
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, (64 << 10) + 100L * bytes.Length);
        }
    }

    private byte[] Valid()
    {
        new SafetensorsWriter().AddMetadata("format", "pt").Add("model.embed", [2, 3], new float[6])
            .Add("ids", [2], [1, 2]).Write(_folder["valid"]);
        return File.ReadAllBytes(_folder["valid"]);
    }

    // The head, and eight bytes of data.
    private static byte[] File8(ReadOnlySpan<byte> head)
    {
        var bytes = new byte[8 + head.Length + 8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, head.Length);
        head.CopyTo(bytes.AsSpan(8));
        return bytes;
    }

    [GeneratedRegex(@"T\((\w+);([^;]*);([^;]*)\)")]
    private static partial Regex TensorInShort();

    private static float[] Floats(Safetensors file, string name)
    {
        var y = new float[file.Tensor(name).Elements];
        file.ReadFloats(file.Tensor(name), y);
        return y;
    }
}
