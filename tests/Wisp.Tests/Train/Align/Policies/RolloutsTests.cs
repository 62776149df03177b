using Wisp.Compute;
using Wisp.Model;
using Wisp.Tests.Model;
using Wisp.Train.Align;
using Wisp.Train.Align.Policies;

namespace Wisp.Tests.Train.Align.Policies;

public sealed class RolloutsTests : IDisposable
{
    private const int T = 64;

    private readonly WorkerPool _pool = new(2);
    private readonly Tokenizer _tokenizer = TinyModel.Tokenizer();

    public void Dispose() => _pool.Dispose();

    private static ModelConfig Config => TinyModel.Config(Architecture.Named("qwen3", "test"), tied: true);

    private HashSet<int> End => [_tokenizer.IdOf("<|im_end|>")];

    // Of several lengths, some sharing a beginning that is longer than a block of the cache.
    private static int[][] Prompts =>
    [
        .. Enumerable.Range(0, 5).Select(i => TinyModel.Tokens(3 + (9 * i), 256, seed: i)),
        [.. TinyModel.Tokens(30, 256, seed: 9), 1], [.. TinyModel.Tokens(30, 256, seed: 9), 2, 3],
    ];

    private static RolloutOrder Order(int group = 3) => new(group, 20, RolloutOrder.Policy, Seed: 5);

    [Fact]
    public void Log_probabilities_are_the_trainers_before_and_after_an_update()
    {
        using var weights = TinyModel.Weights(Config);
        using var transformer = new Transformer(weights.Map, _pool, ExamplePage.RowsOf(T) * T, train: false);
        var rollouts = new Rollouts(weights, _tokenizer, _pool);
        for (var update = 0; update < 2; update++)
        {
            var answers = rollouts.Sample(Prompts, Order(), End);
            var batch = new AnswerBatch(answers, 20, ExamplePage.Of(T));
            batch.Score(transformer, weights, batch.Old);
            Assert.True(batch.Count > 100);
            Assert.Equal(answers.Sum(answer => answer.Logs.Length), batch.Count);

            // Two orders of the same float32 sums, as in PairTests: logits to 2e-5 of their size, which is below 20.
            Check.Close(batch.Old, batch.Engine, 2e-5);

            // What training changes, the next rollouts see.
            foreach (ref var value in weights.Values)
                value *= 1.1f;
        }
    }

    [Fact]
    public void An_answer_depends_on_its_seed_alone()
    {
        using var weights = TinyModel.Weights(Config);
        var all = new Rollouts(weights, _tokenizer, _pool).Sample(Prompts, Order(), End);
        using var one = new WorkerPool(1);
        var alone = new Rollouts(weights, _tokenizer, one).Sample([Prompts[0]], Order(), End);
        for (var i = 0; i < alone.Length; i++)
        {
            Assert.Equal(all[i].Ids, alone[i].Ids);
            Assert.Equal(all[i].Logs, alone[i].Logs);
        }

        Assert.NotEqual(all[0].Ids, all[1].Ids);
    }

    [Fact]
    public void The_token_that_ends_an_answer_belongs_to_it()
    {
        using var weights = TinyModel.Weights(Config);
        // A vocabulary of which half ends an answer: most are short.
        var answers = new Rollouts(weights, _tokenizer, _pool)
            .Sample(Prompts, Order(), Enumerable.Range(0, 140).ToHashSet());
        Assert.Contains(answers, answer => answer.Ended && answer.Ids.Length < 5);
        Assert.All(answers, answer => Assert.True(
            answer.Ended ? answer.Ids[^1] < 140 && answer.Ids[..^1].All(id => id >= 140) : answer.Ids.Length == 20));
        Assert.All(answers, answer => Assert.Equal(answer.Ids, answer.Example.Targets[^answer.Ids.Length..]));
        Assert.All(answers, answer => Assert.Equal(answer.Prompt.Length - 1,
            answer.Example.Targets.Count(target => target == CrossEntropy.Ignored)));
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("abcdefgh", 0)]
    [InlineData("aaaaaaaa", 5.0 / 6)]
    [InlineData("abcabcabc", 4.0 / 7)]
    public void Repetition_is_the_share_of_runs_that_were_there_before(string text, double expected) => Assert.Equal(
        expected, new Rollout([1], [.. text.Select(c => (int)c)], [], Ended: false, text).Repetition, 1e-9);

    [Fact]
    public void Prompts_that_leave_no_room_are_refused()
    {
        using var weights = TinyModel.Weights(Config);
        Assert.Throws<ArgumentException>(() => new Rollouts(weights, _tokenizer, _pool)
            .Sample([TinyModel.Tokens(60, 256, 1)], Order(), End));
    }
}
