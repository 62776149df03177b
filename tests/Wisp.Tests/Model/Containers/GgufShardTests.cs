using Wisp.Model;
using Wisp.Model.Containers;
using Wisp.Tests.Golden;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Model.Containers;

public sealed class GgufShardTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Original => GoldenFile.PathOrSkip("golden/llamacpp/models/llama-q4_k_m-mix.gguf");

    // As gguf-split writes them: the metadata in the first, the tensors in order.
    private void Split(int count, Action<int, GgufWriter>? more = null, int? tensors = null, int repeat = -1)
    {
        using var gguf = Gguf.Open(Original);
        var each = (gguf.Tensors.Count + count - 1) / count;
        for (var i = 0; i < count; i++)
        {
            var writer = new GgufWriter();
            foreach (var (key, _) in gguf.Metadata.Where(_ => i == 0))
                writer.AddCopy(gguf, key);
            writer.AddUInt("split.no", i).AddUInt("split.count", count)
                .AddInt("split.tensors.count", tensors ?? gguf.Tensors.Count);
            foreach (var tensor in gguf.Tensors.Skip(i * each).Take(each))
                writer.AddCopy(gguf, tensor);
            if (i == repeat)
                writer.AddCopy(gguf, gguf.Tensors[0]);
            more?.Invoke(i, writer);
            writer.Write(Shard(i + 1, count));
        }
    }

    private string Shard(int number, int count) => _folder[$"m-{number:00000}-of-{count:00000}.gguf"];

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3)]
    public void Shards_are_one_model_whichever_is_named(int named)
    {
        Split(3);
        using var whole = Gguf.Open(Original);
        using var gguf = Gguf.Open(Shard(named, 3));
        Assert.Equal(whole.Metadata.Select(p => p.Key), gguf.Metadata.Select(p => p.Key));
        Assert.Equal(whole.GetStrings("tokenizer.ggml.tokens"), gguf.GetStrings("tokenizer.ggml.tokens"));
        Assert.Equal(whole.Tensors.Select(t => t.Name), gguf.Tensors.Select(t => t.Name));
        foreach (var tensor in whole.Tensors)
            Assert.True(whole.Bytes(tensor).SequenceEqual(gguf.Bytes(gguf.Tensor(tensor.Name))), tensor.Name);
        Assert.Equal("GGUF version 3 in 3 shards", gguf.Container);

        // Joined into one file they are the original, byte for byte.
        GgufConversion.Write(gguf, _folder["joined.gguf"]);
        Assert.Equal(File.ReadAllBytes(Original), File.ReadAllBytes(_folder["joined.gguf"]));
    }

    [Fact]
    public void A_shard_that_is_missing_or_of_another_model_is_one_clear_error()
    {
        Split(3);
        File.Delete(Shard(2, 3));
        Refused("m-00002-of-00003.gguf: shard 2 of 3 is missing", 1);
        Refused("m-00002-of-00003.gguf: shard 2 of 3 is missing", 3);

        Split(3);
        File.Copy(Shard(3, 3), Shard(2, 3), overwrite: true);
        Refused("m-00002-of-00003.gguf: does not say that it is shard 2 of 3", 1);

        Split(3, tensors: 99);
        Refused("speaks of 99 tensors, and its 3 shards hold", 1);

        Split(3, repeat: 2, tensors: 1);
        Refused("stands in an earlier shard too", 1);

        Split(3);
        File.WriteAllBytes(Shard(3, 3), File.ReadAllBytes(Shard(3, 3)).AsSpan(0, 200));
        Refused("m-00003-of-00003.gguf: ", 1);

        Split(3);
        File.Move(Shard(1, 3), _folder["renamed.gguf"]);
        Assert.Contains("renamed.gguf: is one of 3 shards, so its name must end in",
            Assert.Throws<InvalidDataException>(() => Gguf.Open(_folder["renamed.gguf"])).Message);

        void Refused(string expected, int named) => Assert.Contains(expected,
            Assert.Throws<InvalidDataException>(() => Gguf.Open(Shard(named, 3))).Message);
    }
}
