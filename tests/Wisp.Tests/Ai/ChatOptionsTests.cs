using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Chat;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Model;

namespace Wisp.Tests.Ai;

/// <summary>Every property of ChatOptions is followed or refused by name.</summary>
public class ChatOptionsTests
{
    private static readonly Tokenizer s_tokenizer = TinyModel.Tokenizer();

    private static readonly ChatMessage[] s_messages = [new(ChatRole.User, "Hi")];

    private static ChatPlan Plan(ChatOptions asked, string? template = null, WispChatOptions? native = null)
    {
        native = AdditionalOptions.Apply(
            (native ?? new WispChatOptions()) with { Sampling = native?.Sampling ?? new Sampling() },
            asked.AdditionalProperties);
        var model = new ChatModel("tiny", s_tokenizer, new ChatTemplate(template ?? ChatMl.Template), 2048);
        return ChatPlan.Of(model, s_messages, asked, native, seed: 77, new ChatClientOptions());
    }

    private static string Prompt(ChatOptions asked, string? template = null) =>
        s_tokenizer.DecodeText([.. Plan(asked, template).Request.Prompt]);

    private static AIFunction Function(string name) => AIFunctionFactory.Create((int days) => days, name, "Counts.");

    private sealed class OtherTool : AITool;

    [Fact]
    public void Numbers_reach_the_sampler()
    {
        var asked = new ChatOptions
        {
            Temperature = 0.25f, TopP = 0.5f, TopK = 7, FrequencyPenalty = 0.125f, PresencePenalty = -1, Seed = -5,
            MaxOutputTokens = 17,
            AdditionalProperties = new()
            {
                ["min_p"] = 0.5, ["repeat_penalty"] = JsonElement.Parse("1.25"), ["repeat_last_n"] = -1,
                ["mirostat"] = 2, ["logit_bias"] = new JsonObject { ["5"] = 1.5, ["6"] = false }, ["top_logprobs"] = 4,
                ["logprobs"] = true, ["dry_multiplier"] = 0.75f, ["typical_p"] = null,
            },
        };
        var request = Plan(asked).Request;
        Assert.Equal(
            (0.25f, 0.5f, 7, 0.125f, -1f, 0.5f, 1.25f, int.MaxValue, 2, 0.75f),
            (request.Sampling.Temperature, request.Sampling.TopP, request.Sampling.TopK,
                request.Sampling.FrequencyPenalty, request.Sampling.PresencePenalty, request.Sampling.MinP,
                request.Sampling.RepeatPenalty, request.Sampling.PenaltyWindow, request.Sampling.Mirostat,
                request.Sampling.DryMultiplier));
        Assert.Equal((unchecked((ulong)-5), 17, 4), (request.Seed, request.MaxTokens, request.LogProbabilities));
        Assert.Equal(1.5f, request.Sampling.LogitBias[5]);
        Assert.Equal(float.NegativeInfinity, request.Sampling.LogitBias[6]);
        Assert.Equal((77ul, 2048 / 4), (Plan(new()).Request.Seed, Plan(new()).Request.MaxTokens));
        Assert.Equal(0, Plan(new() { AdditionalProperties = new() { ["logprobs"] = true } }).Request.LogProbabilities);
    }

    [Fact]
    public void What_is_set_wins_over_native_options_and_those_over_the_client()
    {
        var native = new WispChatOptions { Sampling = new Sampling { TopK = 3, TopP = 0.5f }, Domain = 9 };
        var request = Plan(new ChatOptions { TopK = 5 }, native: native).Request;
        Assert.Equal((5, 0.5f, 9), (request.Sampling.TopK, request.Sampling.TopP, request.Domain));
    }

    [Fact]
    public void Reasoning_reaches_the_template()
    {
        static ChatOptions With(ReasoningEffort effort) => new() { Reasoning = new() { Effort = effort } };

        const string Told = "{{ enable_thinking }} {{ reasoning_effort }}";
        Assert.EndsWith("False ", Prompt(With(ReasoningEffort.None), Told), StringComparison.Ordinal);
        Assert.EndsWith("True low", Prompt(With(ReasoningEffort.Low), Told), StringComparison.Ordinal);
        Assert.EndsWith("True high", Prompt(With(ReasoningEffort.ExtraHigh), Told), StringComparison.Ordinal);

        // A template that begins the thoughts by itself: they are ended, and the token for more of them is forbidden.
        const string Opens = "{{ messages[0].content }}\n<think>\n";
        var none = Plan(With(ReasoningEffort.None), Opens);
        Assert.EndsWith("<think>\n\n</think>\n\n",
            s_tokenizer.DecodeText([.. none.Request.Prompt]), StringComparison.Ordinal);
        Assert.False(none.Thinking);
        Assert.Equal(float.NegativeInfinity, none.Request.Sampling.LogitBias[s_tokenizer.IdOf("<think>")]);
        Assert.True(Plan(new ChatOptions(), Opens).Thinking);
        Assert.True(Plan(new() { Reasoning = new() { Output = ReasoningOutput.None } }).HidesThoughts);

        // Under a grammar a model thinks only where it was asked to.
        var json = new ChatOptions { ResponseFormat = ChatResponseFormat.Json };
        Assert.EndsWith("False ", Prompt(json, Told), StringComparison.Ordinal);
        Assert.Equal(['{'], Bits(Plan(json).NewMask!().Allowed([])));
        json.Reasoning = new() { Effort = ReasoningEffort.High };
        Assert.EndsWith("True high", Prompt(json, Told), StringComparison.Ordinal);
        var mask = Plan(json).NewMask!();
        var (think, end) = (s_tokenizer.IdOf("<think>"), s_tokenizer.IdOf("</think>"));
        Assert.Equal([think, '{'], Bits(mask.Allowed([])));
        Assert.Equal(281 - s_tokenizer.EndOfGeneration.Count, Bits(mask.Allowed([think])).Count);
        Assert.Equal(281 - s_tokenizer.EndOfGeneration.Count, Bits(mask.Allowed([think, 'x'])).Count);
        Assert.Equal(['{'], Bits(mask.Allowed([think, 'x', end])));
        Assert.Null(mask.Fault);
    }

    // In the order in which the special tokens come last; byte tokens are their own ids here.
    private static List<int> Bits(ReadOnlyMemory<ulong> mask) =>
        [.. Enumerable.Range(0, 281).Where(id => (mask.Span[id >> 6] >> id & 1) != 0).OrderByDescending(id => id)];

    [Fact]
    public void Tools_and_instructions_reach_the_template()
    {
        var asked = new ChatOptions { Instructions = "Be brief.", Tools = [Function("count")] };
        Assert.Contains("system\nBe brief.\n\n", Prompt(asked), StringComparison.Ordinal);
        Assert.Contains("\"name\": \"count\", \"description\": \"Counts.\"", Prompt(asked), StringComparison.Ordinal);
        Assert.Equal(ToolStyle.Hermes, Plan(asked).Style);
        asked.ToolMode = ChatToolMode.None;
        Assert.DoesNotContain("count", Prompt(asked), StringComparison.Ordinal);
        Assert.Equal(ToolStyle.None, Plan(asked).Style);
    }

    public static TheoryData<string, ChatOptions, string> Refused { get; } = new()
    {
        { "N", new() { ConversationId = "x" }, "ChatOptions.ConversationId" },
        { "N", new() { AllowBackgroundResponses = true }, "ChatOptions.AllowBackgroundResponses" },
        { "N", new() { ContinuationToken = ResponseContinuationToken.FromBytes(new byte[1]) }, "ContinuationToken" },
        { "A", new() { ModelId = "gpt" }, "ChatOptions.ModelId is 'gpt'; this client has 'tiny'" },
        { "N", new() { Reasoning = new() { Output = ReasoningOutput.Summary } }, "ChatOptions.Reasoning.Output" },
        { "A", new() { MaxOutputTokens = 0 }, "ChatOptions.MaxOutputTokens is 0" },
        { "A", new() { Temperature = float.NaN }, "Temperature is NaN" },
        { "A", new() { TopP = 2 }, "TopP is 2" },
        { "A", new() { TopK = -1 }, "TopK is -1" },
        { "A", new() { StopSequences = ["a", ""] }, "ChatOptions.StopSequences" },
        { "A", new() { Tools = [Function("f"), Function("f")] }, "two functions of the name 'f'" },
        { "N", new() { Tools = [new OtherTool()] }, "ChatOptions.Tools holds a OtherTool" },
        { "A", new() { ToolMode = ChatToolMode.RequireAny }, "ChatOptions.Tools is empty" },
        { "A", new() { Tools = [Function("f")], ToolMode = ChatToolMode.RequireSpecific("g") }, "the function 'g'" },
        { "A", new() { AdditionalProperties = new() { ["minp"] = 1 } }, "['minp'] is not known; known are chat_" },
        { "A", new() { AdditionalProperties = new() { ["min_p"] = "much" } }, "['min_p'] is much (String)" },
        { "A", new() { AdditionalProperties = new() { ["top_logprobs"] = 1.5 } }, "['top_logprobs'] is 1.5" },
        { "A", new() { AdditionalProperties = new() { ["logprobs"] = 3 } }, "['logprobs'] is 3 (Int32)" },
        { "A", new() { AdditionalProperties = new() { ["logit_bias"] = new JsonObject { ["a"] = 1 } } }, "logit_bias" },
        { "A", new() { AdditionalProperties = new() { ["logit_bias"] = new JsonObject { ["999"] = 1 } } }, "999" },
        { "A", new() { AdditionalProperties = new() { ["grammar"] = "root ::=" + " [" } }, "grammar: " },
        { "A", new() { AdditionalProperties = new() { ["chat_template_kwargs"] = 1 } }, "must be a JSON object" },
        {
            "A", new() { ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonElement.Parse("""{"enum": []}""")) },
            "ChatOptions.ResponseFormat, its schema, at "
        },
        {
            "A", new()
            {
                ToolMode = ChatToolMode.RequireAny,
                Tools =
                [
                    AIFunctionFactory.CreateDeclaration("f", "", JsonElement.Parse("""
                        {
                            "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 2}}, "required": ["n"]
                        }
                        """)),
                ],
            },
            "the parameters of function 'f'"
        },
        {
            "A", new()
            {
                ResponseFormat = ChatResponseFormat.Json,
                AdditionalProperties = new() { ["grammar"] = "root ::= \"a\"" },
            },
            "A grammar stands beside ChatOptions.ResponseFormat"
        },
    };

    [Theory, MemberData(nameof(Refused), DisableDiscoveryEnumeration = true)]
    public void What_cannot_be_followed_is_refused_by_name(string kind, ChatOptions asked, string message)
    {
        var fault = Record.Exception(() => Plan(asked))!;
        Assert.NotNull(fault);
        Assert.True(kind == "N" ? fault is NotSupportedException : fault is ArgumentException, fault.ToString());
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_functions_or_thoughts_says_so()
    {
        // Bytes and nothing else: no token for thoughts, none for the end of a turn.
        var tokens = Enumerable.Range(0, 256).Select(value => ByteText.Encode([(byte)value])).ToArray();
        var types = tokens.Select(_ => (int)TokenType.Normal).ToArray();
        var bytes = ByteLevelBpe.FromVocabulary("llama-bpe", tokens, [], types);
        ChatPlan PlanOf(ChatOptions asked, string template) => ChatPlan.Of(
            new ChatModel("plain", bytes, new ChatTemplate(template), 2048), s_messages, asked,
            new WispChatOptions { Sampling = new() }, seed: 1, new ChatClientOptions());

        const string Plain = "{{ messages[0].content }}";
        Assert.Contains("ChatOptions.Tools", Assert.Throws<NotSupportedException>(
            () => PlanOf(new() { Tools = [Function("f")] }, Plain)).Message, StringComparison.Ordinal);
        Assert.Contains("a function of the name 'a b'", Assert.Throws<ArgumentException>(
            () => PlanOf(new() { Tools = [Function("a b")] }, "[TOOL_CALLS] [ARGS]")).Message,
            StringComparison.Ordinal);
        Assert.Contains("ChatOptions.Reasoning.Effort", Assert.Throws<NotSupportedException>(
            () => PlanOf(new() { Reasoning = new() { Effort = ReasoningEffort.Low } }, Plain)).Message,
            StringComparison.Ordinal);
        Assert.Empty(PlanOf(new() { Reasoning = new() { Effort = ReasoningEffort.None } }, Plain).Stop);
        Assert.Equal(["<|im_end|>"], PlanOf(new(), ChatMl.Template).Stop); // it would be spelled
    }

    public static TheoryData<ChatMessage[], string> FaultyMessages { get; } = new()
    {
        { [], "There are no messages" },
        { [null!], "Message 0 is null" },
        { [new(new ChatRole("pope"), "x")], "Message 0 has the role 'pope'" },
        { [new(ChatRole.User, [new DataContent(new byte[1], "image/png")])], "Message 0 of role user holds a Data" },
        { [new(ChatRole.User, "x"), new(ChatRole.User, [new FunctionCallContent("1", "f")])], "Message 1 of role" },
        { [new(ChatRole.Assistant, [new FunctionResultContent("1", 2)])], "holds a FunctionResultContent" },
        { [new(ChatRole.Tool, "x")], "Message 0 of role tool holds a TextContent" },
        {
            [
                new(ChatRole.Tool,
                    [new FunctionResultContent("1", new AIContent[] { new DataContent(new byte[1], "a/b") })]),
            ],
            "the result of call '1' holds a DataContent"
        },
        { [new(ChatRole.Tool, [])], "holds no FunctionResultContent" },
        { [new(ChatRole.Tool, [new FunctionResultContent("1", new Action(Nothing))])], "the result of call '1'" },
    };

    private static void Nothing()
    {
    }

    [Theory, MemberData(nameof(FaultyMessages), DisableDiscoveryEnumeration = true)]
    public void A_message_that_cannot_be_said_is_named(ChatMessage[] messages, string message)
    {
        var fault = Record.Exception(() => PromptMessages.Of(messages, null));
        Assert.True(fault is ArgumentException or NotSupportedException, fault?.ToString());
        Assert.Contains(message, fault!.Message, StringComparison.Ordinal);
    }
}
