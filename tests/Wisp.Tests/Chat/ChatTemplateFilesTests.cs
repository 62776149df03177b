using Wisp.Chat;
using Wisp.Model;

namespace Wisp.Tests.Chat;

public sealed class ChatTemplateFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("wisp-templates-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_folder, name))!);
        File.WriteAllText(Path.Combine(_folder, name), text);
    }

    private Gguf Model(params (string Key, string Template)[] templates)
    {
        var writer = new GgufWriter().AddString("general.architecture", "qwen3")
            .AddStrings("tokenizer.ggml.tokens", ["<s>", "a", "</s>"])
            .AddUInt("tokenizer.ggml.bos_token_id", 0).AddUInt("tokenizer.ggml.eos_token_id", 2);
        foreach (var (key, template) in templates)
            writer.AddString(key, template);
        var path = Path.Combine(_folder, "m.gguf");
        writer.Write(path);
        return Gguf.Open(path);
    }

    private static string? Rendered(ChatTemplate? template) => template?.Render([], null, true, null, Rendering.Now);

    [Fact]
    public void A_model_file_gives_its_templates_and_tokens()
    {
        using var gguf = Model(("tokenizer.chat_template", "{{ bos_token }}main{{ eos_token }}"),
            ("tokenizer.chat_template.tool_use", "tools"));
        Assert.Equal("<s>main</s>", Rendered(ChatTemplateFiles.FromGguf(gguf)));
        Assert.Equal("tools", Rendered(ChatTemplateFiles.FromGguf(gguf, "tool_use")));
        Assert.Equal("<s>", Rendered(ChatTemplateFiles.FromGguf(gguf, source: "{{ bos_token }}")));
        var fault = Assert.Throws<InvalidDataException>(() => ChatTemplateFiles.FromGguf(gguf, "rag"));
        Assert.Contains("'rag'; there are: default, tool_use.", fault.Message);
        Assert.Contains(gguf.Path, fault.Message);
    }

    [Fact]
    public void A_model_file_without_a_template_gives_none()
    {
        using var gguf = Model();
        Assert.Null(ChatTemplateFiles.FromGguf(gguf));
    }

    [Fact]
    public void The_id_of_a_token_beyond_the_vocabulary_is_refused()
    {
        var path = Path.Combine(_folder, "bad.gguf");
        new GgufWriter().AddStrings("tokenizer.ggml.tokens", ["a"]).AddUInt("tokenizer.ggml.bos_token_id", 7)
            .AddString("tokenizer.chat_template", "x").Write(path);
        using var gguf = Gguf.Open(path);
        Assert.Contains("is 7, and there are 1 tokens",
            Assert.Throws<InvalidDataException>(() => ChatTemplateFiles.FromGguf(gguf)).Message);
    }

    [Fact]
    public void A_folder_gives_the_template_of_its_configuration()
    {
        Write("tokenizer_config.json", """
            {"bos_token": {"content": "<b>"}, "eos_token": "<e>", "chat_template": "{{ bos_token }}x{{ eos_token }}"}
            """);
        Assert.Equal("<b>x<e>", Rendered(ChatTemplateFiles.FromFolder(_folder)));
        Write("chat_template.jinja", "own{{ eos_token }}");
        Assert.Equal("own<e>", Rendered(ChatTemplateFiles.FromFolder(_folder)));
        Write("additional_chat_templates/rag.jinja", "rag");
        Assert.Equal("rag", Rendered(ChatTemplateFiles.FromFolder(_folder, "rag")));
    }

    [Fact]
    public void A_folder_may_give_several_templates()
    {
        Write("tokenizer_config.json", """
            {"chat_template": [{"name": "default", "template": "d"}, {"name": "rag", "template": "r"}]}
            """);
        Assert.Equal("d", Rendered(ChatTemplateFiles.FromFolder(_folder)));
        Assert.Equal("r", Rendered(ChatTemplateFiles.FromFolder(_folder, "rag")));
        Write("chat_template.json", """{"chat_template": "processor"}""");
        Assert.Equal("processor", Rendered(ChatTemplateFiles.FromFolder(_folder)));
    }

    [Fact]
    public void A_folder_without_a_template_gives_none()
    {
        Assert.Null(ChatTemplateFiles.FromFolder(_folder));
        Write("tokenizer_config.json", "{}");
        Assert.Null(ChatTemplateFiles.FromFolder(_folder));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{\"chat_template\": 7}")]
    [InlineData("{\"chat_template\": [7]}")]
    [InlineData("{\"chat_template\": [{\"name\": \"a\"}]}")]
    [InlineData("{\"chat_template\": \"\\ud83d\"}")]
    [InlineData("{\"chat_template\": [{\"name\": \"a\", \"template\": \"\\ud83d\"}]}")]
    [InlineData("{\"a\": 1, \"a\": 2}")]
    [InlineData("{\"chat_template\": \"x\", \"bos_token\": \"\\ud83d\"}")]
    [InlineData("{\"chat_template\": \"x\", \"bos_token\": {\"content\": \"\\ud83d\"}}")]
    [InlineData("{\"chat_template\": [{\"name\": \"a\", \"name\": \"a\"}]}")]
    public void A_faulty_configuration_is_refused_by_name(string json)
    {
        Write("tokenizer_config.json", json);
        var fault = Assert.Throws<InvalidDataException>(() => ChatTemplateFiles.FromFolder(_folder));
        Assert.Contains("tokenizer_config.json", fault.Message);
    }
}
