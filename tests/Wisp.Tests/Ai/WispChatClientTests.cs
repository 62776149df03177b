using System.Text.Json;
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Chat;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Model;

namespace Wisp.Tests.Ai;

public class WispChatClientTests
{
    [Fact]
    public async Task Requests_at_the_same_time_get_the_answers_they_would_get_alone()
    {
        await using var chat = new TinyChat();
        var together = await Task.WhenAll(Enumerable.Range(0, 24).Select(i => Task.Run(
            () => chat.Ask($"Question {i % 5}", new() { Seed = i, MaxOutputTokens = 5 + i }))));
        for (var i = 0; i < together.Length; i++)
        {
            var alone = await chat.Ask($"Question {i % 5}", new() { Seed = i, MaxOutputTokens = 5 + i });
            Assert.Equal(alone.Text, together[i].Text);
            Assert.NotEqual(alone.ResponseId, together[i].ResponseId);
        }

        Assert.True(together.Select(answer => answer.Text).Distinct().Count() > 12);
        await chat.AssertServesAndHoldsNothing();
    }

    [Fact]
    public async Task Updates_add_up_to_the_response()
    {
        var now = new DateTimeOffset(2026, 3, 14, 15, 9, 26, TimeSpan.Zero);
        await using var chat = new TinyChat(options: new ChatClientOptions { ModelId = "tiny", Time = new Clock(now) });
        var options = new ChatOptions { Seed = 8, MaxOutputTokens = 60, ModelId = "tiny" };
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in chat.Client.GetStreamingResponseAsync("Hi", options))
            updates.Add(update);
        var response = await chat.Ask("Hi", options);

        Assert.True(updates.Count > 10);
        Assert.Equal(response.Text, string.Concat(updates));
        var (id, message) = (updates[0].ResponseId, updates[0].MessageId);
        Assert.All(updates, update => Assert.Equal((ChatRole.Assistant, "tiny", now, id, message),
            (update.Role, update.ModelId, update.CreatedAt, update.ResponseId, update.MessageId)));
        Assert.All(updates[..^1], update => Assert.Null(update.FinishReason));
        Assert.Equal(ChatFinishReason.Length, updates[^1].FinishReason);
        Assert.Equal((ChatFinishReason.Length, "tiny", now),
            (response.FinishReason, response.ModelId, response.CreatedAt));
        Assert.Single(response.Messages);
    }

    [Fact]
    public async Task Usage_counts_tokens_and_those_that_were_in_the_cache()
    {
        await using var chat = new TinyChat();
        var text = new string('x', 100);
        var first = (await chat.Ask(text, new() { Seed = 1, MaxOutputTokens = 9 })).Usage!;
        var again = (await chat.Ask(text, new() { Seed = 2, MaxOutputTokens = 9 })).Usage!;
        // Of the frame are tokens of one byte: user\n, \n and assistant\n. Then three control tokens of ChatML and the
        // one that begins a text.
        Assert.Equal(100 + 5 + 1 + 10 + 3 + 1, first.InputTokenCount);
        Assert.Equal((9, 0, 0), (first.OutputTokenCount, first.CachedInputTokenCount, first.ReasoningTokenCount));
        Assert.Equal(first.InputTokenCount + 9, first.TotalTokenCount);
        // Whole blocks of 16, all but the one with the last token: its logits are wanted.
        Assert.Equal(119 / 16 * 16, again.CachedInputTokenCount);
    }

    [Fact]
    public async Task A_cancelled_answer_throws_and_the_engine_serves_on()
    {
        await using var chat = new TinyChat();
        using var cancel = new CancellationTokenSource();
        var read = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in chat.Client.GetStreamingResponseAsync(
                "Hi", new() { MaxOutputTokens = 1900, Temperature = 2 }, cancel.Token))
                if (++read == 3)
                    await cancel.CancelAsync();
        });
        Assert.Equal(3, read);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => chat.Client.GetResponseAsync("Hi", cancellationToken: cancel.Token));

        // Leaving the loop is cancelling too; not entering it starts nothing.
        await foreach (var _ in chat.Client.GetStreamingResponseAsync("Hi", new() { MaxOutputTokens = 1900 }))
            break;
        _ = chat.Client.GetStreamingResponseAsync("Hi");
        await chat.AssertServesAndHoldsNothing();
    }

    [Fact]
    public async Task An_answer_whose_engine_is_stopped_says_so()
    {
        await using var chat = new TinyChat();
        var fault = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            var options = new ChatOptions { MaxOutputTokens = 1900, Seed = 1 };
            await foreach (var _ in chat.Client.GetStreamingResponseAsync("Hi", options))
                await chat.Engine.DisposeAsync();
        });
        Assert.Contains("engine was stopped", fault.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => chat.Ask("Hi"));
    }

    [Fact]
    public async Task A_response_can_be_read_again()
    {
        await using var chat = new TinyChat();
        var options = new ChatOptions { AdditionalProperties = new() { ["grammar"] = "root ::= [a-z]{7}" }, Seed = 3 };
        var response = chat.Client.GetStreamingResponseAsync("Hi", options);
        var first = await response.ToChatResponseAsync();
        Assert.Matches("^[a-z]{7}$", first.Text);
        Assert.Equal(first.Text, (await response.ToChatResponseAsync()).Text);
    }

    [Fact]
    public async Task A_stop_sequence_ends_the_answer_before_it()
    {
        await using var chat = new TinyChat();
        var whole = (await chat.Ask("Hi", new() { Seed = 4 })).Text;
        var stop = whole.Substring(12, 3);
        var cut = await chat.Ask("Hi", new() { Seed = 4, StopSequences = [stop, "never to be seen"] });
        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], cut.Text);
        Assert.Equal(ChatFinishReason.Stop, cut.FinishReason);
        Assert.InRange(cut.Usage!.OutputTokenCount!.Value, 12, 39);
        await chat.AssertServesAndHoldsNothing();
    }

    [Fact]
    public async Task Log_probabilities_come_with_every_token()
    {
        await using var chat = new TinyChat();
        var options = new ChatOptions { Seed = 4, AdditionalProperties = new() { ["top_logprobs"] = 2 } };
        var response = await chat.Ask("Hi", options);
        var tokens = (IReadOnlyList<EngineToken>)response.AdditionalProperties![WispChatClient.LogProbabilities]!;
        Assert.Equal(response.Usage!.OutputTokenCount, tokens.Count);
        Assert.All(tokens, token => Assert.Equal(2, token.Best.Count));
        Assert.All(tokens, token => Assert.True(token.Chosen!.Value.LogProbability <= token.Best[0].LogProbability));
    }

    [Fact]
    public async Task Options_are_left_as_they_were()
    {
        await using var chat = new TinyChat();
        var options = new ChatOptions
        {
            Instructions = "x", Seed = 3, Tools = [AIFunctionFactory.Create(() => 1, "f")], StopSequences = ["q"],
            Reasoning = new() { Effort = ReasoningEffort.None }, AdditionalProperties = new() { ["min_p"] = 0.5 },
        };
        string Written() => JsonSerializer.Serialize(options, AIJsonUtilities.DefaultOptions);
        var before = Written();
        await chat.Ask("Hi", options);
        Assert.Equal(before, Written());
        Assert.Single(options.Tools);
    }

    [Fact]
    public async Task A_prompt_longer_than_the_context_is_refused_with_both_numbers()
    {
        await using var chat = new TinyChat(context: 64);
        var fault = await Assert.ThrowsAsync<PromptTooLongException>(() => chat.Ask(new string('x', 100)));
        Assert.Contains("120 tokens", fault.Message, StringComparison.Ordinal);
        Assert.Contains("holds 64", fault.Message, StringComparison.Ordinal);
        // A number of tokens that does not fit is the most that fits.
        var cut = await chat.Ask("abc", new() { MaxOutputTokens = 1000, Seed = 1, Temperature = 2 });
        Assert.Equal(64, cut.Usage!.TotalTokenCount);
        await chat.AssertServesAndHoldsNothing();
    }

    [Fact]
    public async Task A_template_that_refuses_the_messages_is_quoted()
    {
        await using var chat = new TinyChat("{{ raise_exception('roles must alternate') }}");
        var fault = await Assert.ThrowsAsync<ArgumentException>(() => chat.Ask("Hi"));
        Assert.Contains("roles must alternate", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Services_are_what_the_client_stands_on()
    {
        await using var chat = new TinyChat();
        IChatClient client = chat.Client;
        Assert.Equal(("wisp", "wisp"), (client.GetService<ChatClientMetadata>()!.ProviderName,
            client.GetService<ChatClientMetadata>()!.DefaultModelId));
        Assert.Same(chat.Engine, client.GetService<Engine>());
        Assert.Same(client, client.GetService<IChatClient>());
        Assert.NotNull(client.GetService<Tokenizer>());
        Assert.Null(client.GetService(typeof(Engine), "key"));
        Assert.Null(client.GetService<HttpClient>());
    }

    [Fact]
    public async Task A_file_is_opened_with_its_name_and_with_a_template()
    {
        var path = Path.GetTempFileName();
        try
        {
            using (var weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3, context: 256)))
                ModelFile.Writer(weights, TinyModel.Tokenizer(), DType.F32, "tiny").Write(path);
            var fault = Assert.Throws<InvalidDataException>(() => WispChatClient.Open(path));
            Assert.Contains("ChatClientOptions.Template, such as ChatMl", fault.Message, StringComparison.Ordinal);
            Assert.Throws<TemplateException>(() => WispChatClient.Open(path, new() { Template = "{% if" }));

            await using var client = WispChatClient.Open(path, new() { Template = ChatMl.Template });
            var answer = await client.GetResponseAsync("Hi", new() { MaxOutputTokens = 5, ModelId = "tiny", Seed = 2 });
            Assert.Equal("tiny", answer.ModelId);
            var engine = client.GetService(typeof(Engine)) as Engine;
            await client.DisposeAsync();
            Assert.ThrowsAny<ObjectDisposedException>(() => engine!.Start(new EngineRequest
            {
                Prompt = [1], MaxTokens = 1, End = new HashSet<int>(),
            }));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private sealed class Clock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
