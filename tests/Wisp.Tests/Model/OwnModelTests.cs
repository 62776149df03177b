using Wisp.Compute;
using Wisp.Model;
using Wisp.Model.Containers;
using Wisp.Run;
using Wisp.Tests.Golden;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Model;

/// <summary>The model that comes with the project, in every container that can hold it.</summary>
public sealed class OwnModelTests : IDisposable
{
    // Some three windows: enough to slide, and quick. The whole text is a command of the README.
    private const int TextBytes = 5_000;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Perplexity_is_the_same_from_GGUF_and_from_safetensors_to_the_last_bit()
    {
        var text = File.ReadAllBytes(GoldenFile.PathOrSkip("data/text/wikitext2-test.txt")).AsSpan(0, TextBytes);
        using (var gguf = Gguf.Open(Path.Combine(Checkout(), "models", "wisp-base.gguf")))
            GgufConversion.Write(gguf, _folder["f32.gguf"], QuantMix.Named("f32"), threads: 2);
        using (var gguf = Gguf.Open(_folder["f32.gguf"]))
            HuggingFaceWriter.Write(gguf, _folder["hf"], threads: 2);

        var (one, tokens) = Judged(_folder["f32.gguf"], text);
        var (two, others) = Judged(_folder["hf"], text);
        Assert.Equal(tokens, others);
        Assert.Equal(one, two);
        Assert.InRange(one.Tokens, 1_500, TextBytes);
        Assert.InRange(one.Value, 1, 4096); // below one token in all, above a sure thing: it judges something
    }

    private static (Perplexity, int[]) Judged(string path, ReadOnlySpan<byte> text)
    {
        using var pool = new WorkerPool(2);
        using var model = ModelFile.Open(path);
        var tokens = new List<int>();
        model.Tokenizer!.Encode(text, tokens);
        var begin = Assert.Single(Generation.Prompt(model.Tokenizer, ""));
        return (Perplexity.Of(model.Weights, pool, [.. tokens], 512, begin), [.. tokens]);
    }

    private static string Checkout()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at!.FullName, "Wisp.slnx")))
            at = at.Parent;
        return at.FullName;
    }
}
