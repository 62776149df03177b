using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Compute;
using Wisp.Run;
using Wisp.Tests.Model;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Ai;

public sealed class WispEmbeddingGeneratorTests : IDisposable
{
    private static readonly string[] s_texts = ["a b c", "the s", "", "a b c", "x y z x y z"];

    private readonly TempFolder _folder = new();
    private readonly WorkerPool _pool = new(2);
    private readonly TextEmbedder _embedder;
    private readonly WispEmbeddingGenerator _generator;

    public WispEmbeddingGeneratorTests()
    {
        _embedder = TextEmbedder.Open(new TinyEncoder().Write(_folder["m.gguf"]), _pool);
        _generator = new WispEmbeddingGenerator(_embedder);
    }

    public void Dispose()
    {
        _generator.Dispose();
        _embedder.Dispose();
        _pool.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Vectors_come_in_order_with_what_they_cost()
    {
        var found = await _generator.GenerateAsync(s_texts, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(s_texts.Select(_embedder.Embed), found.Select(e => e.Vector.ToArray()));
        Assert.All(found, e => Assert.Equal(TinyEncoder.Name, e.ModelId));
        var tokens = s_texts.Sum(text => _embedder.Tokenize(text).Length);
        Assert.Equal((tokens, tokens), (found.Usage!.InputTokenCount, found.Usage.TotalTokenCount));

        Assert.Empty(await _generator.GenerateAsync([], cancellationToken: TestContext.Current.CancellationToken));
        Assert.Equal(_embedder.Embed("a"), (await _generator.GenerateVectorAsync(
            "a", cancellationToken: TestContext.Current.CancellationToken)).ToArray());
    }

    [Fact]
    public async Task Concurrent_calls_get_what_each_would_get_alone()
    {
        string[][] calls = [.. Enumerable.Range(0, 24).Select(i => s_texts.Skip(i % 5).ToArray())];
        var found = await Task.WhenAll(calls.Select(texts => Task.Run(
            () => _generator.GenerateAsync(texts, cancellationToken: TestContext.Current.CancellationToken))));
        for (var i = 0; i < calls.Length; i++)
            Assert.Equal(calls[i].Select(_embedder.Embed), found[i].Select(e => e.Vector.ToArray()));
    }

    [Fact]
    public async Task Options_are_followed_or_refused()
    {
        var good = new EmbeddingGenerationOptions { Dimensions = TinyEncoder.Width, ModelId = TinyEncoder.Name };
        Assert.Single(await _generator.GenerateAsync(["a"], good, TestContext.Current.CancellationToken));
        await Refused("Dimensions is 8; tiny gives 36", new() { Dimensions = 8 });
        await Refused("ModelId is 'other'", new() { ModelId = "other" });
        await Refused("holds 'colour'", new() { AdditionalProperties = new() { ["colour"] = 1 } });
        await Refused("no raw options", new() { RawRepresentationFactory = _ => null });

        // A field that a later version of the library adds has to be honoured or refused too.
        Assert.Equal(["AdditionalProperties", "Dimensions", "ModelId", "RawRepresentationFactory"],
            typeof(EmbeddingGenerationOptions).GetProperties().Select(p => p.Name).Order());

        async Task Refused(string says, EmbeddingGenerationOptions options) => Assert.Contains(says,
            (await Assert.ThrowsAsync<ArgumentException>(() => _generator.GenerateAsync(["a"], options))).Message);
    }

    [Fact]
    public async Task Texts_that_do_not_fit_are_named_and_the_next_call_is_served()
    {
        var words = string.Join(' ', Enumerable.Repeat("a", 80));
        var fault = await Assert.ThrowsAsync<ArgumentException>(() => _generator.GenerateAsync(["a", words]));
        Assert.Contains("Text 2 of 2: The text would be 82 tokens; the model reads 70", fault.Message);
        await Assert.ThrowsAsync<ArgumentException>(() => _generator.GenerateAsync(["a", null!]));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => _generator.GenerateAsync(["a"], cancellationToken: new CancellationToken(canceled: true)));
        Assert.Single(await _generator.GenerateAsync(
            ["a"], cancellationToken: TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Services_are_metadata_the_embedder_and_itself()
    {
        var metadata = _generator.GetService<EmbeddingGeneratorMetadata>()!;
        Assert.Equal(("wisp", TinyEncoder.Name, TinyEncoder.Width),
            (metadata.ProviderName, metadata.DefaultModelId, metadata.DefaultModelDimensions));
        Assert.Same(_embedder, _generator.GetService<TextEmbedder>());
        Assert.Same(_generator, _generator.GetService<IEmbeddingGenerator<string, Embedding<float>>>());
        Assert.Same(_generator, _generator.GetService(typeof(IDisposable)));
        Assert.Null(_generator.GetService<string>());
        Assert.Null(_generator.GetService(typeof(TextEmbedder), "key"));
    }

    [Fact]
    public async Task One_that_was_opened_by_path_owns_what_it_opened()
    {
        var generator = WispEmbeddingGenerator.Open(_folder["m.gguf"], threads: 1);
        var vector = await generator.GenerateVectorAsync(
            "a", cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(_embedder.Embed("a"), vector.ToArray());
        generator.Dispose();
        generator.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => generator.GenerateAsync(["a"]));
        var ranker = new TinyEncoder(ranks: true).Write(_folder["r.gguf"]);
        Assert.Contains("is a reranker",
            Assert.Throws<ArgumentException>(() => WispEmbeddingGenerator.Open(ranker)).Message);
    }
}
