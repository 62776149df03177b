using System.Text.Json;
using Spectre.Console;
using Wisp.Cli;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Cli;

public sealed class InspectCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("wisp-inspect-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Gguf Sample()
    {
        var path = Path.Combine(_folder, "m.gguf");
        new GgufWriter()
            .AddString("general.architecture", "qwen3")
            .AddString("general.name", "[red]not markup[/] \x1b[31m")
            .AddString("tokenizer.chat_template", new string('t', 500) + "END")
            .AddStrings("tokenizer.ggml.tokens", [.. Enumerable.Range(0, 300).Select(i => $"tok{i}")])
            .AddFloats("f", [float.NaN, 1.5f])
            .AddTensor("blk.[0].weight", [32, 4], DType.Q8_0, new float[128])
            .AddTensor("norm.weight", [32], DType.F32, new float[32])
            .Write(path);
        return Gguf.Open(path);
    }

    private static string Shown(Gguf gguf, bool all, int? width = null)
    {
        var writer = new StringWriter();
        InspectCommand.Show(gguf, ConsoleOn(writer, width), all);
        return writer.ToString();
    }

    private static IAnsiConsole ConsoleOn(TextWriter writer, int? width) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Ansi = AnsiSupport.No,
        ColorSystem = ColorSystemSupport.NoColors,
        Interactive = InteractionSupport.No,
        Out = new Screen(writer, width),
    });

    private sealed class Screen(TextWriter writer, int? width) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;

        public bool IsTerminal => width is not null;

        public int Width => width ?? 80;

        public int Height => 24;

        public void SetEncoding(System.Text.Encoding encoding)
        {
        }
    }

    [Fact]
    public void A_pipe_gets_one_unbroken_line_a_value()
    {
        using var gguf = Sample();
        var lines = Shown(gguf, all: false).Split('\n');
        Assert.Contains("GGUF version 3", lines[0]);
        Assert.Contains("2 tensors", lines[0]);
        Assert.Contains(lines, l => l.Contains(@"[red]not markup[/] \u001b[31m"));
        Assert.Contains(lines, l => l.Contains("tokenizer.ggml.tokens") && l.Contains("string x 300") &&
            l.Contains("\"tok0\", \"tok1\"") && l.Contains('…'));
        Assert.Contains(lines, l => l.Contains("blk.[0].weight") && l.Contains("32 x 4") && l.Contains("Q8_0") &&
            l.Contains("136"));
        Assert.Contains(lines, l => l.Contains("all") && l.Contains("160") && l.Contains("264") && l.Contains("13.20"));
        Assert.All(lines, l => Assert.DoesNotContain('\x1b', l));
        Assert.DoesNotContain("END", string.Concat(lines));
    }

    [Fact]
    public void All_shows_long_values_whole()
    {
        using var gguf = Sample();
        var text = Shown(gguf, all: true);
        Assert.Contains("tttEND", text);
        Assert.Contains("\"tok299\"", text);
        Assert.DoesNotContain('…', text);
    }

    [Theory]
    [InlineData(40), InlineData(80), InlineData(200)]
    public void A_terminal_gets_no_line_beyond_its_edge(int width)
    {
        using var gguf = Sample();
        Assert.All(Shown(gguf, all: false, width).Split('\n'), l => Assert.InRange(l.Length, 0, width));
    }

    [Fact]
    public void Json_parses_and_counts_what_it_leaves_out()
    {
        using var gguf = Sample();
        foreach (var all in (bool[])[false, true])
        {
            var writer = new StringWriter();
            InspectCommand.WriteJson(gguf, writer, all);
            using var json = JsonDocument.Parse(writer.ToString());
            Assert.Equal(160, json.RootElement.GetProperty("parameters").GetInt64());
            var q8 = json.RootElement.GetProperty("types").GetProperty("Q8_0");
            Assert.Equal(136, q8.GetProperty("bytes").GetInt64());
            var tokens = json.RootElement.GetProperty("metadata").EnumerateArray()
                .Single(p => p.GetProperty("key").GetString() == "tokenizer.ggml.tokens");
            Assert.Equal(300, tokens.GetProperty("count").GetInt32());
            Assert.Equal(all ? 300 : 8, tokens.GetProperty("value").GetArrayLength());
        }
    }

    [Fact]
    public void Every_golden_model_can_be_shown()
    {
        foreach (var path in Directory.GetFiles(GoldenFile.PathOrSkip("golden/llamacpp/models"), "*.gguf"))
        {
            using var gguf = Gguf.Open(path);
            Assert.Contains("token_embd.weight", Shown(gguf, all: false, width: 60));
            InspectCommand.WriteJson(gguf, TextWriter.Null, all: true);
        }
    }

    [Fact]
    public void The_command_shows_a_file_and_lets_faults_through_with_its_name()
    {
        var output = new StringWriter();
        using (var gguf = Sample())
            Assert.Equal(0, InspectCommand.Create(ConsoleOn(output, null)).Parse([gguf.Path, "--json"]).Invoke());
        Assert.StartsWith("{", output.ToString());
        var missing = Path.Combine(_folder, "none.gguf");
        var direct = new System.CommandLine.InvocationConfiguration { EnableDefaultExceptionHandler = false };
        var fault = Assert.Throws<UserException>(() => InspectCommand.Create().Parse([missing]).Invoke(direct));
        Assert.Contains(missing, fault.Message);
    }
}
