using Wisp.Model;

namespace Wisp.Tests.Cli;

public sealed class RenderCommandTests : IDisposable
{
    private const string Template =
        "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}" +
        "{% if tools %}T{{ tools|length }}{% endif %}" +
        "{% if add_generation_prompt %}<assistant>{% endif %}{{ flag is defined and flag }}";

    private readonly string _folder = Directory.CreateTempSubdirectory("wisp-render-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    private string Model(string? template = Template)
    {
        var path = Path.Combine(_folder, "m.gguf");
        var writer = new GgufWriter().AddStrings("tokenizer.ggml.tokens", ["<s>"])
            .AddUInt("tokenizer.ggml.bos_token_id", 0);
        if (template is not null)
            writer.AddString("tokenizer.chat_template", template);
        writer.Write(path);
        return path;
    }

    private string Messages() => Write("m.json", """[{"role": "user", "content": "Hi\n"}]""");

    [Fact]
    public void The_text_is_written_and_nothing_else() => Assert.Equal("<s><user>Hi\n<assistant>False",
        CommandLineRun.Good("render", "-m", Model(), "--messages", Messages()));

    [Fact]
    public void Options_reach_the_template() => Assert.Equal("<s><user>Hi\nT2True",
        CommandLineRun.Good("render", "-m", Model(), "--messages", Messages(), "--tools", Write("t.json", "[1, 2]"),
            "--no-generation-prompt", "--set", "flag=true"));

    [Fact]
    public void A_request_of_OpenAI_is_understood()
    {
        var request = Write("r.json", """
            {"model": "x", "temperature": 1, "messages": [{"role": "user", "content": "Hi"}], "tools": [{}],
             "chat_template_kwargs": {"flag": true}}
            """);
        Assert.Equal("<s><user>HiT1<assistant>True",
            CommandLineRun.Good("render", "-m", Model(), "--messages", request));
    }

    [Fact]
    public void A_template_of_its_own_needs_no_model() => Assert.Equal("7 2026-03-14 text",
        CommandLineRun.Good("render", "--messages", Messages(), "--template",
            Write("t.jinja", "{{ n }} {{ strftime_now('%Y-%m-%d') }} {{ w }}"), "--set", "n=7", "--set", "w=text",
            "--now", "2026-03-14T15:09:26"));

    [Fact]
    public void A_Hugging_Face_folder_is_a_model()
    {
        Write("tokenizer_config.json",
            """{"bos_token": "<b>", "chat_template": "{{ bos_token }}{{ messages|length }}"}""");
        Assert.Equal("<b>1", CommandLineRun.Good("render", "-m", _folder, "--messages", Messages()));
    }

    [Fact]
    public void A_model_without_a_template_says_how_to_give_one()
    {
        var run = CommandLineRun.Of("render", "-m", Model(null), "--messages", Messages());
        Assert.Equal(1, run.Code);
        Assert.Contains("has no chat template. Give one: --template FILE", run.Error);
        Assert.Empty(run.Output);
    }

    [Theory]
    [InlineData("{{ 1|frobnicate }}", "template line 1: filter 'frobnicate' is unknown.")]
    [InlineData("{{ raise_exception('no\nno') }}", "template line 1: no no")]
    public void A_fault_of_the_template_is_one_line(string template, string message)
    {
        var run = CommandLineRun.Of("render", "-m", Model(template), "--messages", Messages());
        Assert.Equal(1, run.Code);
        Assert.Contains(message, run.Error);
        Assert.Equal(1, run.Error.Count(c => c == '\n'));
    }

    [Theory]
    [InlineData("7", "holds neither a list of messages")]
    [InlineData("{\"messages\": 1}", "holds neither a list of messages")]
    [InlineData("{\"messages\": [], \"tools\": 1}", "'tools' is not a list")]
    [InlineData("{\"messages\": [], \"chat_template_kwargs\": 1}", "'chat_template_kwargs' is not an object")]
    [InlineData("[", "is no JSON")]
    [InlineData("[{\"a\": 1, \"a\": 2}]", "is no JSON")]
    [InlineData("[\"\\ud83d\"]", "faulty")]
    [InlineData("[{\"\\udead\": 1}]", "is no JSON")]
    public void Messages_that_are_none_are_refused(string json, string message)
    {
        var run = CommandLineRun.Of("render", "-m", Model(), "--messages", Write("bad.json", json));
        Assert.Equal(1, run.Code);
        Assert.Contains(message, run.Error);
        Assert.DoesNotContain("fault in wisp", run.Error);
    }

    [Theory]
    [InlineData("--set", "novalue")]
    [InlineData("--now", "yesterday")]
    public void Options_that_make_no_sense_are_refused(string option, string value)
    {
        var run = CommandLineRun.Of("render", "-m", Model(), "--messages", Messages(), option, value);
        Assert.Equal(1, run.Code);
        Assert.Contains($"{option} takes", run.Error);
    }
}
