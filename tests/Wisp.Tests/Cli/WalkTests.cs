using System.Text;
using Wisp.Cli;
using Wisp.Compute;
using Wisp.Tests.Train.Data;
using Wisp.Tests.TwoFiles;

namespace Wisp.Tests.Cli;

/// <summary>What goes wrong at the hands of a newcomer: one clear line, an exit code, never a stack trace.</summary>
public sealed class WalkTests : IClassFixture<WalkTests.Desk>
{
    private readonly Desk _desk;

    public WalkTests(Desk desk) => _desk = desk;

    /// <summary>A folder with good and bad files of every kind; read only.</summary>
    public sealed class Desk : IDisposable
    {
        private readonly TempFolder _folder = new();

        public Desk()
        {
            for (var i = 0; i < 4; i++)
                Put($"good/{i}.txt", Encoding.UTF8.GetBytes(TinyModel.Text(60, seed: i)));
            Put("one.txt", "The fox. The fox."u8.ToArray());
            Put("blank/a.txt", []);
            Put("binary/a.txt", [1, 0, 2]);
            Put("latin1/a.txt", [(byte)'a', 0xE9, (byte)'b']);
            Put("run/checkpoint.gguf", "not a checkpoint"u8.ToArray());
            Put("zero.gguf", []);
            Directory.CreateDirectory(_folder["nothing"]);
            TinyModel.Write(_folder["m.gguf"], DType.Q8_0);
            CommandLineRun.Good("train", "tokenizer", "--data", _folder["good"], "--vocab", "512", "--out",
                _folder["t.gguf"]);
            Put("copied/checkpoint.gguf", File.ReadAllBytes(_folder["m.gguf"]));
            Put("cut.gguf", File.ReadAllBytes(_folder["m.gguf"])[..^9000]);
        }

        public string this[string name] => _folder[name];

        public void Dispose() => _folder.Dispose();

        private void Put(string name, byte[] content) => _folder.Put(name, content);
    }

    public static TheoryData<string, string> Failures => new()
    {
        { "run -m /none.gguf", "/none.gguf: no such model file" },
        { "run -m ~nothing", "is a folder without a model" },
        { "run -m ~zero.gguf", "zero.gguf: the file is empty" },
        { "run -m ~one.txt", "is not a GGUF file" },
        { "run -m ~cut.gguf", "cut short" },
        { "run -m ~t.gguf", "holds a tokenizer and no model" },
        { "run -m ~m.gguf -n -1", "--tokens is -1" },
        { "run -m ~m.gguf -t -1", "--temperature is -1; it must be 0 (argmax) or more." },
        { "run -m ~m.gguf --top-p 2", "--top-p is 2" },
        { "run -m ~m.gguf --typical 2", "--typical is 2" },
        { "run -m ~m.gguf --repeat-last-n -2", "--repeat-last-n is -2" },
        { "run -m ~m.gguf --dry-base 0.5", "--dry-base is 0.5; it must be 1 or more." },
        { "run -m ~m.gguf --xtc-probability 2", "--xtc-probability is 2" },
        { "run -m ~m.gguf --dynatemp-range -1", "--dynatemp-range is -1" },
        { "run -m ~m.gguf --mirostat 3", "--mirostat is 3; it must be 0 (off), 1 or 2." },
        { "run -m ~m.gguf --mirostat-lr 3", "--mirostat-lr is 3" },
        { "run -m ~m.gguf --samplers top_k;hot", "'hot' is no sampler. There are: penalties;dry" },
        { "run -m ~m.gguf --logit-bias x+1", "'x+1' is not a token and a number" },
        { "run -m ~m.gguf --logit-bias 5", "'5' is not a token and a number" },
        { "run -m ~m.gguf --logit-bias 99999+1", "token 99999; the vocabulary has" },
        { "run -m ~m.gguf --logit-bias 9+inf", "'9+inf' is not a token and a number" },
        { "run -m ~m.gguf --logprobs 101", "--logprobs is 101; the range is 0 to 100." },
        { "run -m ~m.gguf --context -1", "--context is -1" },
        { "run -m ~m.gguf --context 9999", "--context is 9,999, and the model was trained for 40 tokens" },
        { "run -m ~m.gguf --context 3 -p abcdefghijklmnopq", "tokens, and the context holds 3." },
        { "run -m ~m.gguf --threads -2", "--threads is -2" },
        { "dream -m ~m.gguf --documents 0", "--documents is 0" },
        { "inspect ~nothing", "is a folder without a model" },
        { "inspect ~one.txt", "is not a GGUF file" },
        { "export --two-files ~one.txt -m ~m.gguf", "is a file" },
        { "export --two-files ~out -m ~t.gguf", "holds a tokenizer and no model" },
        { "export --two-files /dev/null/x -m ~m.gguf", "/dev/null/x: this folder cannot be made" },
        { "train tokenizer", "--data PATH" },
        { "train tokenizer --data /none", "/none: no such file or folder" },
        { "train tokenizer --data ~nothing", "holds no text" },
        { "train tokenizer --data ~blank", "no text is left" },
        { "train tokenizer --data ~binary", "Most were left out as: binary" },
        { "train tokenizer --data ~binary/a.txt", "is a binary file" },
        { "train tokenizer --data ~latin1", "byte 1 (0xe9) is not UTF-8" },
        { "train tokenizer --data ~one.txt --vocab 512 --out ~out/t.gguf", "give more text" },
        { "train tokenizer --data ~good --vocab 511", "--vocab is 511; the range is 512 to 65,536" },
        { "train tokenizer --data ~good --out ~nothing", "is a folder" },
        { "train tokenizer --data ~good --held-out 2", "--held-out is 2" },
        { "train tokenizer --data ~good --near-duplicates nan", "--near-duplicates is NaN" },
        { "train pretrain --out ~out", "--data PATH" },
        { "train pretrain --data ~good --out ~one.txt", "is a file, and --out names a folder" },
        { "train pretrain --data ~good --out /dev/null/x", "this folder cannot be made" },
        { "train pretrain --data ~good --out ~run", "holds a run already" },
        { "train pretrain --data ~good --steps 1 --minutes 1", "Give one budget" },
        { "train pretrain --data ~good --steps 0", "steps are 0" },
        { "train pretrain --data ~good --minutes 0", "--minutes is 0" },
        { "train pretrain --data ~good --tokens many", "'many' is not a number of tokens" },
        { "train pretrain --data ~good --size 7", "Size '7'" },
        { "train pretrain --data ~good --vocab 7", "--vocab is 7" },
        { "train pretrain --data ~good --context 0", "--context is 0" },
        { "train pretrain --data ~good --head-dim 7", "must be even" },
        { "train pretrain --data ~good --heads 3 --kv-heads 2", "3 heads cannot share 2 kv heads" },
        { "train pretrain --data ~good --rows 100 --context 1000 --accumulate 65000", "lower --rows" },
        { "train pretrain --data ~good --evals -1", "--evals is -1" },
        { "train pretrain --data ~good --vocab 512 --tokenizer ~t.gguf", "--tokenizer or --vocab, not both" },
        { "train pretrain --data ~good --tokenizer ~one.txt --out ~out", "is not a GGUF file" },
        { "train pretrain --data ~good --tokenizer ~nothing --out ~out", "is a folder without" },
        { "train pretrain --data ~one.txt --tokenizer ~t.gguf --steps 1 --out ~small",
            "Choose a shorter context or more text" },
        { "train pretrain --resume /none", "/none: no such folder" },
        { "train pretrain --resume ~nothing", "holds no checkpoint.gguf" },
        { "train pretrain --resume ~one.txt", "is a file" },
        { "train pretrain --resume ~run", "is not a GGUF file" },
        { "train pretrain --resume ~copied", "is a model, not a checkpoint" },
        { "train pretrain --resume ~copied --steps 9", "--steps cannot be given with --resume" },
    };

    [Theory]
    [MemberData(nameof(Failures), DisableDiscoveryEnumeration = true)]
    public void A_failure_says_what_where_and_what_to_do(string line, string said)
    {
        var run = CommandLineRun.Of([.. line.Split(' ').Select(word => word[0] == '~' ? _desk[word[1..]] : word)]);
        Assert.Equal(1, run.Code);
        Assert.Contains(said, run.Error);
        Assert.StartsWith("wisp: ", run.Error);
        Assert.Matches(@"[.?]\n$", run.Error); // a whole sentence
        Assert.Equal(1, run.Error.Count(c => c == '\n'));
    }

    [Theory]
    [InlineData("run hello", "'hello' stands alone. Text goes after -p, in quotes.")]
    [InlineData("run -n few", "--tokens takes a whole number, not 'few'.")]
    [InlineData("run -t hot", "--temperature takes a number, not 'hot'.")]
    [InlineData("train pretrain --clean cook", "'cook' is not among: none, books.")]
    [InlineData("train pretrain --minute 3", "Did you mean '--minutes'?")]
    [InlineData("exprot", "Did you mean 'export'?")]
    public void A_command_line_that_is_not_understood_says_what_would_be(string line, string said)
    {
        var run = CommandLineRun.Of(line.Split(' '));
        Assert.Equal((2, ""), (run.Code, run.Output));
        Assert.Contains(said, run.Error);
        Assert.Equal(1, run.Error.Count(c => c == '\n'));
    }

    [Theory]
    [InlineData(""), InlineData("-5 degrees"), InlineData("@home"), InlineData("[draft]"), InlineData("--tokens")]
    [InlineData("\U0001F98A né \u202E x"), InlineData("\uD83D alone"), InlineData("tab\tbell\a\e[31mred"),
        InlineData("a\r\nb\n")]
    public void A_prompt_may_be_any_text_and_reaches_a_pipe_as_it_is(string prompt)
    {
        string[] given = prompt.Length > 0 ? ["--prompt=" + prompt] : ["-p", ""];
        var run = CommandLineRun.Of(["run", "-m", _desk["m.gguf"], .. given, "-n", "3", "-t", "0"]);
        Assert.Equal(0, run.Code);
        Assert.StartsWith(prompt, run.Output);
        Assert.EndsWith("\n", run.Output);
        Assert.Matches(@"^\[argmax; \d+ tokens read in \d+ ms; \d written, \d+ a second\]\n$", run.Error);
    }

    [Fact]
    public void A_prompt_longer_than_the_context_is_refused_with_both_numbers_before_a_word_is_shown()
    {
        var run = CommandLineRun.Of("run", "-m", _desk["m.gguf"], "-p", TinyModel.Text(2_000), "-n", "3", "-q");
        Assert.Equal((1, ""), (run.Code, run.Output));
        Assert.Matches(@"^wisp: The prompt has \d+,\d+ tokens, and the context holds \d+\. Shorten .*\n$", run.Error);
    }

    [Fact]
    public void Everything_about_the_choice_of_tokens_can_be_given_at_once()
    {
        string[] line = ["run", "-m", _desk["m.gguf"], "-p", "The fox", "-n", "20", "--seed", "3"];
        string[] all =
        [
            "--temp", "0.9", "--top-k", "60", "--top-p", "0.98", "--min-p", "0.01", "--typical", "0.95",
            "--top-n-sigma", "4", "--xtc-probability", "0.3", "--xtc-threshold", "0.2", "--repeat-penalty", "1.1",
            "--repeat-last-n", "-1", "--presence-penalty", "0.1", "--frequency-penalty", "0.1", "--dry-multiplier",
            "0.8", "--dry-base", "1.5", "--dry-allowed-length", "3", "--dry-penalty-last-n", "100",
            "--dry-sequence-breaker", "\\n", "--dry-sequence-breaker", ".", "--dynatemp-range", "0.2",
            "--dynatemp-exp", "1.2", "--min-keep", "2", "--logit-bias", "5-inf", "--logit-bias", "6+0.5",
            "--samplers", "top_k;dry;penalties;typ_p;top_p;min_p;xtc;top_n_sigma;temp",
        ];
        var text = CommandLineRun.Good([.. line, .. all]);
        Assert.Equal(text, CommandLineRun.Good([.. line, .. all]));
        Assert.NotEqual(text, CommandLineRun.Good(line));
        foreach (var version in new[] { "1", "2" })
            Assert.StartsWith("The fox", CommandLineRun.Good(
                [.. line, "--mirostat", version, "--mirostat-lr", "0.2", "--mirostat-ent", "3"]));
    }

    [Fact]
    public void A_stop_text_ends_the_writing_and_is_not_shown()
    {
        string[] line = ["run", "-m", _desk["m.gguf"], "-p", "x", "-n", "40", "-t", "0", "-q"];
        var whole = CommandLineRun.Good(line)[..^1];
        var stop = whole[6..9];
        var expected = whole[..(1 + whole[1..].IndexOf(stop, StringComparison.Ordinal))] + "\n";
        Assert.Equal(expected, CommandLineRun.Good([.. line, "--stop", "never there", "--stop", stop]));
        var run = CommandLineRun.Of([.. line, "--stop", ""]);
        Assert.Equal((1, ""), (run.Code, run.Output));
        Assert.Contains("--stop is empty", run.Error);
    }

    [Fact]
    public void Log_probabilities_are_told_beside_the_text()
    {
        string[] line = ["run", "-m", _desk["m.gguf"], "-p", "x", "-n", "4", "-t", "0", "-q"];
        var run = CommandLineRun.Of([.. line, "--logprobs", "2"]);
        Assert.Equal(CommandLineRun.Good(line), run.Output);
        var lines = run.Error.TrimEnd('\n').Split('\n');
        Assert.Equal(4, lines.Length);
        // Argmax: the chosen token is the first of the likeliest.
        Assert.All(lines, told => Assert.Matches(@"^ +(-?\d\.\d{4})  ("".*"") *  \2 \1  "".*"" -\d+\.\d{4}$", told));
    }

    [Theory]
    [InlineData("run"), InlineData("dream")]
    public void The_help_shows_the_few_options_that_matter_and_the_full_help_all(string command)
    {
        var few = CommandLineRun.Good(command, "--help");
        var all = CommandLineRun.Good(command, "--help-sampling");
        Assert.Contains("--temperature", few);
        Assert.Contains("--help-sampling", few);
        Assert.DoesNotContain("--mirostat", few);
        Assert.Contains("--mirostat-ent", all);
        Assert.Contains("Against repetition", all);
        Assert.All(few.Split('\n').Where(line => line.StartsWith("  -")), line =>
            Assert.Contains(line.Split("  ", StringSplitOptions.RemoveEmptyEntries)[0], all));
    }

    [Fact]
    public void A_damaged_model_is_refused_in_one_line_or_writes()
    {
        var whole = File.ReadAllBytes(_desk["m.gguf"]);
        using var folder = new TempFolder();
        for (var i = 0; i < 150; i++)
        {
            var bytes = i % 3 == 0 ? whole[..(int)((long)whole.Length * i / 150)] : (byte[])whole.Clone();
            var at = i % 3 == 1 ? i * 131 % 20_000 : (int)((long)whole.Length * i / 150);
            for (var k = 0; i % 3 > 0 && k < 4; k++)
                bytes[at + k] ^= (byte)(i % 2 == 0 ? 0xFF : 0x41);
            var run = CommandLineRun.Of("run", "-m", folder.Put("m.gguf", bytes), "-n", "2", "-t", "0", "-q",
                "--threads", "1");
            Assert.True(run.Code is 0 or 1, $"case {i}: {run.Code}");
            // the hint at a fault of wisp would be a second line
            Assert.Equal(run.Code, run.Error.Count(c => c == '\n'));
        }
    }

    [Fact]
    public void A_pipe_that_closes_early_ends_the_program_without_a_word()
    {
        using var error = new StringWriter();
        string[] words = ["run", "-m", _desk["m.gguf"], "-n", "1000000", "-t", "0"];
        Assert.Equal(141, CommandFrame.Run(words, new BrokenPipe(after: 10), error, _ => null));
        Assert.Equal(141, CommandFrame.Run(["--help"], new BrokenPipe(after: 0), error, _ => null));
        Assert.Equal("", error.ToString());
    }

    private sealed class BrokenPipe(int after) : StringWriter
    {
        private int _writes;

        public override void Write(string? value) => Take();

        public override void Write(char value) => Take();

        public override void Write(char[] buffer, int index, int count) => Take();

        public override void Write(ReadOnlySpan<char> buffer) => Take();

        public override void WriteLine(string? value) => Take();

        private void Take()
        {
            if (_writes++ >= after)
                throw new IOException("Broken pipe", Terminal.BrokenPipe);
        }
    }
}
