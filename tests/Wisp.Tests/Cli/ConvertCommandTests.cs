using Wisp.Model;
using Wisp.Tests.Golden;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Cli;

/// <summary>convert, quantize and inspect as a user types them.</summary>
public sealed class ConvertCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Golden(string name) => GoldenFile.PathOrSkip($"golden/llamacpp/models/{name}.gguf");

    private static void Refused(string expected, params string[] args)
    {
        var run = CommandLineRun.Of(args);
        Assert.NotEqual(0, run.Code);
        Assert.Contains(expected, run.Error);
        Assert.Single(run.Error.Trim().Split('\n'));
    }

    [Fact]
    public void A_model_goes_to_a_folder_and_back()
    {
        var output = CommandLineRun.Good("convert", Golden("qwen3"), "--out", _folder["hf"], "--type", "bf16");
        Assert.Contains("model.safetensors  ", output);
        Assert.Contains("config.json  ", output);
        Assert.Contains("Hugging Face folder of type qwen3, 1 safetensors file,",
            CommandLineRun.Good("inspect", _folder["hf"]));
        CommandLineRun.Good("convert", _folder["hf"], "--out", _folder["back.gguf"]);
        using var back = Gguf.Open(_folder["back.gguf"]);
        Assert.Equal("qwen3", back.GetString("general.architecture"));
        Assert.Equal(32u, back.GetUInt("general.file_type")); // mostly BF16
    }

    [Fact]
    public void A_llama2c_model_becomes_GGUF_with_the_same_bits()
    {
        var path = GoldenFile.PathOrSkip("data/models/stories260K.bin");
        CommandLineRun.Good("convert", path, "-o", _folder["s.gguf"]);
        using Gguf model = Gguf.Open(path), copy = Gguf.Open(_folder["s.gguf"]);
        Assert.Equal(47, copy.Tensors.Count);
        foreach (var tensor in model.Tensors)
            Assert.True(model.Bytes(tensor).SequenceEqual(copy.Bytes(copy.Tensor(tensor.Name))), tensor.Name);
    }

    [Fact]
    public void Quantising_says_what_became_of_the_tensors()
    {
        var output = CommandLineRun.Good(
            "quantize", Golden("llama-gqa"), "--type", "q8_0", "--out", _folder["q.gguf"], "--threads", "2");
        Assert.Contains("q.gguf  ", output);
        Assert.Contains("Q8_0      16 tensors", output);
        Assert.Contains("F32        5 tensors", output);
    }

    [Fact]
    public void What_cannot_be_done_is_one_line()
    {
        var model = Golden("llama-gqa");
        Refused("'q9' is no type to write; known are", "convert", model, "--out", _folder["x.gguf"], "--type", "q9");
        Refused("'f32' is not among: ", "quantize", model, "--out", _folder["x.gguf"], "--type", "f32");
        Refused("A Hugging Face folder holds f32, f16 or bf16, not q8_0",
            "convert", model, "--out", _folder["x"], "--type", "q8_0");
        Refused("architecture 'stablelm' cannot be written", "convert", Golden("stablelm"), "--out", _folder["x"]);
        Refused("--threads takes a number from 1 to 1024",
            "quantize", model, "--out", _folder["x.gguf"], "--type", "q8_0", "--threads", "0");
        Refused("is the model to read", "convert", model, "--out", model);
        Refused("is a folder without a model", "convert", _folder.Path, "--out", _folder["x.gguf"]);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));

        _folder.Put("there.gguf", [1]);
        Refused("there.gguf: exists already", "convert", model, "--out", _folder["there.gguf"]);
        CommandLineRun.Good("convert", model, "--out", _folder["there.gguf"], "--force");
        CommandLineRun.Good("convert", model, "--out", _folder["hf"]);
        Refused("config.json: exists already", "convert", model, "--out", _folder["hf"]);
    }
}
