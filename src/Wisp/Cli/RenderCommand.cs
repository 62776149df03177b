using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Chat;
using Wisp.Model;

namespace Wisp.Cli;

/// <summary><c>wisp render</c>: the text that a model's chat template makes of messages, and nothing else.</summary>
internal static class RenderCommand
{
    private const int MaxBytes = 64 << 20; // of a template or a conversation

    public static Command Create()
    {
        var model = Models.Option();
        model.Description = "A model file, a Hugging Face folder, or a name in a model folder";
        var messages = new Option<string>("--messages")
        {
            Description = "A JSON file: a list of messages, or an object with messages and tools as OpenAI has it",
            HelpName = "FILE",
            Required = true,
        };
        var tools = new Option<string?>("--tools") { Description = "A JSON file: a list of tools", HelpName = "FILE" };
        var template = new Option<string?>("--template")
        {
            Description = "A file with a chat template, instead of the model's own",
            HelpName = "FILE",
        };
        var name = new Option<string?>("--template-name")
        {
            Description = "Which of the model's templates, where it has several",
            HelpName = "NAME",
        };
        var bare = new Option<bool>("--no-generation-prompt") { Description = "Do not begin an answer at the end" };
        var set = new Option<string[]>("--set")
        {
            Description = "A variable for the template; the value is JSON, or else text",
            HelpName = "NAME=VALUE",
        };
        var now = new Option<string?>("--now") { Description = "The time that the template sees", HelpName = "TIME" };
        var command = new Verb("render", "Show the text that a chat template makes of messages", "Models",
            "wisp render -m model.gguf --messages chat.json",
            "wisp render -m model.gguf --messages chat.json --tools tools.json --set enable_thinking=false")
        {
            model, messages, tools, template, name, bare, set, now,
        };
        command.SetAction(result =>
        {
            var (list, ownTools, variables) = Conversation(result.GetValue(messages)!);
            if (result.GetValue(tools) is { } path)
                ownTools = Parse(path) as JsonArray ?? throw new UserException($"{path}: holds no list of tools.");
            foreach (var pair in result.GetValue(set) ?? [])
                SetVariable(variables, pair);
            var file = result.GetValue(template);
            try
            {
                var chat = Template(result.GetValue(model), file, result.GetValue(name));
                result.InvocationConfiguration.Output.Write(chat.Render(
                    list, ownTools, !result.GetValue(bare), variables, Time(result.GetValue(now))));
            }
            catch (TemplateException e)
            {
                throw new UserException($"{file ?? result.GetValue(model) ?? "the default model"}: {e.Message}", e);
            }
        });
        return command;
    }

    private static (JsonArray Messages, JsonArray? Tools, JsonObject Variables) Conversation(string path)
    {
        var node = Parse(path);
        if (node is JsonArray list)
            return (list, null, []);
        if (node is not JsonObject request || request["messages"] is not JsonArray messages)
            throw new UserException(
                $"{path}: holds neither a list of messages nor an object with the list 'messages'.");
        if (request["tools"] is not (null or JsonArray))
            throw new UserException($"{path}: 'tools' is not a list.");
        // What a server passes on to the template; other fields of a request, such as temperature, are not for it.
        var variables = request["chat_template_kwargs"] switch
        {
            null => [],
            JsonObject given => given.DeepClone().AsObject(),
            _ => throw new UserException($"{path}: 'chat_template_kwargs' is not an object."),
        };
        foreach (var (name, value) in request)
            if (name is "documents" or "enable_thinking" or "reasoning_effort" or "add_generation_prompt")
                variables.TryAdd(name, value?.DeepClone());
        return (messages, request["tools"] as JsonArray, variables);
    }

    private static JsonNode? Parse(string path)
    {
        try
        {
            // Names that stand twice are found here, and not when someone asks for one.
            var options = new JsonDocumentOptions { AllowDuplicateProperties = false };
            return JsonNode.Parse(TextInput.ReadText(path, MaxBytes), documentOptions: options);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new UserException($"{path}: is no JSON: {e.Message}", e);
        }
    }

    private static void SetVariable(JsonObject variables, string pair)
    {
        var at = pair.IndexOf('=');
        if (at <= 0)
            throw new UserException($"--set takes NAME=VALUE, not '{pair}'.");
        JsonNode? value;
        try
        {
            value = JsonNode.Parse(pair[(at + 1)..]);
        }
        catch (JsonException)
        {
            value = pair[(at + 1)..];
        }

        variables[pair[..at]] = value;
    }

    private static ChatTemplate Template(string? model, string? file, string? name)
    {
        if (file is not null)
        {
            var source = TextInput.ReadText(file, MaxBytes);
            if (model is null)
                return new ChatTemplate(source);
            if (IsHuggingFace(model))
                return ChatTemplateFiles.FromFolder(model, name, source)!;
            using var tokens = Gguf.Open(Models.Find(model));
            return ChatTemplateFiles.FromGguf(tokens, name, source)!;
        }

        if (model is not null && IsHuggingFace(model))
            return ChatTemplateFiles.FromFolder(model, name) ?? throw Missing(model);
        using var gguf = Gguf.Open(Models.Find(model));
        return ChatTemplateFiles.FromGguf(gguf, name) ?? throw Missing(gguf.Path);
    }

    private static bool IsHuggingFace(string model) =>
        File.Exists(Path.Combine(model, "tokenizer_config.json")) ||
        File.Exists(Path.Combine(model, "chat_template.jinja"));

    private static UserException Missing(string model) =>
        new($"{model}: has no chat template. Give one: --template FILE");

    private static DateTimeOffset Time(string? text)
    {
        if (text is null)
            return TimeProvider.System.GetLocalNow();
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var time)
            ? time : throw new UserException($"--now takes a time such as 2026-03-14T15:09:26, not '{text}'.");
    }
}
