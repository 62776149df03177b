using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Embeddings;
using Wisp.Serve;

namespace Wisp.Tests.Serve;

/// <summary>OpenAI's own client for .NET against the server.</summary>
public sealed class OpenAiClientTests : IAsyncLifetime
{
    private static readonly ChatTool s_weather = ChatTool.CreateFunctionTool("weather", "The weather of a city",
        BinaryData.FromString("""
            {"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}, "days": {"type": "integer"}},
             "required": ["city", "days"], "additionalProperties": false}
            """));

    private LiveServer? _server;

    public async ValueTask InitializeAsync() =>
        _server = await LiveServer.Open(new ServeOptions(), new ListenOptions { ApiKeys = ["the-key"] });

    public ValueTask DisposeAsync() => _server!.DisposeAsync();

    private OpenAIClient Client(string key = "the-key") => new(new ApiKeyCredential(key), new OpenAIClientOptions
    {
        Endpoint = new Uri(_server!.Server.Address, "/v1"), RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
    });

    private ChatClient Chat => Client().GetChatClient(LiveServer.Model);

    [Fact]
    public async Task A_chat_is_answered_whole_and_in_a_stream()
    {
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 20, IncludeLogProbabilities = true };
#pragma warning disable OPENAI001 // a seed is marked as experimental
        options.Seed = 5;
#pragma warning restore OPENAI001
        List<ChatMessage> messages = [new SystemChatMessage("Be kind."), new UserChatMessage("Tell me a story.")];
        var whole = (await Chat.CompleteChatAsync(messages, options)).Value;
        var text = "";
        ChatFinishReason? end = null;
        ChatTokenUsage? usage = null;
        await foreach (var update in Chat.CompleteChatStreamingAsync(messages, options))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
            (end, usage) = (update.FinishReason ?? end, update.Usage ?? usage);
        }

        Assert.Equal(whole.Content[0].Text, text);
        Assert.Equal(whole.FinishReason, end);
        Assert.Equal(whole.Usage.OutputTokenCount, usage!.OutputTokenCount);
        Assert.Equal(LiveServer.Model, whole.Model);
        Assert.InRange(whole.ContentTokenLogProbabilities.Count, 1, 20);
        Assert.True(usage.InputTokenDetails.CachedTokenCount > 0);
    }

    [Fact]
    public async Task Functions_are_called_whole_and_with_their_arguments_in_pieces()
    {
        var options = new ChatCompletionOptions
        {
            MaxOutputTokenCount = 120, Tools = { s_weather }, ToolChoice = ChatToolChoice.CreateRequiredChoice(),
        };
#pragma warning disable OPENAI001
        options.Seed = 2;
#pragma warning restore OPENAI001
        List<ChatMessage> messages = [new UserChatMessage("Will it rain?")];
        var whole = (await Chat.CompleteChatAsync(messages, options)).Value;
        var call = Assert.Single(whole.ToolCalls);
        Assert.Equal((ChatFinishReason.ToolCalls, "weather"), (whole.FinishReason, call.FunctionName));
        var arguments = JsonElement.Parse(call.FunctionArguments.ToString());
        Assert.Equal(JsonValueKind.String, arguments.GetProperty("city").ValueKind);

        var (name, pieces) = ("", new List<string>());
        await foreach (var update in Chat.CompleteChatStreamingAsync(messages, options))
            foreach (var piece in update.ToolCallUpdates)
            {
                Assert.Equal(0, piece.Index);
                name += piece.FunctionName;
                pieces.Add(piece.FunctionArgumentsUpdate?.ToString() ?? "");
            }

        Assert.Equal("weather", name);
        Assert.Equal(call.FunctionArguments.ToString(), string.Concat(pieces));
        Assert.True(pieces.Count(piece => piece.Length > 0) > 2, "the arguments came at once");

        messages.AddRange([new AssistantChatMessage(whole), new ToolChatMessage(call.Id, "rain")]);
        var answer = await Chat.CompleteChatAsync(messages, new ChatCompletionOptions { MaxOutputTokenCount = 5 });
        Assert.NotNull(answer.Value.Content);
    }

    [Fact]
    public async Task An_answer_keeps_to_a_schema()
    {
        var answer = (await Chat.CompleteChatAsync([new UserChatMessage("Is water wet?")], new ChatCompletionOptions
        {
            MaxOutputTokenCount = 60,
            ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat("answer", BinaryData.FromString("""
                {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"],
                 "additionalProperties": false}
                """), jsonSchemaIsStrict: true),
        })).Value;
        var json = JsonElement.Parse(answer.Content[0].Text);
        Assert.True(json.GetProperty("yes").ValueKind is JsonValueKind.True or JsonValueKind.False);
        Assert.Single(json.EnumerateObject());
    }

    [Fact]
    public async Task Texts_become_vectors()
    {
        var client = Client().GetEmbeddingClient(LiveServer.Model);
        OpenAIEmbeddingCollection vectors = (await client.GenerateEmbeddingsAsync(["a cat", "a dog", "a cat"])).Value;
        Assert.Equal(3, vectors.Count);
        Assert.Equal(vectors[0].ToFloats().ToArray(), vectors[2].ToFloats().ToArray());
        Assert.NotEqual(vectors[0].ToFloats().ToArray(), vectors[1].ToFloats().ToArray());
        Assert.True(vectors.Usage.InputTokenCount > 3);
    }

    [Fact]
    public async Task Faults_are_the_exceptions_that_its_users_know()
    {
        var unknown = await Assert.ThrowsAsync<ClientResultException>(
            () => Client().GetChatClient("gpt-7").CompleteChatAsync("Hi"));
        Assert.Equal(404, unknown.Status);
        Assert.Contains("model_not_found", unknown.Message);
        var stranger = await Assert.ThrowsAsync<ClientResultException>(
            () => Client("wrong").GetChatClient(LiveServer.Model).CompleteChatAsync("Hi"));
        Assert.Equal(401, stranger.Status);
        var tooLong = await Assert.ThrowsAsync<ClientResultException>(
            () => Chat.CompleteChatAsync(new string('7', 20_000)));
        Assert.Equal(400, tooLong.Status);
        Assert.Contains("context_length_exceeded", tooLong.Message);
    }

    [Fact]
    public async Task Models_are_listed()
    {
        var models = (await Client().GetOpenAIModelClient().GetModelsAsync()).Value;
        Assert.Contains(models, model => model.Id == LiveServer.Model);
    }
}
