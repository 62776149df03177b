using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Wisp.Chat;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Chat;

/// <summary>
/// The 55 templates of models in use, as Python's jinja2 renders them in the set-up of Hugging Face: every character.
/// </summary>
public class ChatTemplateGoldenTests
{
    [Fact]
    public void Every_template_renders_every_conversation_as_jinja2_does()
    {
        var golden = JsonNode.Parse(File.ReadAllText(GoldenFile.PathOrSkip("golden/llamacpp/chat/jinja2.json")))!;
        var folder = GoldenFile.PathOrSkip("data/tokenizers/chat-templates");
        var variables = golden["variables"]!;
        var faults = new List<string>();
        var equal = 0;
        foreach (var file in golden["templates"]!.AsArray())
        {
            var name = (string)file!["file"]!;
            var bytes = File.ReadAllBytes(Path.Combine(folder, name));
            Assert.Equal((string)file["sha256"]!, Convert.ToHexStringLower(SHA256.HashData(bytes)));
            var template = new ChatTemplate(System.Text.Encoding.UTF8.GetString(bytes),
                (string)variables["bos_token"]!, (string)variables["eos_token"]!);
            foreach (var entry in file["cases"]!.AsArray())
            {
                var input = golden["inputs"]![(string)entry!["messages"]!]!.AsObject();
                var more = new JsonObject { ["date_string"] = (string)variables["date_string"]! };
                foreach (var (key, value) in input)
                    if (key is not ("messages" or "tools"))
                        more[key] = value!.DeepClone();
                string shown, expected;
                try
                {
                    expected = entry["expected"] is { } text ? (string)text! : "an error: " + (string)entry["error"]!;
                    shown = template.Render(input["messages"]!.AsArray(), input["tools"]?.AsArray(),
                        (bool)entry["add_generation_prompt"]!, more, Rendering.Now);
                }
                catch (TemplateException e)
                {
                    expected = entry["expected"] is { } text ? (string)text! : "";
                    shown = entry["error"] is null ? e.Message : "";
                }

                equal += shown == expected ? 1 : 0;
                if (shown != expected)
                    faults.Add(
                        $"{name} {entry["messages"]} {entry["add_generation_prompt"]}:\n{expected}\n--\n{shown}\n");
            }
        }

        Assert.True(
            faults.Count == 0, $"{faults.Count} of {equal + faults.Count}\n{string.Join('\n', faults.Take(5))}");
        Assert.Equal(1430, equal);
    }
}
