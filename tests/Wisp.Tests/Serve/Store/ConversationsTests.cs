using Wisp.Serve.Store;
using Wisp.Serve.Talk;

namespace Wisp.Tests.Serve.Store;

public sealed class ConversationsTests : IDisposable
{
    private readonly WispDatabase _database = WispDatabase.InMemory();
    private readonly Clock _clock = new();
    private readonly Conversations _kept;

    public ConversationsTests() => _kept = new Conversations(_database, _clock);

    public void Dispose() => _database.Dispose();

    [Fact]
    public void A_message_comes_back_as_it_was()
    {
        var conversation = _kept.Create(new ChatSettings { Temperature = 0.5f, System = "Be brief.", Tools = false });
        var question = Say(conversation, null, "Hello \0 \ud83d\ude00 \"quoted\" <b>");
        var answer = _kept.Add(new Message
        {
            Conversation = conversation.Id, Parent = question.Id, Role = MessageRole.Assistant, Model = "m",
            State = MessageState.Writing,
            Parts =
            [
                new MessagePart { Kind = PartKind.Thought, Text = "hm" },
                new MessagePart { Kind = PartKind.Call, Name = "calculator", Arguments = "{\"x\":1}", Text = "2" },
                Message.Said("Good day."),
            ],
        });
        _kept.Update(answer with
        {
            State = MessageState.Failed,
            Fault = "why",
            Cost = new AnswerCost(10, 3, 0.5),
        });

        Assert.Equivalent(answer with { State = MessageState.Failed, Fault = "why", Cost = new AnswerCost(10, 3, 0.5) },
            _kept.Message(answer.Id), strict: true);
        Assert.Equal("Good day.", answer.Text);
        Assert.Equal(4, _kept.Message(answer.Id)!.Cost!.Speed);
        var found = Assert.Single(_kept.List());
        Assert.Equal((answer.Id, 0.5f, "Be brief.", false),
            (found.Leaf, found.Settings.Temperature, found.Settings.System, found.Settings.Tools));
    }

    [Fact]
    public void Branches_are_paths_from_a_leaf_to_the_root()
    {
        var conversation = _kept.Create(new ChatSettings());
        var a = Say(conversation, null, "a");
        var b = Say(conversation, a.Id, "b");
        var c = Say(conversation, b.Id, "c");
        var other = Say(conversation, a.Id, "other");
        Assert.Equal(["a", "other"], Texts(_kept.Branch(other.Id)));
        Assert.Equal(["a", "b", "c"], Texts(_kept.Branch(c.Id)));
        Assert.Equal(other.Id, _kept.Find(conversation.Id)!.Leaf);
        _kept.Show(conversation.Id, c.Id);
        Assert.Equal(c.Id, _kept.Find(conversation.Id)!.Leaf);
        Assert.Equal(["a", "b", "c", "other"], Texts(_kept.Messages(conversation.Id)));
        Assert.Empty(_kept.Branch(null));
    }

    [Fact]
    public void A_message_goes_nowhere_but_into_its_own_conversation()
    {
        var (one, two) = (_kept.Create(new ChatSettings()), _kept.Create(new ChatSettings()));
        var first = Say(one, null, "a");
        Assert.Throws<ArgumentException>(() => Say(two, first.Id, "b"));
        Assert.Throws<ArgumentException>(() => Say(two with { Id = 99 }, null, "b"));
        _kept.Delete(one.Id);
        Assert.Throws<ArgumentException>(() => Say(one, first.Id, "c"));
        Assert.Empty(_kept.Messages(two.Id));
        Assert.Equal("", _kept.Find(two.Id)!.Title);
    }

    [Fact]
    public void The_first_message_is_the_title_until_a_person_gives_another()
    {
        var conversation = _kept.Create(new ChatSettings());
        var first = Say(conversation, null, "  What is\nthis? ");
        Assert.Equal("What is this?", _kept.Find(conversation.Id)!.Title);
        Assert.True(_kept.Rename(conversation.Id, "Mine"));
        Say(conversation, first.Id, "Next");
        Assert.Equal("Mine", _kept.Find(conversation.Id)!.Title);
        Assert.False(_kept.Rename(77, "None"));

        var words = string.Join(' ', Enumerable.Repeat("word", 40));
        Assert.Equal(string.Join(' ', Enumerable.Repeat("word", 12)) + "…", Conversations.TitleOf(words));
        Assert.Equal(new string('x', 59) + "…", Conversations.TitleOf(new string('x', 100)));
        Assert.Equal(new string('x', 58) + "…", Conversations.TitleOf(new string('x', 58) + "\ud83d\ude00 and more"));
    }

    [Fact]
    public void Search_looks_into_titles_and_messages_and_takes_signs_as_they_are()
    {
        var (one, two) = (_kept.Create(new ChatSettings()), _kept.Create(new ChatSettings()));
        Say(one, null, "About foxes");
        Say(two, null, "Prices rose 100% in a_b");
        Assert.Equal([one.Id], Found("FOX"));
        Assert.Equal([two.Id], Found("100%"));
        Assert.Equal([two.Id], Found("a_b"));
        Assert.Empty(Found("a%b"));
        Assert.Empty(Found("axb"));
        Assert.Equal([two.Id, one.Id], Found(""));

        long[] Found(string text) => [.. _kept.List(text).Select(c => c.Id)];
    }

    [Fact]
    public void What_was_deleted_can_be_brought_back_for_an_hour()
    {
        var conversation = _kept.Create(new ChatSettings());
        var message = Say(conversation, null, "a");
        Assert.True(_kept.Delete(conversation.Id));
        Assert.False(_kept.Delete(conversation.Id));
        Assert.Empty(_kept.List());
        Assert.Null(_kept.Find(conversation.Id));
        Assert.Null(_kept.Message(message.Id));
        _clock.Now += TimeSpan.FromMinutes(59);
        _kept.Purge();
        Assert.True(_kept.Restore(conversation.Id));
        Assert.Equal("a", Assert.Single(_kept.Messages(conversation.Id)).Text);
        _kept.Delete(conversation.Id);
        _clock.Now += TimeSpan.FromMinutes(61);
        _kept.Purge();
        Assert.False(_kept.Restore(conversation.Id));
        Assert.Empty(_kept.Messages(conversation.Id));
    }

    [Fact]
    public void Scores_and_defaults_come_back()
    {
        var message = Say(_kept.Create(new ChatSettings()), null, "a");
        Assert.Null(_kept.Scores(message.Id));
        ScoredToken[] tokens = [new("a", 0.25f, [new TokenShare("b", 0.5f), new TokenShare("a", 0.25f)])];
        _kept.KeepScores(message.Id, tokens);
        Assert.Equivalent(tokens, _kept.Scores(message.Id), strict: true);
        Assert.Equal(new ChatSettings(), _kept.Defaults);
        _kept.Defaults = new ChatSettings { TopK = 7 };
        Assert.Equal(7, _kept.Defaults.TopK);
    }

    [Fact]
    public void Two_writers_wait_for_each_other()
    {
        var conversation = _kept.Create(new ChatSettings());
        Parallel.For(0, 40, i => Say(conversation, null, $"{i}"));
        Assert.Equal(40, _kept.Messages(conversation.Id).Select(message => message.Text).Distinct().Count());
    }

    private Message Say(Conversation conversation, long? parent, string text) => _kept.Add(new Message
    {
        Conversation = conversation.Id, Parent = parent, Role = MessageRole.User, Parts = [Message.Said(text)],
    });

    private static string[] Texts(IEnumerable<Message> messages) => [.. messages.Select(message => message.Text)];

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
