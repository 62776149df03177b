using System.CommandLine;
using System.Text;
using Wisp.Cli;
using Wisp.Model;
using Wisp.Tests.Model;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Cli;

public sealed class TokenizeCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ByteLevelBpe _tokenizer = SampleText.Trained();
    private readonly string _file;

    public TokenizeCommandTests()
    {
        _file = _folder["vocabulary.gguf"];
        _tokenizer.Write(new GgufWriter().AddString("general.architecture", "qwen3")).Write(_file);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Ids_stand_on_one_line()
    {
        const string text = "The <|im_end|> fox\n";
        Assert.Equal(string.Join(' ', _tokenizer.Encode(text)) + "\n",
            CommandLineRun.Good("tokenize", "-m", _file, text));
        Assert.Equal(string.Join(' ', _tokenizer.Encode(text, addSpecial: true, parseSpecial: true)) + "\n",
            CommandLineRun.Good("tokenize", "-m", _file, "--add-special", "--parse-special", text));
        Assert.Equal("\n", CommandLineRun.Good("tokenize", "-m", _file, ""));
    }

    [Fact]
    public void A_file_is_read_byte_for_byte()
    {
        var text = _folder.Put("text", [(byte)'a', 0, 0xFF, (byte)'\r', (byte)'\n', (byte)' ']);
        Assert.Equal(string.Join(' ', _tokenizer.Encode("a\0\ufffd\r\n ")) + "\n",
            CommandLineRun.Good("tokenize", "-m", _file, "--file", text));
    }

    [Fact]
    public void Pieces_are_shown_without_harm_to_the_terminal() => Assert.Equal(
        "27\t\"\\x1b\"\n34\t\"\\\"\"\n10\t\"\\n\"\n",
        CommandLineRun.Good("tokenize", "-m", _file, "--pieces", "\u001b\"\n"));

    [Fact]
    public void Ids_become_exact_bytes()
    {
        const string text = " Ein Fuß, \0\n";
        Assert.Equal(text, Encoding.UTF8.GetString(Detokenised([.. _tokenizer.Encode(text).Select(id => $"{id}")])));
        Assert.Equal([0xC3], Detokenised(["195"]));
        Assert.Empty(Detokenised([]));
        var both = string.Join(',', _tokenizer.Encode("a .<|im_end|>", parseSpecial: true));
        Assert.Equal("a.<|im_end|>"u8, Detokenised([both])); // llama-bpe cleans blanks up
        Assert.Equal("a .<|im_end|>"u8, Detokenised([both, "--raw"]));
        Assert.Equal("a."u8, Detokenised([both, "--hide-special"]));
    }

    [Fact]
    public void A_folder_of_Hugging_Face_is_a_model_too()
    {
        TokenizerJson.Write(_folder.Path, _tokenizer);
        Assert.Equal(string.Join(' ', _tokenizer.Encode("fox")) + "\n",
            CommandLineRun.Good("tokenize", "-m", _folder.Path, "fox"));
    }

    [Fact]
    public void Bad_input_is_one_clear_error()
    {
        Fails("either a text or --file", "tokenize", "-m", _file);
        Fails("either a text or --file", "tokenize", "-m", _file, "a", "--file", "b");
        Fails("no such file", "tokenize", "-m", _file, "--file", _folder["nothing"]);
        Fails("'x' is no token id", "detokenize", "-m", _file, "x");
        Fails("no token 700", "detokenize", "-m", _file, "1", "700");
        Fails("'-1' is no token id", "detokenize", "-m", _file, "--", "-1");
        Fails("starts with", "tokenize", "-m", _folder.Put("bad.gguf", "no model"u8), "a");
    }

    private static void Fails(string says, params string[] args)
    {
        var run = CommandLineRun.Of(args);
        Assert.NotEqual(0, run.Code);
        Assert.Contains(says, run.Error);
        Assert.Single(run.Error.TrimEnd('\n').Split('\n'));
    }

    private byte[] Detokenised(string[] ids)
    {
        var bytes = new MemoryStream();
        var command = new RootCommand { DetokenizeCommand.Create(bytes) };
        Assert.Equal(0, command.Parse(["detokenize", "-m", _file, .. ids]).Invoke());
        return bytes.ToArray();
    }
}
