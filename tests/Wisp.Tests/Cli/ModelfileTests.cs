using System.Text.RegularExpressions;
using Wisp.Model;
using Wisp.Tests.Train.Align.Conversations;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align.Conversations;

namespace Wisp.Tests.Cli;

public sealed partial class ModelfileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Chat => ChatRendererTests.ModelInTheTree().Replace("wisp-base", "wisp-chat");

    [Fact]
    public void Ollama_gets_the_format_that_the_model_was_trained_with()
    {
        var said = CommandLineRun.Good("export", "--modelfile", _folder["Modelfile"], "-m", Chat);
        Assert.Contains("ollama create wisp-chat -f ", said);
        var text = File.ReadAllText(_folder["Modelfile"]);
        Assert.StartsWith($"FROM {Chat}\nTEMPLATE \"\"\"", text);
        Assert.EndsWith("\"\"\"\nPARAMETER stop <|im_end|>\nPARAMETER stop <|endoftext|>\n", text);
        Assert.Contains("exists already", CommandLineRun.Of(
            "export", "--modelfile", _folder["Modelfile"], "-m", Chat).Error);

        // All that our own template writes beside the messages, it writes too.
        var jinja = string.Concat(Literal().Matches(ChatFormat.Template).Select(match => match.Groups[1].Value));
        foreach (var mark in Mark().Matches(jinja).Select(match => match.Value).Distinct())
            Assert.Contains(mark, OllamaModelfile.Template);

        // Ollama tells calls by the first text behind 'if .ToolCalls', up to the next action.
        var calls = OllamaModelfile.Template.Split("{{- if .ToolCalls }}{{ range $i, $call := .ToolCalls }}")[1];
        Assert.StartsWith("<tool_call>{{", calls);
    }

    [Fact]
    public void A_model_with_another_template_is_refused()
    {
        TwoFiles.TinyModel.Write(_folder["m.gguf"], Wisp.Compute.DType.F32);
        using (var gguf = Gguf.Open(_folder["m.gguf"]))
            Assert.Contains("is not that of our own chat models",
                Assert.Throws<InvalidDataException>(() => OllamaModelfile.Of(gguf, "m.gguf")).Message);
        var run = CommandLineRun.Of("export", "--modelfile", _folder["Modelfile"], "-m", _folder["m.gguf"]);
        Assert.Equal(1, run.Code);
        Assert.False(File.Exists(_folder["Modelfile"]));
        Assert.Contains("Say what to write", CommandLineRun.Of("export").Error);
    }

    [GeneratedRegex("'([^']*)'")]
    private static partial Regex Literal();

    [GeneratedRegex(@"<[|/\w]+>|You may call[\w ]+:")]
    private static partial Regex Mark();
}
