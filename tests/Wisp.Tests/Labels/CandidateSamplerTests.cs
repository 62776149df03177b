using Wisp.Labels;
using Wisp.Run;
using Wisp.Tests.Train.Align.Labels;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Labels;

namespace Wisp.Tests.Labels;

public sealed class CandidateSamplerTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static Conversation Prompt(string text) => new([new ConversationTurn(Role.User, text)]);

    private static LabelModel Model(float temperature = 0.8f) => new(
        Wisp.Cli.Models.Find("wisp-chat"), "chat",
        new LabelSampling(new Sampling { Temperature = temperature }, Tokens: 48, Threads: 1), (_, _, _) => { },
        default);

    private static async Task<List<Comparison>> Compare(
        IReadOnlyList<LabelModel> models, int count, List<string> passed, ulong seed = 1, params string[] prompts)
    {
        var all = new List<Comparison>();
        var sampler = new CandidateSampler(models, count, seed, (_, reason) => passed.Add(reason));
        await foreach (var comparison in sampler.Compare(
            [.. prompts.Select(Prompt)], new Dictionary<string, Comparison>()))
            all.Add(comparison);
        return all;
    }

    [Fact, Trait("cost", "medium")]
    public async Task Candidates_differ_and_their_seeds_make_them_again()
    {
        await using var model = Model();
        List<string> passed = [];
        string[] prompts = ["Tell me a story about a dog.", "Tell me a story about a cat."];
        var one = await Compare([model], 4, passed, 1, prompts);
        Assert.Equal(2, one.Count);
        Assert.All(one, comparison => Assert.Equal(4, comparison.Candidates.Count));
        foreach (var candidate in one[0].Candidates)
        {
            Assert.Equal(candidate, await model.AnswerAsync(one[0].Prompt, candidate.Seed!.Value, default),
                (a, b) => a!.Turn.Text == b!.Turn.Text && a.WasCut == b.WasCut);
            Assert.Equal(("chat", 64), (candidate.Model, candidate.ModelHash!.Length));
        }

        // Another start gives the same, another seed something else.
        Assert.Equal(one.Select(comparison => comparison.Key),
            (await Compare([model], 4, passed, 1, prompts)).Select(comparison => comparison.Key));
        Assert.NotEqual(one[0].Key, (await Compare([model], 4, passed, 2, prompts))[0].Key);
        Assert.Empty(passed);

        // A prompt that leaves no room is left out, and the others stay.
        one = await Compare([model], 2, passed, 1, string.Join(' ', Enumerable.Repeat("word", 3000)), prompts[0]);
        Assert.Single(one);
        Assert.Contains("tokens; the context", Assert.Single(passed));
    }

    [Fact, Trait("cost", "medium")]
    public async Task A_model_that_always_says_the_same_is_told()
    {
        await using var model = Model(temperature: 0);
        List<string> passed = [];
        Assert.Empty(await Compare([model], 2, passed, 1, "Hello!"));
        Assert.Equal("every answer is the same", Assert.Single(passed));
        passed.Clear();
        Assert.Empty(await Compare([model, model], 2, passed, 1, "Hello!"));
        Assert.Equal("both give the same answer", Assert.Single(passed));
    }

    [Fact, Trait("cost", "medium")]
    public async Task Functions_are_offered_and_their_calls_are_candidates()
    {
        await using var model = Model(temperature: 0);
        var lesson = Wisp.Train.Align.Lessons.LessonBook.Read(400, 7)
            .First(conversation => conversation.Turns.Any(turn => turn.Calls.Count > 0));
        var before = lesson.Turns.TakeWhile(turn => turn.Role != Role.Assistant).Count();
        var called = await model.AnswerAsync(lesson.Take(before), 1, default);
        Assert.Equal("calculator", Assert.Single(called.Turn.Calls).Name);
        Assert.True(System.Text.Json.Nodes.JsonNode.DeepEquals(
            lesson.Turns[before].Calls[0].Arguments, called.Turn.Calls[0].Arguments));

        // And with the result it goes on.
        var answer = await model.AnswerAsync(lesson.Take(before + 2), 1, default);
        Assert.NotEqual("", answer.Turn.Text);
    }

    [Fact, Trait("cost", "medium")]
    public async Task What_is_done_with_one_model_is_not_done_with_two_and_others_get_the_same_candidates()
    {
        await using var one = Model();
        Conversation[] prompts = [Prompt("Tell me a story."), Prompt("Tell me another story.")];
        var reading = new LabelReading();
        var first = LabelWork.Of(prompts, new HashSet<string>(), reading, 1, 2, [one]);
        await foreach (var comparison in first.Comparisons(default))
        {
            reading.Add(Judged.Record(comparison, "Ann", "0>1"));
            break;
        }

        // Ann has one left; Ben has both, and of the first what Ann got, though his seed is another one.
        Assert.Single(await All(LabelWork.Of(prompts, LabelDesk.DoneBy("Ann", reading), reading, 1, 2, [one])));
        var bens = await All(LabelWork.Of(prompts, LabelDesk.DoneBy("Ben", reading), reading, 9, 2, [one]));
        Assert.Equal(reading.All[0].Comparison!.Key, bens[0].Key);
        Assert.Equal(2, bens.Count);

        // Against another model it is another question.
        Assert.Contains(Comparison.SourceKeyOf(prompts[0], [one.Hash]), LabelDesk.DoneBy("Ann", reading));
        Assert.DoesNotContain(
            Comparison.SourceKeyOf(prompts[0], [one.Hash, "another"]), LabelDesk.DoneBy("Ann", reading));

        static async Task<List<Comparison>> All(LabelWork work)
        {
            var all = new List<Comparison>();
            await foreach (var comparison in work.Comparisons(default))
                all.Add(comparison);
            return all;
        }
    }
}
