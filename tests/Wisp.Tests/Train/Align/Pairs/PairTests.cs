using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Golden;
using Wisp.Tests.Model;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Pairs;
using Wisp.Train.Report;

namespace Wisp.Tests.Train.Align.Pairs;

public sealed class PairTests : IDisposable
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
        Stage = stage, ModelHash = new string('0', 64), DataHash = new string('1', 64), Context = T, Rows = 8,
        Steps = 10, Rate = 0.003, HeldOut = 0.25,
    };

    // People like the answer with an A better; what else is said differs from pair to pair.
    private static List<PreferencePair> Pairs(int count = 60) => [.. Enumerable.Range(0, count).Select(i =>
    {
        Conversation Answer(char end) => new([new(Role.User, $"q{i % 7}"),
            new(Role.Assistant, $"{i} {new string((char)('a' + (i % 20)), 1 + (i % 5))}{end}")]);
        return new PreferencePair(Answer('A'), Answer('B'));
    })];

    private PairText Text(TuningStage stage, int count = 60) =>
        new(Pairs(count), _tokenizer, stage, T, heldOutShare: 0.25, seed: 1);

    private ITuning Create(TuningStage stage, TuningPlan? plan = null) => stage == TuningStage.Reward
        ? new Reward(plan ?? Plan(stage), TinyModel.Weights(Config), Text(stage), _pool)
        : new Dpo(plan ?? Plan(stage), TinyModel.Weights(Config), Text(stage), _pool);

    [Fact]
    public void Dpo_through_a_decoder_agrees_with_the_oracle()
    {
        var golden = GoldenFile.Open("torch/align_dpo_decoder.safetensors");
        int N = golden.Shape("chosen_tokens")[0], width = golden.Shape("chosen_tokens")[1];
        var map = new ParameterMap(new ModelConfig
        {
            Architecture = Architecture.Llama with { Rope = RopeLayout.Neox },
            Vocabulary = (int)golden.Number("vocab_size"), Context = width, Width = (int)golden.Number("dim"),
            Layers = 1, Heads = 2, KvHeads = 1, HeadDim = 8, FeedForward = (int)golden.Number("ffn_dim"),
            TiedHead = false, RopeTheta = 10_000, NormEpsilon = 1e-5f,
        });
        using var reference = new Parameters(map);
        var policy = new Parameters(map);
        foreach (var tensor in map.All)
        {
            golden.Floats("policy." + tensor.Name).CopyTo(policy.Of(tensor));
            golden.Floats("ref." + tensor.Name).CopyTo(reference.Of(tensor));
        }

        Example Side(string side, int n)
        {
            var ids = golden.Ints($"{side}_tokens")[(n * width)..((n + 1) * width)];
            var mask = golden.Ints($"{side}_mask")[(n * (width - 1))..((n + 1) * (width - 1))];
            return Example.Of(new ChatTokens(ids, [false, .. mask.Select(m => m == 1)]), width)!;
        }

        PairTokens[] pairs = [.. Enumerable.Range(0, N).Select(n => new PairTokens(Side("chosen", n),
            Side("rejected", n)))];
        var plan = Plan(TuningStage.Dpo) with { Context = width, Rows = N, Beta = golden.Number("beta") };
        using var dpo = new Dpo(plan, policy, new PairText(pairs, pairs, _tokenizer), _pool, reference);
        dpo.Begin();
        var step = dpo.Advance();

        // The golden README's bounds for this file.
        Assert.Equal(golden.Number("loss_f64"), step.Loss, 1e-5 * golden.Number("loss_f64"));
        foreach (var tensor in map.All)
            Check.Close(golden.Floats("grad.policy." + tensor.Name), dpo.Tuner.Gradients.Of(tensor), 2e-5, tensor.Name);
    }

    [Fact]
    public void Log_probabilities_are_those_of_the_engine()
    {
        using var weights = TinyModel.Weights(Config);
        using var transformer = new Transformer(weights.Map, _pool, 2 * T, train: false);
        var (page, pair) = (new ExamplePage(2, T), Text(TuningStage.Dpo).Train[3]);
        page.Clear();
        Assert.True(page.TryAdd(pair.Chosen, pair.Rejected));
        var losses = new float[page.Batch.Rows];
        transformer.Losses(weights, page.Batch, losses);

        using var session = new Session(DecoderWeights.Of(weights), _pool);
        var scores = new LogProbabilities(Config.Vocabulary, 0);
        foreach (var place in (Range[])[page[0], page[1]])
        {
            session.Clear();
            var (tokens, targets) = (page.Batch.Tokens[place].ToArray(), page.Batch.Targets[place].ToArray());
            var logits = new float[tokens.Length * Config.Vocabulary];
            session.FeedEvery(tokens, logits);
            var expected = targets.Select((target, i) => target < 0 ? 0 : -scores.Read(
                logits.AsSpan(i * Config.Vocabulary, Config.Vocabulary), target, out _).LogProbability).ToArray();

            // Two orders of the same sums; the golden README's bound for logits of float32 decoders.
            Check.Close(expected, losses.AsSpan(place), 2e-5);
        }
    }

    [Fact]
    public void Position_weights_scale_what_each_position_teaches()
    {
        int[] tokens = TinyModel.Tokens(T, Config.Vocabulary, 1), targets = TinyModel.Tokens(T, Config.Vocabulary, 2);
        float[] counts = Sample.Normal(T, 3);
        using var weights = TinyModel.Weights(Config);
        using Parameters weighted = new(weights.Map), sum = new(weights.Map);
        using var transformer = new Transformer(weights.Map, _pool, T, train: true);
        transformer.ForwardBackward(weights, weighted, TinyModel.Batch(1, T, tokens, targets),
            (_, w) => counts.CopyTo(w));
        for (var i = 0; i < T; i++)
        {
            int[] one = [.. targets.Select((target, j) => i == j ? target : -1)];
            transformer.ForwardBackward(weights, sum, TinyModel.Batch(1, T, tokens, one), counts[i]);
        }

        // Sums of T terms in two orders; see MaskedGradientTests.
        foreach (var tensor in weights.Map.All)
            Check.Close(sum.Of(tensor), weighted.Of(tensor), 2 * T * Math.Sqrt(T) * Check.Eps, tensor.Name);
    }

    [Fact]
    public void The_gradient_of_a_reward_is_the_slope_of_its_loss()
    {
        var plan = Plan(TuningStage.Reward) with { Rows = 45, Rate = 1e-12 };
        using var reward = new Reward(plan, TinyModel.Weights(Config), Text(TuningStage.Reward), _pool);
        var head = Sample.Normal(Config.Width, 5, 0.3f);
        head.CopyTo(reward.Tuner.Head.Span);
        reward.Advance();
        float[] gradient = reward.Tuner.Gradients.Values.ToArray(), dHead = reward.Tuner.HeadGradient.Span.ToArray();
        var norm = Math.Sqrt(gradient.Sum(g => (double)g * g) + dHead.Sum(g => (double)g * g));
        float[] start = reward.Tuner.Weights.Values.ToArray();

        double LossAt(double distance)
        {
            for (var i = 0; i < start.Length; i++)
                reward.Tuner.Weights.Values[i] = (float)(start[i] + (distance * gradient[i] / norm));
            for (var i = 0; i < head.Length; i++)
                reward.Tuner.Head.Span[i] = (float)(head[i] + (distance * dHead[i] / norm));
            return reward.Advance().Loss; // all pairs are in every step, so only the weights differ
        }

        // Along the gradient the slope is its norm. The steps of 0.01 bend the loss by some 1e-4 of it, and the loss of
        // float32 scores is good to 1e-6, a ten thousandth of the difference.
        var slope = (LossAt(0.01) - LossAt(-0.01)) / 0.02;
        Assert.Equal(norm, slope, 0.01 * norm);
    }

    [Theory]
    [InlineData(TuningStage.Reward)]
    [InlineData(TuningStage.Dpo)]
    public void What_people_like_is_learned_and_holds_for_pairs_never_seen(TuningStage stage)
    {
        using var tuning = Create(stage, Plan(stage) with { Steps = 40 });
        tuning.Begin();
        double First() => ((FigureRecord)tuning.Look(CancellationToken.None).First()).Value;
        for (var step = 0; step < 40; step++)
            tuning.Advance();
        Assert.InRange(First(), 0.9, 1);
    }

    [Fact]
    public void A_policy_that_has_not_moved_has_no_margin()
    {
        using var dpo = (Dpo)Create(TuningStage.Dpo);
        dpo.Begin();
        var figures = dpo.Evaluate();

        // The reference is the policy itself, computed on other pages: the difference of two equal sums of 20 terms.
        Assert.Equal(0, figures.MeanMargin, 20 * 6 * 20 * (double)Check.Eps);
        Assert.Equal(Math.Log(2), figures.Loss, 1e-5);
    }

    private void Complete(string folder, TuningStage stage, int stopAt = int.MaxValue)
    {
        using var stop = new CancellationTokenSource();
        using var run = new TuningRun(Directory.CreateDirectory(_folder[folder]).FullName, Create(stage),
            new TuningHabits { Evaluations = 2, SaveEvery = TimeSpan.Zero }, _tokenizer, TimeProvider.System);
        var finished = run.Run(
            record =>
            {
                if (record is StepRecord && record.Step == stopAt)
                    stop.Cancel();
            }, stop.Token);
        Assert.Equal(stopAt == int.MaxValue, finished);
        if (finished)
            run.Finish((_, _, _) => { }, CancellationToken.None);
    }

    [Theory]
    [InlineData(TuningStage.Reward)]
    [InlineData(TuningStage.Dpo)]
    public void A_stopped_run_ends_with_the_bits_of_one_that_was_not(TuningStage stage)
    {
        Complete("whole", stage);
        Complete("stopped", stage, stopAt: 4);
        Complete("stopped", stage);
        Assert.Equal(File.ReadAllBytes(_folder["whole/model.gguf"]), File.ReadAllBytes(_folder["stopped/model.gguf"]));
    }

    [Fact]
    public void The_file_of_a_reward_model_scores_as_its_trainer_does()
    {
        Complete("run", TuningStage.Reward);
        using var model = ModelFile.Open(_folder["run/model.gguf"]);
        using var judge = new RewardModel(model, _pool);
        Assert.True(model.Source.TryGetFloats("wisp.reward.head", out var head));
        for (var i = 0; i < 5; i++)
        {
            // As the trainer reads it: the only pair that is held out.
            var one = new PairText([Pairs()[i], Pairs()[i + 10]], _tokenizer, TuningStage.Reward, T, 0.5, seed: 1);
            using var reward = new Reward(Plan(TuningStage.Reward), model.ReadParameters(), one, _pool);
            head.CopyTo(reward.Tuner.Head.Span);
            double[] margins = [Margin(i), Margin(i + 10)];
            var trained = reward.Evaluate().MeanMargin;

            // Packed and alone differ by the order of float32 sums; scores here are below 10.
            Assert.True(margins.Any(margin => Math.Abs(margin - trained) < 10 * 2e-5), $"{trained}");
        }

        double Margin(int i) => (double)judge.Score(Pairs()[i].Chosen) - judge.Score(Pairs()[i].Rejected);

        using var plain = ModelFile.Open(Conversations.ChatRendererTests.ModelInTheTree());
        Assert.Contains("no head that scores", Assert.Throws<InvalidDataException>(
            () => new RewardModel(plain, _pool)).Message);
    }

    [Fact]
    public void Long_conversations_lose_their_oldest_exchanges_and_keep_the_answer()
    {
        ConversationTurn[] before =
            [new(Role.User, new string('x', 40)), new(Role.Assistant, "y"), new(Role.User, "z")];
        Conversation With(string answer) => new([.. before, new ConversationTurn(Role.Assistant, answer)]);
        List<PreferencePair> pairs =
        [
            .. Pairs(4), new(With("yes"), With("no")), new(With(new string('p', 99) + "q"), With(new string('p', 100))),
        ];
        foreach (var stage in (TuningStage[])[TuningStage.Reward, TuningStage.Dpo])
        {
            var text = new PairText(pairs, _tokenizer, stage, 48, 0.2, seed: 1);
            Assert.Equal((1, 4), (text.Alike, text.Cut)); // two answers that differ behind the context are alike
            var all = text.Train.Concat(text.HeldOut).ToList();
            Assert.All(all, pair => Assert.InRange(pair.Chosen.Tokens.Length, 1, 48));
            var shown = all.Select(pair => _tokenizer.DecodeText(pair.Chosen.Tokens))
                .Single(t => t.Contains("user\nz"));
            Assert.DoesNotContain("x", shown[20..]);
            Assert.Contains(stage == TuningStage.Reward ? "yes<|im_end|>" : "yes", shown);
        }
    }

    [Fact]
    public void Intervals_are_those_of_Wilson()
    {
        // R: prop.test(50, 100, correct = FALSE) and the like.
        Assert.Equal((0.4038, 0.5962), Round(new Proportion(50, 100)));
        Assert.Equal((0.0, 0.2775), Round(new Proportion(0, 10)));
        Assert.Equal((0.7225, 1.0), Round(new Proportion(10, 10)));

        static (double, double) Round(Proportion p) =>
            (Math.Round(p.Interval.Low, 4), Math.Round(p.Interval.High, 4));
    }

    [Fact]
    public void A_certain_judge_that_errs_is_ill_calibrated()
    {
        // Margins of ±20 claim certainty; one of four is wrong.
        var figures = PairFigures.Of([20, 20, 20, -20]);
        Assert.Equal(0.25, figures.CalibrationError, 6);
        Assert.Equal(0.75, figures.Accuracy.Share);
        Assert.Equal(0, PairFigures.Of([20, 20]).CalibrationError, 6);

        // At margin ln 3 the claim is three of four, and so it is.
        var fair = (float)Math.Log(3);
        Assert.Equal(0, PairFigures.Of([fair, fair, fair, -fair]).CalibrationError, 6);
    }
}
