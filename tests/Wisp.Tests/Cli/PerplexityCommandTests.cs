using System.Globalization;
using System.Text.RegularExpressions;
using Wisp.Cli;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Model;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Cli;

public sealed partial class PerplexityCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string _model;

    public PerplexityCommandTests()
    {
        _model = _folder["m.gguf"];
        using var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3));
        ModelFile.Writer(weights, TinyModel.Tokenizer(), DType.F32, "tiny").Write(_model);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_number_is_the_definition()
    {
        const string text = "The fox jumps over the lazy dog.\n"; // 33 tokens, a byte each: less than a window
        using var pool = new WorkerPool(1);
        using var model = ModelFile.Open(_model);
        using var session = new Session(model.Weights, pool);
        int[] tokens = [.. Generation.Prompt(model.Tokenizer!, text)];
        var begins = tokens.Length - 33; // whether the vocabulary begins a text with a token of its own
        if (begins == 0)
            tokens = [.. Generation.Prompt(model.Tokenizer!, ""), .. tokens];
        var nats = 0.0;
        for (var i = 1; i < tokens.Length; i++)
        {
            var z = session.Feed([tokens[i - 1]]).ToArray();
            nats += Math.Log(z.Sum(v => Math.Exp((double)v))) - z[tokens[i]];
        }

        var said = Said().Match(CommandLineRun.Good("perplexity", _folder.Put("t.txt",
            System.Text.Encoding.UTF8.GetBytes(text)), "-m", _model));
        Assert.True(said.Success);
        // Four decimals are shown, of a number near 400: logits differ by some 1e-6 with the order of sums.
        Assert.Equal(Math.Exp(nats / 33), Number(said, 1), 2e-3);
        Assert.Equal("33", said.Groups[2].Value);
        Assert.Equal(nats / Math.Log(2) / 33, Number(said, 3), 6e-5);
        Assert.Equal(("64", "32"), (said.Groups[4].Value, said.Groups[5].Value));
    }

    [Fact]
    public void A_narrower_window_sees_less()
    {
        var text = _folder.Put("t.txt", "abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz"u8);
        var said = Said().Match(CommandLineRun.Good("perplexity", text, "-m", _model, "--context", "8"));
        Assert.Equal(("8", "4"), (said.Groups[4].Value, said.Groups[5].Value));
        Assert.NotEqual(said.Value, Said().Match(CommandLineRun.Good("perplexity", text, "-m", _model)).Value);
    }

    [Fact]
    public void Bad_input_is_one_clear_error()
    {
        Fails("nothing.txt: there is no such file", _folder["nothing.txt"]);
        Fails(": is a folder; name a file", _folder.Path);
        Fails("The name of the file is empty", "");
        Fails("one.txt: is 1 tokens long; 2 are the fewest", _folder.Put("one.txt", "a"u8));
        Fails("none.txt: is 0 tokens long", _folder.Put("none.txt", []));
        var text = _folder.Put("t.txt", "abc"u8);
        Fails($"--context is 65; {_model} was trained for 64 tokens", text, "--context", "65");
        Fails("--context is 3;", text, "--context", "3");
        Fails("--context is -5;", text, "--context", "-5");
        Fails("no such model file", text, "-m", _folder["nothing.gguf"]);
        Fails("cut.gguf: ", text, "-m", _folder.Put("cut.gguf", File.ReadAllBytes(_model).AsSpan(0, 5000)));
        TinyModel.Tokenizer().Write(new GgufWriter().AddString("general.architecture", "qwen3"))
            .Write(_folder["v.gguf"]);
        Fails("holds a tokenizer and no model", text, "-m", _folder["v.gguf"]);
    }

    [Fact]
    public void Input_that_never_ends_is_given_up_at_the_limit()
    {
        using var endless = new Endless();
        Assert.Contains("standard input: goes on; 100,000 bytes are the most",
            Assert.Throws<UserException>(() => TextInput.Read(endless, "standard input", 100_000)).Message);
        Assert.InRange(endless.Taken, 100_001, 100_000 + (1 << 16));
        Assert.Equal(100_000, TextInput.Read(new MemoryStream(new byte[100_000]), "x", 100_000).Length);
        Assert.Contains("x: has 100,001 bytes", Assert.Throws<UserException>(
            () => TextInput.Read(new MemoryStream(new byte[100_001]), "x", 100_000)).Message);
    }

    private void Fails(string says, params string[] args)
    {
        string[] model = args.Contains("-m") ? [] : ["-m", _model];
        var run = CommandLineRun.Of(["perplexity", .. model, .. args]);
        Assert.NotEqual(0, run.Code);
        Assert.Contains(says, run.Error);
        Assert.Single(run.Error.TrimEnd('\n').Split('\n'));
        Assert.Empty(run.Output);
    }

    private static double Number(Match match, int group) =>
        double.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^perplexity ([0-9.]+) over (\d+) tokens, ([0-9.]+) bits a byte \(context (\d+), stride (\d+)\)$",
        RegexOptions.Multiline)]
    private static partial Regex Said();

    /// <summary>What /dev/zero is: no length, no end.</summary>
    private sealed class Endless : Stream
    {
        public long Taken { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => Taken; set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            Taken += count;
            return count;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
