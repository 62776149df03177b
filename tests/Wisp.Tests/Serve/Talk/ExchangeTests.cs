using Microsoft.Extensions.AI;
using Wisp.Agents;
using Wisp.Ai;
using Wisp.Run;
using Wisp.Serve.Store;
using Wisp.Serve.Talk;

namespace Wisp.Tests.Serve.Talk;

/// <summary>Answers by the small chat model of the project, and how they are kept.</summary>
public sealed class ExchangeTests : IAsyncDisposable
{
    private static readonly ChatSettings s_sure = new() { Temperature = 0 };

    private readonly WispDatabase _database = WispDatabase.InMemory();
    private readonly Conversations _kept;
    private readonly Lazy<WispChatClient> _client = new(() => WispChatClient.Open(LiveServer.ModelPath));
    private readonly Lazy<LocalKernel> _kernel;

    public ExchangeTests()
    {
        _kept = new Conversations(_database, TimeProvider.System);
        _kernel = new Lazy<LocalKernel>(() => LocalKernel.InMemory(ScriptedChat.Parts(_client.Value), null));
    }

    public async ValueTask DisposeAsync()
    {
        if (_kernel.IsValueCreated)
            await _kernel.Value.DisposeAsync();
        if (_client.IsValueCreated)
            _client.Value.Dispose();
        _database.Dispose();
    }

    [Fact]
    public async Task A_sum_is_worked_out_and_its_result_said()
    {
        var question = Ask("What is 12 * 34?");
        var steps = await Steps(question, s_sure);

        var answer = _kept.Message(steps[^1].Answer.Id)!;
        Assert.Equal((MessageState.Whole, question.Id, "wisp-chat"), (answer.State, answer.Parent, answer.Model));
        var call = Assert.Single(answer.Parts, part => part.Kind == PartKind.Call);
        Assert.Equal(("calculator", """{"expression":"12 * 34"}""", "408"), (call.Name, call.Arguments, call.Text));
        Assert.Contains("408", answer.Text);
        Assert.Contains(steps, step => step.News is { Kind: PartKind.Call, Text: null });
        Assert.True(steps[^1].IsSaved);
        Assert.True(answer.Cost is { PromptTokens: > 0, Tokens: > 0 });

        // Each token that was written has its share, and none is more likely than the best.
        var scores = _kept.Scores(answer.Id)!;
        Assert.Equal(answer.Cost.Tokens, scores.Count);
        Assert.EndsWith(answer.Text, string.Concat(scores.Select(token => token.Text)));
        Assert.All(scores, token => Assert.InRange(token.Share, 0, token.Best[0].Share + 1e-6f));
        Assert.All(scores, token => Assert.InRange(token.Best.Sum(other => other.Share), 0.1, 1.0001));
    }

    [Fact]
    public async Task What_follows_a_call_reads_the_call_as_the_model_wrote_it()
    {
        var first = (await Steps(Ask("What is 12 * 34?"), s_sure))[^1].Answer;
        var messages = Transcript.ToMessages(_kept.Branch(first.Id));
        Assert.Equal([ChatRole.User, ChatRole.Assistant, ChatRole.Tool, ChatRole.Assistant],
            messages.Select(message => message.Role));
        var call = Assert.IsType<FunctionCallContent>(Assert.Single(messages[1].Contents));
        Assert.Equal(call.CallId, Assert.IsType<FunctionResultContent>(Assert.Single(messages[2].Contents)).CallId);
        Assert.Equal(9, call.CallId.Length);
        var second = (await Steps(Ask("And 2 + 3?", first), s_sure))[^1].Answer;
        Assert.Equal(MessageState.Whole, second.State);
    }

    [Fact]
    public async Task Without_tools_nothing_is_called() => Assert.DoesNotContain(
        (await Steps(Ask("What is 12 * 34?"), s_sure with { Tools = false }))[^1].Answer.Parts,
        part => part.Kind == PartKind.Call);

    [Fact]
    public async Task A_stop_keeps_what_was_written()
    {
        using var stop = new CancellationTokenSource();
        ExchangeStep? last = null;
        await foreach (var step in Exchange().Answer(_client.Value, Ask("Tell me a story about a fox."), s_sure, null,
            stop.Token))
        {
            last = step;
            if (step.Answer.Text.Length > 20)
                await stop.CancelAsync();
        }

        var kept = _kept.Message(last!.Answer.Id)!;
        Assert.Equal(MessageState.Stopped, kept.State);
        Assert.Equal(last.Answer.Text, kept.Text);
        Assert.True(kept.Text.Length > 20);
    }

    [Fact]
    public async Task Whoever_stops_reading_leaves_the_answer_kept_too()
    {
        long id = 0;
        await foreach (var step in Exchange().Answer(_client.Value, Ask("Tell me a story about a fox."), s_sure, null,
            CancellationToken.None))
        {
            id = step.Answer.Id;
            if (step.Answer.Text.Length > 20)
                break;
        }

        var kept = _kept.Message(id)!;
        Assert.Equal(MessageState.Stopped, kept.State);
        Assert.True(kept.Text.Length > 20);
    }

    [Fact]
    public async Task An_answer_at_its_most_tokens_says_so() => Assert.Equal(MessageState.Length,
        (await Steps(Ask("Tell me a story about a fox."), s_sure with { MaxTokens = 5 }))[^1].Answer.State);

    [Fact]
    public async Task When_the_context_is_full_the_oldest_exchanges_are_left_out()
    {
        Message? leaf = null;
        for (var i = 0; i < 12; i++)
        {
            leaf = Ask(string.Concat(Enumerable.Repeat("The fox sleeps. ", 6)), leaf);
            leaf = _kept.Add(new Message
            {
                Conversation = leaf.Conversation, Parent = leaf.Id, Role = MessageRole.Assistant,
                Parts = [Message.Said("It does.")],
            });
        }

        var exchange = Exchange();
        var answer = (await Steps(Ask("Hello!", leaf), s_sure, exchange))[^1].Answer;
        Assert.Equal(MessageState.Whole, answer.State);
        Assert.InRange(exchange.LeftOut, 2, 22);
        Assert.Equal(0, exchange.LeftOut % 2);
        Assert.True(answer.Cost!.PromptTokens + (_client.Value.Context / 4) <= _client.Value.Context);
    }

    [Fact]
    public async Task A_message_that_does_not_fit_alone_is_refused_and_leaves_no_answer()
    {
        var question = Ask(string.Concat(Enumerable.Repeat("The fox sleeps. ", 500)));
        var fault = await Assert.ThrowsAsync<PromptTooLongException>(() => Steps(question, s_sure));
        Assert.Matches(@"come to [\d,]+ tokens; the context of wisp-chat holds 512", fault.Message);
        Assert.Single(_kept.Messages(question.Conversation));
    }

    [Fact]
    public async Task A_setting_out_of_range_is_refused_and_leaves_no_answer()
    {
        var question = Ask("Hello!");
        await Assert.ThrowsAnyAsync<ArgumentException>(() => Steps(question, new ChatSettings { TopP = 7 }));
        Assert.Single(_kept.Messages(question.Conversation));
    }

    private Exchange Exchange() => new(_kept, TimeProvider.System, _kernel.Value, Toolbox.Calculator);

    private Message Ask(string text, Message? after = null) => _kept.Add(new Message
    {
        Conversation = after?.Conversation ?? _kept.Create(new ChatSettings()).Id, Parent = after?.Id,
        Role = MessageRole.User, Parts = [Message.Said(text)],
    });

    private async Task<List<ExchangeStep>> Steps(Message question, ChatSettings settings, Exchange? exchange = null)
    {
        var steps = new List<ExchangeStep>();
        await foreach (var step in (exchange ?? Exchange()).Answer(_client.Value, question, settings, null,
            CancellationToken.None))
            steps.Add(step);
        return steps;
    }
}
