using Wisp.Compute;
using Wisp.Model;
using Wisp.Model.Containers;
using Wisp.Run;
using Wisp.Tests.Golden;
using Wisp.Tests.Model;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Cli;

public sealed class LogitsCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string _model;

    public LogitsCommandTests()
    {
        _model = _folder["m.gguf"];
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3));
        ModelFile.Writer(weights, TinyModel.Tokenizer(), DType.F32, "tiny").Write(_model);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_file_holds_the_logits_of_every_position()
    {
        var run = CommandLineRun.Of("logits", "-m", _model, "--tokens", "7,0 280", "--out", _folder["z.safetensors"]);
        Assert.Equal((0, ""), (run.Code, run.Output));
        Assert.Equal($"{_folder["z.safetensors"]}: logits (3, 281), float32\n", run.Error);

        // One token at a time: row i is what follows token i.
        using var file = Safetensors.Open(_folder["z.safetensors"]);
        var tensor = Assert.Single(file.Tensors);
        Assert.Equal(("logits", "F32"), (tensor.Name, tensor.Type));
        Assert.Equal([3, 281], tensor.Shape);
        var found = new float[3 * 281];
        file.ReadFloats(tensor, found);
        using var pool = new WorkerPool(1);
        using var model = ModelFile.Open(_model);
        using var session = new Session(model.Weights, pool);
        // A product over at most 96 terms, rounded in another order, through two layers: some √96·ε a layer.
        foreach (var (token, row) in new[] { (7, 0), (0, 1), (280, 2) })
            Check.Close(session.Feed([token]), found.AsSpan(row * 281, 281), 32 * Check.Eps, $"row {row}");
    }

    [Fact]
    public void The_logits_of_a_golden_model_come_out_of_the_command()
    {
        var golden = GoldenFile.Open("llamacpp/models/llama-gqa.golden.safetensors");
        CommandLineRun.Good("logits", "-m", GoldenFile.PathOrSkip("golden/llamacpp/models/llama-gqa.gguf"),
            "--tokens", string.Join(',', golden.Ints("prompt_tokens")), "-o", _folder["z.safetensors"]);
        using var file = Safetensors.Open(_folder["z.safetensors"]);
        var expected = golden.Floats("prefill_logits");
        var found = new float[expected.Length];
        file.ReadFloats(file.Tensor("logits"), found);
        for (var i = 0; i < found.Length; i++)
            Assert.True(Math.Abs(expected[i] - found[i]) <= 1e-4, $"logit {i}"); // the golden README's bound
    }

    [Fact]
    public void Bad_input_is_one_clear_error_and_leaves_no_file()
    {
        Fails("'x' is no token id; ids are whole numbers from 0", "--tokens", "1,x");
        Fails("'-1' is no token id", "--tokens", "-1");
        Fails("'99999999999' is no token id", "--tokens", "99999999999");
        Fails("There is no token 281: the vocabulary has 281", "--tokens", "280,281");
        Fails("--tokens holds no token id", "--tokens", ",");
        Fails("--context is 65; " + _model + " was trained for 64 tokens", "--tokens", "1", "--context", "65");
        Fails("--context is -1;", "--tokens", "1", "--context", "-1");
        var many = string.Join(',', Enumerable.Repeat(1, 65));
        Fails("--tokens holds 65 ids; the context holds 64", "--tokens", many);
        Fails("--tokens holds 65 ids; the context holds 32", "--tokens", many, "--context", "32");
        Fails("no such model file", "--tokens", "1", "-m", _folder["nothing.gguf"]);
        Fails("is a folder without a model", "--tokens", "1", "-m", _folder.Path);
        var bytes = File.ReadAllBytes(_model);
        foreach (var length in (int[])[4, 100, bytes.Length / 2, bytes.Length - 1])
            Fails("cut.gguf: ", "--tokens", "1", "-m", _folder.Put("cut.gguf", bytes.AsSpan(0, length)));
    }

    private void Fails(string says, params string[] args)
    {
        string[] model = args.Contains("-m") ? [] : ["-m", _model];
        var run = CommandLineRun.Of(["logits", .. model, .. args, "--out", _folder["never.safetensors"]]);
        Assert.NotEqual(0, run.Code);
        Assert.Contains(says, run.Error);
        Assert.Single(run.Error.TrimEnd('\n').Split('\n'));
        Assert.False(File.Exists(_folder["never.safetensors"]));
    }
}
