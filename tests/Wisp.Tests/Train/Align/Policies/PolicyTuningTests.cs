using Wisp.Compute;
using Wisp.Model;
using Wisp.Tests.Model;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Losses;
using Wisp.Train.Align.Policies;
using Wisp.Train.Align.Tasks;
using Wisp.Train.Data;
using Wisp.Train.Report;

namespace Wisp.Tests.Train.Align.Policies;

public sealed class PolicyTuningTests : IDisposable
{
    private const int T = 64;

    private readonly WorkerPool _pool = new(2);
    private readonly TempFolder _folder = new();
    private readonly Tokenizer _tokenizer = TinyModel.Tokenizer();

    public void Dispose()
    {
        _pool.Dispose();
        _folder.Dispose();
    }

    private static ModelConfig Config => TinyModel.Config(Architecture.Named("qwen3", "test"), tied: true);

    private static TuningPlan Plan(TuningStage stage) => new()
    {
        Stage = stage, ModelHash = new string('0', 64), DataHash = new string('1', 64), Context = T, Rows = 4,
        Steps = 6, Rate = 0.002, Beta = 0.01, WarmUp = 0, WarmDown = 0,
        Policy = new PolicyPlan
        {
            Task = "arithmetic", Reward = "shaped", Judge = "right", Group = 4, MaxTokens = 12, HeldOut = 20,
            Updates = stage == TuningStage.Grpo ? 1 : 2, CriticRate = 0.002,
        },
    };

    private PromptBook Book => new(VerifiableTask.Named("arithmetic"), _tokenizer, heldOut: 20, seed: 1);

    // The share of letters of the first half of the alphabet: something that anyone can learn.
    private static readonly AnswerScore s_early = new("early", (_, answer) =>
        answer.Ids.Count(id => id is >= 'a' and < 'n') / (double)answer.Ids.Length);

    // Right is what begins with a vowel: a model that knows the form of a chat finds it by chance now and then.
    private static readonly VerifiableTask s_vowels = new(
        "vowels", seed => Problem.Of($"{(char)('a' + (seed % 26))}{seed % 97}", $"{seed % 2522}", "e"), (_, _) => "x",
        (_, answer) => answer.Length == 0 ? Verdict.Malformed
            : "aeiou".Contains(answer[0]) ? Verdict.Right : Verdict.Wrong,
        question => Problem.Of(question, question, "e"));

    private static readonly AnswerScore s_nothing = new("nothing", (_, _) => 0);

    private ITuning Create(TuningStage stage, Parameters? start = null, AnswerScore? reward = null,
        AnswerScore? judge = null, TuningPlan? plan = null) => stage == TuningStage.Improve
        ? new Improve(plan ?? Plan(stage), start ?? TinyModel.Weights(Config),
            new PolicyGoal(new PromptBook(s_vowels, _tokenizer, 50, 1), AnswerScore.Right(s_vowels), s_nothing), _pool)
        : new PolicyTuning(plan ?? Plan(stage), start ?? TinyModel.Weights(Config),
            new PolicyGoal(Book, reward ?? s_early, judge ?? s_nothing), _pool);

    [Theory, Trait("cost", "medium")]
    [InlineData(TuningStage.Grpo)]
    [InlineData(TuningStage.Ppo)]
    public void What_is_paid_for_is_learned(TuningStage stage)
    {
        var plan = Plan(stage) with { Steps = 30, Rows = 8, Rate = 0.003 };
        using var tuning = Create(stage, plan: plan);
        tuning.Begin();
        var rewards = new List<double>();
        for (var step = 0; step < plan.Steps; step++)
            rewards.Add(tuning.Advance().Watched.Single(figure => figure.Name == "reward").Value);

        // 13 of 281 tokens at first.
        Assert.InRange(rewards.Take(5).Average(), 0, 0.15);
        Assert.InRange(rewards.TakeLast(5).Average(), 0.4, 1);
    }

    [Theory]
    [InlineData(Aggregation.PerAnswer)]
    [InlineData(Aggregation.PerToken)]
    [InlineData(Aggregation.PerPlace)]
    public void The_gradient_of_a_step_is_that_of_its_answers_one_by_one(Aggregation aggregation)
    {
        var plan = Plan(TuningStage.Grpo) with
        {
            Rate = 1e-12,
            Rows = 6,
            Policy = Plan(TuningStage.Grpo).Policy! with { Aggregation = aggregation },
        };
        using var weights = TinyModel.Weights(Config);
        var answers = new Rollouts(weights, _tokenizer, _pool).Sample(
            [.. Book.Draw(0, plan.Rows).Select(Book.Prompt)],
            new RolloutOrder(plan.Policy!.Group, plan.Policy.MaxTokens, RolloutOrder.Policy,
                Shuffle.Key(plan.Seed, stream: 13, 0)), new HashSet<int> { Book.EndOfTurn });
        using var tuning = Create(TuningStage.Grpo, plan: plan);
        tuning.Begin();
        tuning.Advance();

        // At the first step the policy is the reference and its own past: every ratio is 1 and the divergence has no
        // slope, so each token weighs its answer's advantage.
        float[] rewards = [.. answers.Select(answer => (float)s_early.Score(null!, answer))],
            advantages = new float[answers.Length];
        Advantage.Grouped(advantages, rewards, plan.Policy.Group);
        Assert.Contains(advantages, advantage => advantage != 0);
        using var expected = new Parameters(weights.Map);
        using var transformer = new Transformer(weights.Map, _pool, T, train: true);
        var tokens = answers.Sum(answer => answer.Ids.Length);
        for (var n = 0; n < answers.Length; n++)
        {
            var example = answers[n].Example;
            var weight = aggregation switch
            {
                Aggregation.PerAnswer => 1.0 / (answers.Length * answers[n].Ids.Length),
                Aggregation.PerToken => 1.0 / tokens,
                _ => 1.0 / (answers.Length * plan.Policy.MaxTokens),
            };
            transformer.ForwardBackward(weights, expected,
                TinyModel.Batch(1, example.Tokens.Length, example.Tokens, example.Targets),
                (float)(weight * advantages[n]));
        }

        // Sums over some 250 tokens in two orders, whose terms cancel: signs of advantages differ.
        foreach (var tensor in weights.Map.All)
            Check.Close(expected.Of(tensor), tuning.Tuner.Gradients.Of(tensor), 1e-4, tensor.Name);
    }

    // A model that answers in the form of a chat and ends: some steps of supervised tuning.
    private Parameters Chatting(VerifiableTask task, double right)
    {
        List<Conversation> talks = [.. task.Demonstrations(200, right, seed: 2)];
        var text = new SftText(talks, _tokenizer, T, 0.05, seed: 1);
        var plan = Plan(TuningStage.Sft) with { Policy = null, Rows = 8, Steps = 40, Rate = 0.01, Beta = 0.1 };
        using var sft = new Sft(plan, TinyModel.Weights(Config), text, _pool);
        for (var step = 0; step < plan.Steps; step++)
            sft.Advance();
        var copy = new Parameters(sft.Tuner.Weights.Map);
        sft.Tuner.Weights.Values.CopyTo(copy.Values);
        return copy;
    }

    private static string Complete(
        string folder, ITuning tuning, Tokenizer tokenizer, int stopAt = int.MaxValue)
    {
        using var stop = new CancellationTokenSource();
        using var run = new TuningRun(Directory.CreateDirectory(folder).FullName, tuning,
            new TuningHabits { Evaluations = 2, SaveEvery = TimeSpan.Zero }, tokenizer, TimeProvider.System);
        var finished = run.Run(
            record =>
            {
                if (record is StepRecord && record.Step == stopAt)
                    stop.Cancel();
            }, stop.Token);
        Assert.Equal(stopAt == int.MaxValue, finished);
        if (finished)
            run.Finish((_, _, _) => { }, CancellationToken.None);
        return run.ModelPath;
    }

    [Theory, Trait("cost", "medium")]
    [InlineData(TuningStage.Grpo)]
    [InlineData(TuningStage.Ppo)]
    [InlineData(TuningStage.Improve)]
    public void A_stopped_run_ends_with_the_bits_of_one_that_was_not(TuningStage stage)
    {
        var whole = Complete(_folder["whole"], Create(stage), _tokenizer);
        Complete(_folder["stopped"], Create(stage), _tokenizer, stopAt: 3);
        var stopped = Complete(_folder["stopped"], Create(stage), _tokenizer);
        Assert.Equal(File.ReadAllBytes(whole), File.ReadAllBytes(stopped));
        var records = RunLog.Read(_folder["stopped"]);
        Assert.Equal(Enumerable.Range(1, 6), records.Steps.Select(step => step.Step));
        Assert.Equal(Enumerable.Range(1, 6), records.Figures.OfType<WatchRecord>()
            .Where(figure => figure.Name == "length").Select(figure => figure.Step));
    }

    [Fact, Trait("cost", "medium")]
    public void The_meter_stops_a_run_whose_reward_pays_for_repetition()
    {
        var plan = Plan(TuningStage.Grpo) with
        {
            Steps = 150,
            Rows = 8,
            Rate = 0.002,
            Beta = 0,
            Policy = Plan(TuningStage.Grpo).Policy! with { Group = 8 },
        };
        var format = AnswerScore.Format(_tokenizer);
        ITuning Hacked() => Create(
            TuningStage.Grpo, Chatting(Book.Task!, 1), AnswerScore.Repetition, format, plan);
        var fault = Assert.Throws<RunHaltedException>(() => Complete(_folder["hacked"], Hacked(), _tokenizer));
        Assert.Contains("reward 'repetition' and judge 'format' have parted", fault.Message);
        Assert.Contains("checkpoint.gguf", fault.Message);

        // Who goes on is stopped at the same place, for the same reason: the meter's memory is in the checkpoint.
        Assert.Equal(fault.Message, Assert.Throws<RunHaltedException>(
            () => Complete(_folder["hacked"], Hacked(), _tokenizer)).Message);

        // The same run with a reward that the judge shares goes on to the end.
        Complete(_folder["honest"], Create(TuningStage.Grpo, Chatting(Book.Task!, 1), format, s_nothing,
            plan with { Steps = 25 }), _tokenizer);
    }

    [Fact, Trait("cost", "medium")]
    public void Rounds_make_a_model_better_than_the_data_that_it_began_with()
    {
        const double Data = 0.3;
        var plan = Plan(TuningStage.Improve) with { Rows = 64, Steps = 3, Rate = 0.003 };
        plan = plan with
        {
            Policy = plan.Policy! with { Updates = 5, HeldOut = 50, DataAnswers = 100, DataRight = (int)(100 * Data) },
        };
        using var improve = Create(TuningStage.Improve, Chatting(s_vowels, Data), plan: plan);
        improve.Begin();
        double Sampled() => improve.Advance().Watched.Single(f => f.Name == "right answers: sampled").Value;
        double first = Sampled(), second = Sampled(), third = Sampled();

        // It imitates the data at first: 256 binomial answers stray by 3 % from what it learned, and that by as much.
        Assert.InRange(first, Data - 0.15, Data + 0.15);
        Assert.True(second > first && third > second && third > 2 * Data, $"{first} {second} {third}");
        var looked = improve.Look(CancellationToken.None).OfType<FigureRecord>().ToList();
        Assert.Equal(Data, looked.Single(figure => figure.Name == "right answers: data it began with").Value, 1e-9);
        Assert.InRange(looked.Single(figure => figure.Name == "right answers: held out").Value, 2 * Data, 1);
    }

    [Fact]
    public void Prompts_of_a_file_are_asked_once_an_epoch_and_those_held_out_never()
    {
        List<Conversation> talks = [.. Enumerable.Range(0, 20).Select(i => new Conversation(
            [new(Role.User, $"q{i % 15}"), new(Role.Assistant, $"a{i}")]))];
        var book = new PromptBook(talks, _tokenizer, longestPrompt: 40, heldOutShare: 0.2, seed: 1);
        Assert.Equal(3, book.HeldOut.Count); // of 15 that differ
        string[] asked = [.. Enumerable.Range(0, 4).SelectMany(step => book.Draw(step, 3)).Select(p => p.Shown)];
        Assert.Equal(12, asked.Distinct().Count());
        Assert.Empty(asked.Intersect(book.HeldOut.Select(problem => problem.Shown)));
        Assert.Contains("2 longer", Assert.Throws<InvalidDataException>(() => new PromptBook(
            [.. talks.Take(2)], _tokenizer, longestPrompt: 5, heldOutShare: 0.2, seed: 1)).Message);
    }
}
