using System.Text.Json.Nodes;
using Wisp.Chat.Builtins;
using Wisp.Chat.Syntax;
using Wisp.Chat.Values;

namespace Wisp.Chat;

/// <summary>
/// The template of a chat model: a Jinja program that turns messages into the text the model continues. It runs as in
/// Hugging Face's transformers, but with bounds on what it may cost, and it can reach nothing outside of itself.
/// </summary>
public sealed class ChatTemplate
{
    private readonly Template _template;

    /// <param name="source">The text of the template.</param>
    /// <param name="bosToken">The text of the token that begins a sequence; null where the model has none.</param>
    /// <param name="eosToken">The text of the token that ends one.</param>
    /// <exception cref="TemplateException">It is no template, or uses what is unknown here.</exception>
    public ChatTemplate(string source, string? bosToken = null, string? eosToken = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        (Source, BosToken, EosToken) = (source, bosToken, eosToken);
        _template = Parser.Parse(source, Filters.All.ContainsKey, Tests.All.ContainsKey);
    }

    public string Source { get; }

    public string? BosToken { get; }

    public string? EosToken { get; }

    /// <param name="tools">Descriptions of functions as OpenAI has them; null leaves the variable undefined.</param>
    /// <param name="addGenerationPrompt">Whether the text ends with the beginning of an answer.</param>
    /// <param name="variables">More variables for the template, such as <c>enable_thinking</c>. They win.</param>
    /// <param name="now">What <c>strftime_now</c> tells; in local time.</param>
    /// <exception cref="TemplateException">The template fails on these messages, or refuses them itself.</exception>
    /// <exception cref="ArgumentException">The JSON holds text that is no text, or a name twice.</exception>
    public string Render(
        JsonArray messages, JsonArray? tools, bool addGenerationPrompt, JsonObject? variables, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var run = Start(now, messages, tools, variables);
        if (BosToken is not null)
            run.Define("bos_token", BosToken);
        if (EosToken is not null)
            run.Define("eos_token", EosToken);
        Define(run, "messages", messages);
        if (tools is not null)
            Define(run, "tools", tools);
        run.Define("add_generation_prompt", addGenerationPrompt);
        foreach (var (name, value) in variables ?? [])
            Define(run, name, value);
        return run.Render(_template);
    }

    private static Evaluator Start(DateTimeOffset now, params ReadOnlySpan<JsonNode?> inputs)
    {
        var size = 0L;
        foreach (var input in inputs)
            size += Read("input", () => JsonValues.Size(input, new Budget(Budget.Basic)));
        return new Evaluator(new Budget(Budget.Basic + Budget.PerCharacter * size), now);
    }

    private static void Define(Evaluator run, string name, JsonNode? value) =>
        run.Define(name, Read(name, () => JsonValues.From(value, run.Comparer, run.Budget)));

    // JSON nodes are read only when they are asked, and then tell of halves of characters and of names that stand
    // twice.
    private static T Read<T>(string what, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            throw new ArgumentException($"{what}: the JSON is faulty: {e.Message}", e);
        }
    }
}
