using System.CommandLine;
using Wisp.Cli;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Tests.Golden;
using Wisp.TwoFiles;

namespace Wisp.Tests.TwoFiles;

[Trait("cost", "medium")]
[Collection(nameof(RunPage))]
public sealed class TwoFilesExportTests(RunPage page) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("wisp-export-").FullName;

    private string Parameters => Path.Combine(_folder, "parameters.bin");

    private static string Source => GoldenFile.PathOrSkip("golden/llamacpp/models/llama3-ropefreqs.gguf");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void F32_keeps_every_value_and_fact_and_writes_the_same_text()
    {
        Assert.Equal(DType.F32, TwoFilesExport.Write(Source, _folder, null, force: false));

        var names = Directory.GetFileSystemEntries(_folder).Select(Path.GetFileName);
        Assert.Equal(["parameters.bin", "run.cs"], names.Order());
        Assert.Equal(RunPage.Source, File.ReadAllText(Path.Combine(_folder, "run.cs")));
        using var from = Gguf.Open(Source);
        using var to = Gguf.Open(Parameters);
        Assert.Equal(from.Tensors.Select(t => t.Name), to.Tensors.Select(t => t.Name));
        foreach (var tensor in from.Tensors)
            Assert.True(from.Bytes(tensor).SequenceEqual(to.Bytes(to.Tensor(tensor.Name))), tensor.Name);
        foreach (var (key, value) in from.Metadata)
            Assert.Equal(from.Items(value), to.Items(to.Metadata.Single(pair => pair.Key == key).Value));
        var run = page.Run("-m", Parameters, "The dog ran to the house", "-n", "12", "-t", "0");
        Assert.Equal((page.First.Output, 0), (run.Output, run.Code));
    }

    [Fact]
    public void Q8_0_is_a_quarter_as_large_keeps_vectors_exact_and_runs()
    {
        Assert.Equal(DType.Q8_0, TwoFilesExport.Write(Source, _folder, DType.Q8_0, force: false));

        using var from = Gguf.Open(Source);
        using var to = Gguf.Open(Parameters);
        Assert.Equal((7u, 2u), (to.GetUInt("general.file_type"), to.GetUInt("general.quantization_version")));
        foreach (var tensor in to.Tensors)
        {
            var exact = new float[tensor.Elements];
            from.ReadFloats(from.Tensor(tensor.Name), exact);
            Assert.Equal(tensor.Shape.Count == 1 ? DType.F32 : DType.Q8_0, tensor.DType);
            var expected = new byte[tensor.Bytes];
            Blocks.Encode(expected, exact, tensor.DType);
            Assert.True(to.Bytes(tensor).SequenceEqual(expected), tensor.Name);
        }

        // 34 bytes for 128; the head of the file and the vectors are what exceeds it.
        Assert.InRange(to.Length - to.DataOffset, 0, (from.Length - from.DataOffset) * 0.28);
        var run = page.Run("-m", Parameters, "The dog ran to the house", "-n", "12", "-t", "0");
        Assert.Equal(0, run.Code);
        Assert.StartsWith("The dog ran to the house", run.Output);

        // Without a wish the type stays, byte for byte; back to F32 gives what Q8_0 can still tell.
        var (again, back) = (Path.Combine(_folder, "again"), Path.Combine(_folder, "back"));
        Assert.Equal(DType.Q8_0, TwoFilesExport.Write(Parameters, again, null, force: false));
        Assert.Equal(File.ReadAllBytes(Parameters), File.ReadAllBytes(Path.Combine(again, "parameters.bin")));
        Assert.Equal(DType.F32, TwoFilesExport.Write(Parameters, back, DType.F32, force: false));
        using var wide = Gguf.Open(Path.Combine(back, "parameters.bin"));
        Assert.All(wide.Tensors, tensor => Assert.Equal(DType.F32, tensor.DType));
        Assert.False(wide.Has("general.quantization_version"));
    }

    [Fact]
    public void Files_in_the_way_are_replaced_only_on_demand()
    {
        File.WriteAllText(Path.Combine(_folder, "run.cs"), "mine");
        var error = Assert.Throws<IOException>(() => TwoFilesExport.Write(Source, _folder, null, force: false));
        Assert.Contains("--force", error.Message);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(_folder, "run.cs")));
        Assert.False(File.Exists(Parameters));

        TwoFilesExport.Write(Source, _folder, null, force: true);
        Assert.Equal(RunPage.Source, File.ReadAllText(Path.Combine(_folder, "run.cs")));

        // Onto itself: the source is read while its replacement is written.
        TwoFilesExport.Write(Parameters, _folder, DType.Q8_0, force: true);
        using var model = Gguf.Open(Parameters);
        Assert.Equal(DType.Q8_0, model.Tensor("token_embd.weight").DType);

        var file = Path.Combine(_folder, "run.cs");
        error = Assert.Throws<IOException>(() => TwoFilesExport.Write(Source, file, null, force: true));
        Assert.Contains("is a file", error.Message);
    }

    [Theory]
    [InlineData("gpt2", "qwen3 and llama"), InlineData("llama-gqa", "llama/default"), InlineData("qwen3", "gpt2/qwen2")]
    public void A_model_that_the_page_cannot_run_is_refused_before_anything_is_written(string name, string why)
    {
        var model = GoldenFile.PathOrSkip($"golden/llamacpp/models/{name}.gguf");
        var error = Assert.Throws<InvalidDataException>(() => TwoFilesExport.Write(model, _folder, null, force: false));
        Assert.Contains(why, error.Message);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void The_command_says_how_to_run_what_it_wrote()
    {
        var output = new StringWriter();
        var command = ExportCommand.Create();
        var code = command.Parse(["--two-files", _folder, "-m", Source, "--type", "q8_0"])
            .Invoke(new InvocationConfiguration { Output = output });
        Assert.Equal(0, code);
        Assert.Contains($"dotnet run {Path.Combine(_folder, "run.cs")} -- ", output.ToString());
        Assert.Contains("Q8_0", output.ToString());
        Assert.Single(command.Parse(["--two-files", _folder, "-m", Source, "--type", "q4"]).Errors);
        Assert.StartsWith("Say what to write", Assert.Throws<UserException>(() => command.Parse(["-m", Source])
            .Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false })).Message);
    }
}
