using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Chat;
using Wisp.Tests.Model;

namespace Wisp.Tests.Ai;

/// <summary>A model of random weights calls the right function with the right arguments, because it must.</summary>
public class ConstrainedAnswerTests
{
    private const string Weather = """
        {
            "type": "object",
            "properties": {
                "city": {"enum": ["Bern", "Uri"]}, "days": {"type": "integer", "minimum": 1, "maximum": 7},
                "note": {"type": "string", "maxLength": 4}
            },
            "required": ["city", "days", "note"], "additionalProperties": false
        }
        """;

    private const string Spread = "{% for m in messages %}{{ m.content }}\n{% endfor %}";

    private static readonly AIFunctionDeclaration
        s_weather = AIFunctionFactory.CreateDeclaration("weather", "Tells it.", JsonElement.Parse(Weather)),
        s_stop = AIFunctionFactory.CreateDeclaration("stop", "Ends it.", JsonElement.Parse(
            """{"type": "object", "additionalProperties": false}"""));

    private static void AssertIsWeather(FunctionCallContent call)
    {
        Assert.Equal("weather", call.Name);
        Assert.Equal(["city", "days", "note"], call.Arguments!.Keys);
        Assert.Contains(call.Arguments["city"]!.ToString(), new[] { "Bern", "Uri" });
        Assert.InRange(((JsonElement)call.Arguments["days"]!).GetInt32(), 1, 7);
        Assert.InRange(call.Arguments["note"]!.ToString()!.EnumerateRunes().Count(), 0, 4);
        Assert.Matches("^[0-9a-z]{9}$", call.CallId);
    }

    private static List<FunctionCallContent> Calls(ChatResponse response) =>
        [.. response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>()];

    [Theory]
    [InlineData(null)] // Hermes: the tags are control tokens of the vocabulary
    [InlineData(Spread + "{# \"parameters\": {\"name\": #}")]
    [InlineData(Spread + "{# [TOOL_CALLS] #}")]
    [InlineData(Spread + "{# [TOOL_CALLS] [ARGS] #}")]
    public async Task A_required_function_is_called_in_every_style(string? template)
    {
        await using var chat = new TinyChat(template);
        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(seed => chat.Ask("Hi", new()
        {
            Tools = [s_stop, s_weather], ToolMode = ChatToolMode.RequireSpecific("weather"), Seed = seed,
            Temperature = 2, MaxOutputTokens = 300,
        })));
        foreach (var answer in answers)
        {
            Assert.Equal(ChatFinishReason.ToolCalls, answer.FinishReason);
            AssertIsWeather(Assert.Single(Calls(answer)));
            Assert.Equal("", answer.Text);
        }

        Assert.Equal(12, answers.Select(answer => Calls(answer)[0].CallId).Distinct().Count());
        var different = answers.Select(answer => JsonSerializer.Serialize(Calls(answer)[0].Arguments)).Distinct();
        Assert.True(different.Count() > 3);
        await chat.AssertServesAndHoldsNothing();
    }

    [Theory]
    [InlineData(null), InlineData(Spread + "{# [TOOL_CALLS] #}"), InlineData(Spread + "{# [TOOL_CALLS] [ARGS] #}")]
    public async Task Any_function_may_do_and_several_where_they_are_allowed(string? template)
    {
        await using var chat = new TinyChat(template);
        var names = new List<string>();
        var most = 0;
        for (var seed = 0; seed < 12; seed++)
        {
            var calls = Calls(await chat.Ask("Hi", new()
            {
                Tools = [s_stop, s_weather], ToolMode = ChatToolMode.RequireAny, AllowMultipleToolCalls = true,
                Seed = seed, Temperature = 2, MaxOutputTokens = 400,
            }));
            Assert.NotEmpty(calls);
            foreach (var call in calls.Where(call => call.Name != "stop"))
                AssertIsWeather(call);
            names.AddRange(calls.Select(call => call.Name));
            most = Math.Max(most, calls.Count);
        }

        Assert.Equal(["stop", "weather"], names.Distinct().Order());
        Assert.True(most > 1);
    }

    [Fact]
    public async Task JSON_is_kept_to_its_schema_and_any_object_is_JSON()
    {
        await using var chat = new TinyChat();
        for (var seed = 0; seed < 8; seed++)
        {
            var answer = await chat.Ask("Hi", new()
            {
                ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonElement.Parse(Weather)), Seed = seed,
                Temperature = 2, MaxOutputTokens = 300,
            });
            Assert.Equal(ChatFinishReason.Stop, answer.FinishReason);
            var json = JsonNode.Parse(answer.Text)!;
            Assert.InRange((int)json["days"]!, 1, 7);

            // Without a schema a babbling model may never end its object, so only the beginning is sure.
            var any = await chat.Ask("Hi", new()
            {
                ResponseFormat = ChatResponseFormat.Json, Seed = seed, Temperature = 2, MaxOutputTokens = 60,
            });
            Assert.StartsWith("{", any.Text, StringComparison.Ordinal);
            if (any.FinishReason == ChatFinishReason.Stop)
                Assert.IsType<JsonObject>(JsonNode.Parse(any.Text));
        }
    }

    [Fact]
    public async Task Where_functions_are_offered_JSON_or_a_call_will_do()
    {
        await using var chat = new TinyChat();
        var (called, said) = (0, 0);
        for (var seed = 0; seed < 24; seed++)
        {
            var answer = await chat.Ask("Hi", new()
            {
                ResponseFormat = ChatResponseFormat.ForJsonSchema(
                    JsonElement.Parse("""{"enum": [{"a": 1}, {"a": 2}]}""")),
                Tools = [s_weather], Seed = seed, Temperature = 5, TopK = 0, TopP = 1, MaxOutputTokens = 300,
                AdditionalProperties = new() { ["min_p"] = 0 },
            });
            if (Calls(answer) is [var call])
            {
                AssertIsWeather(call);
                called++;
            }
            else
            {
                Assert.Contains((int)JsonNode.Parse(answer.Text)!["a"]!, new[] { 1, 2 });
                said++;
            }
        }

        Assert.True(called > 0 && said > 0, $"{called} called, {said} said");
    }

    [Fact]
    public async Task A_grammar_in_GBNF_is_kept()
    {
        await using var chat = new TinyChat();
        for (var seed = 0; seed < 8; seed++)
        {
            var options = new ChatOptions
            {
                Seed = seed, AdditionalProperties = new() { ["grammar"] = "root ::= [a-c]{4}" },
            };
            Assert.Matches("^[a-c]{4}$", (await chat.Ask("Hi", options)).Text);
            options = new ChatOptions
            {
                Seed = seed,
                RawRepresentationFactory = _ => new WispChatOptions { Grammar = "root ::= \"yes\" | \"no\"" },
            };
            Assert.Matches("^(yes|no)$", (await chat.Ask("Hi", options)).Text);
        }
    }

    [Fact]
    public async Task A_grammar_that_comes_to_nothing_ends_its_own_request_alone()
    {
        await using var chat = new TinyChat();
        var other = chat.Ask("Hi", new() { Seed = 5, MaxOutputTokens = 200 });
        var fault = await Assert.ThrowsAsync<InvalidOperationException>(() => chat.Ask("Hi", new()
        {
            ResponseFormat = ChatResponseFormat.Json,
            AdditionalProperties = new() { ["logit_bias"] = new JsonObject { [$"{(int)'{'}"] = false } },
        }));
        Assert.Contains("logit bias", fault.Message, StringComparison.Ordinal);
        Assert.Equal((await chat.Ask("Hi", new() { Seed = 5, MaxOutputTokens = 200 })).Text, (await other).Text);
        await chat.AssertServesAndHoldsNothing();
    }

    [Fact]
    public void One_call_ends_the_answer_where_only_one_is_allowed()
    {
        var model = new ChatModel("tiny", TinyModel.Tokenizer(), new ChatTemplate(ChatMl.Template), 2048);
        var plan = ChatPlan.Of(model, [new(ChatRole.User, "Hi")],
            new ChatOptions { Tools = [s_stop], AllowMultipleToolCalls = false },
            new WispChatOptions { Sampling = new() }, 1, new ChatClientOptions());
        var answer = new ChatAnswer(plan, model.Tokenizer, () => "id");
        var shown = new List<AIContent>();
        foreach (var token in model.Tokenizer.Encode(
            "So: <tool_call>{\"name\":\"stop\"}</tool_call> and <tool_call>{\"name\":\"stop\"}</tool_call>"))
            if (!answer.HasEnded)
                shown.AddRange(answer.Read(token));
        shown.AddRange(answer.Finish());
        Assert.Equal("So:", string.Concat(shown.OfType<TextContent>()));
        Assert.Single(shown.OfType<FunctionCallContent>());
    }

    [Fact]
    public async Task Microsofts_function_invocation_runs_on_it()
    {
        await using var chat = new TinyChat();
        var asked = new List<int>();
        var function = AIFunctionFactory.Create((int days) =>
        {
            asked.Add(days);
            return $"{days} days of rain";
        }, "forecast", "Tells the weather.");
        using var client = new ChatClientBuilder(chat.Client).UseFunctionInvocation().Build();
        var response = await client.GetResponseAsync("Will it rain?", new()
        {
            Tools = [function], ToolMode = ChatToolMode.RequireSpecific("forecast"), Seed = 3, MaxOutputTokens = 100,
        });

        // The call, its result, and what the model babbles about it.
        Assert.Equal([ChatRole.Assistant, ChatRole.Tool, ChatRole.Assistant], response.Messages.Select(m => m.Role));
        var call = Assert.Single(Calls(response));
        var days = Assert.Single(asked);
        var result = Assert.IsType<FunctionResultContent>(Assert.Single(response.Messages[1].Contents));
        Assert.Equal(call.CallId, result.CallId);
        Assert.Equal($"{days} days of rain", result.Result?.ToString());
        Assert.True(response.Usage!.CachedInputTokenCount > 0); // the second prompt begins as the first
        await chat.AssertServesAndHoldsNothing();
    }
}
