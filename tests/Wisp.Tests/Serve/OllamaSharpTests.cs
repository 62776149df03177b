using System.Text.Json;
using Microsoft.Extensions.AI;
using OllamaSharp;
using OllamaSharp.Models;

namespace Wisp.Tests.Serve;

/// <summary>OllamaSharp against the server.</summary>
public sealed class OllamaSharpTests(LiveServer server) : IClassFixture<LiveServer>, IDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = server.Server.Address };

    private OllamaApiClient Client => new(_http, LiveServer.Model);

    private IChatClient Chat => Client;

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task A_chat_is_answered_whole_and_in_a_stream()
    {
        var options = new ChatOptions { MaxOutputTokens = 20, Seed = 3 };
        var whole = await Chat.GetResponseAsync("Tell me a story.", options);
        var text = "";
        await foreach (var update in Chat.GetStreamingResponseAsync("Tell me a story.", options))
            text += update.Text;
        Assert.NotEmpty(text);
        Assert.Equal(whole.Text, text);
        Assert.True(whole.Usage!.OutputTokenCount is > 0 and <= 20);
    }

    [Fact]
    public async Task Functions_are_called()
    {
        var asked = "";
        var calculator = AIFunctionFactory.Create((string expression) => asked = expression, "calculator", "Computes");
        var answer = await Chat.GetResponseAsync("What is 12 times 34?",
            new ChatOptions { Tools = [calculator], Temperature = 0, MaxOutputTokens = 100 });
        var call = Assert.Single(answer.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>());
        Assert.Equal("calculator", call.Name);
        Assert.NotNull(call.Arguments!["expression"]);
    }

    [Fact]
    public async Task An_answer_keeps_to_a_schema()
    {
        var schema = JsonElement.Parse("""
            {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"],
             "additionalProperties": false}
            """);
        var answer = await Chat.GetResponseAsync("Is water wet?", new ChatOptions
        {
            ResponseFormat = ChatResponseFormat.ForJsonSchema(schema), MaxOutputTokens = 60,
        });
        Assert.True(JsonElement.Parse(answer.Text).TryGetProperty("yes", out _));
    }

    [Fact]
    public async Task Texts_become_vectors()
    {
        var vectors = (await Client.EmbedAsync(new EmbedRequest
        {
            Model = LiveServer.Model, Input = ["a cat", "a dog"],
        })).Embeddings;
        Assert.Equal(2, vectors.Count);
        Assert.All(vectors, vector => Assert.InRange(vector.Sum(z => z * z), 0.999, 1.001));
    }

    [Fact]
    public async Task Models_are_listed_and_shown()
    {
        Assert.Contains(await Client.ListLocalModelsAsync(), model => model.Name == LiveServer.Model);
        var shown = await Client.ShowModelAsync(LiveServer.Model);
        Assert.Equal("qwen3", shown.Details.Family);
        Assert.Contains(await Client.ListRunningModelsAsync(), model => model.Name == LiveServer.Model);
        Assert.NotNull(await Client.GetVersionAsync());
    }

    [Fact]
    public async Task A_model_that_is_not_there_is_told()
    {
        using var http = new HttpClient { BaseAddress = server.Server.Address };
        IChatClient client = new OllamaApiClient(http, "nobody");
        var fault = await Assert.ThrowsAnyAsync<Exception>(() => client.GetResponseAsync("Hi"));
        Assert.Contains("not found", fault.Message, StringComparison.OrdinalIgnoreCase);
    }
}
