using Wisp.Compute;
using Wisp.Model;
using Wisp.Tests.Golden;
using Wisp.Tests.Model;
using Wisp.Tests.Train.Data;
using Wisp.Train.Align;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Report;

namespace Wisp.Tests.Train.Align;

public sealed class SftTests : IDisposable
{
    private const int T = 64;

    private readonly WorkerPool _pool = new(2);
    private readonly TempFolder _folder = new();
    private readonly Tokenizer _tokenizer = TinyModel.Tokenizer();

    private static readonly TuningPlan s_plan = new()
    {
        Stage = TuningStage.Sft, ModelHash = new string('0', 64), DataHash = new string('1', 64), Context = T, Rows = 3,
        Steps = 12, Rate = 0.01, WeightDecay = 0.01,
    };

    public void Dispose()
    {
        _pool.Dispose();
        _folder.Dispose();
    }

    private static ModelConfig Config => TinyModel.Config(Architecture.Named("qwen3", "test"), tied: true);

    private static List<Conversation> Talks(int count = 40) => [.. Enumerable.Range(0, count).Select(i =>
        new Conversation([new(Role.User, new string((char)('a' + (i % 26)), 1 + (i % 5))),
            new(Role.Assistant, $"{i} {new string((char)('A' + (i % 26)), 1 + (i % 7))}")]))];

    private SftText Text(int count = 40) => new(Talks(count), _tokenizer, T, 0.1, seed: 1);

    private Sft Sft(TuningPlan plan) => new(plan, TinyModel.Weights(Config), Text(), _pool);

    [Fact]
    public void The_mask_and_its_loss_agree_with_the_oracle()
    {
        var golden = GoldenFile.Open("torch/sft_mask.safetensors");
        int B = golden.Shape("tokens")[0], width = golden.Shape("tokens")[1];
        int[] tokens = golden.Ints("tokens"), mask = golden.Ints("assistant_mask"), targets = golden.Ints("targets");
        Example[] examples = [.. Enumerable.Range(0, B).Select(row => Example.Of(new ChatTokens(
            tokens[(row * width)..((row + 1) * width)],
            [.. mask[(row * width)..((row + 1) * width)].Select(m => m == 1)]), width)!)];
        for (var row = 0; row < B; row++)
        {
            var length = examples[row].Targets.Length;
            Assert.Equal(targets[(row * width)..((row * width) + length)], examples[row].Targets);
            Assert.All(targets[((row * width) + length)..((row + 1) * width)], target => Assert.Equal(-1, target));
        }

        var map = new ParameterMap(new ModelConfig
        {
            Architecture = Architecture.Llama with { Rope = RopeLayout.Neox },
            Vocabulary = (int)golden.Number("vocab_size"), Context = width, Width = (int)golden.Number("dim"),
            Layers = 1, Heads = 2, KvHeads = 1, HeadDim = 8, FeedForward = (int)golden.Number("ffn_dim"),
            TiedHead = false, RopeTheta = 10_000, NormEpsilon = 1e-5f,
        });
        using Parameters weights = new(map), gradients = new(map);
        foreach (var tensor in map.All)
            golden.Floats(tensor.Name).CopyTo(weights.Of(tensor));
        using var transformer = new Transformer(map, _pool, B * width, train: true);
        var page = new PackedBatches.Page(B, width);
        var counted = page.Fill(new PackedBatches(examples, B, width, seed: 1, padding: 0), 0);
        var loss = transformer.ForwardBackward(weights, gradients, page.Batch, 1f / counted);

        // The golden README's bounds for this file.
        Assert.Equal(golden.Number("loss_f64"), loss / counted, 1e-5 * golden.Number("loss_f64"));
        foreach (var tensor in map.All)
            Check.Close(golden.Floats("grad." + tensor.Name), gradients.Of(tensor), 1e-5, tensor.Name);
    }

    [Fact]
    public void Only_what_the_assistant_wrote_is_predicted()
    {
        var chat = new ChatRenderer(_tokenizer).Render(Talks()[7]);
        var example = Example.Of(chat, T)!;
        for (var i = 0; i < example.Tokens.Length; i++)
        {
            Assert.Equal(chat.Ids[i], example.Tokens[i]);
            Assert.Equal(chat.IsTarget[i + 1] ? chat.Ids[i + 1] : -1, example.Targets[i]);
        }

        Assert.Equal(chat.Targets, example.Counted);
        Assert.Equal(_tokenizer.IdOf("<|im_end|>"), example.Targets[^1]);
    }

    // The gradient of Σ nll over the given targets of one conversation.
    private float[] Gradient(Example example, int[] targets)
    {
        using var weights = TinyModel.Weights(Config);
        using var gradients = new Parameters(weights.Map);
        using var transformer = new Transformer(weights.Map, _pool, example.Tokens.Length, train: true);
        transformer.ForwardBackward(
            weights, gradients, TinyModel.Batch(1, example.Tokens.Length, example.Tokens, targets), 1);
        return gradients.Values.ToArray();
    }

    [Fact]
    public void Tokens_of_the_user_have_no_gradient()
    {
        var chat = new ChatRenderer(_tokenizer).Render(Talks()[24]);
        var example = Example.Of(chat, T)!;
        int[] all = [.. chat.Ids.Skip(1).Take(example.Tokens.Length)];
        int[] users = [.. all.Select((id, i) => chat.IsTarget[i + 1] ? -1 : id)];

        // What the whole text teaches, less what the user's words alone would.
        float[] whole = Gradient(example, all), user = Gradient(example, users),
            expected = [.. whole.Zip(user, (w, u) => w - u)];

        // Three sums of 30 products each, as in MaskedGradientTests, whose sizes bound the rounding of the difference.
        var allowed = 2 * 30 * 6 * Check.Eps * (whole.Max(MathF.Abs) + user.Max(MathF.Abs))
            / expected.Max(MathF.Abs);
        Check.Close(expected, Gradient(example, example.Targets), allowed);

        // A mask that is broken in one place is seen: the tolerance is far below what one token of the user teaches.
        var broken = chat.IsTarget.ToArray();
        broken[chat.IsTarget.AsSpan().IndexOf(true) - 3] = true;
        var faulty = Gradient(example, Example.Of(chat with { IsTarget = broken }, T)!.Targets);
        Assert.Throws<Xunit.Sdk.TrueException>(() => Check.Close(expected, faulty, allowed));
    }

    [Fact]
    public void Packing_equals_no_packing()
    {
        var text = Text();
        using var weights = TinyModel.Weights(Config);
        using Parameters packed = new(weights.Map), alone = new(weights.Map);
        var batches = new PackedBatches(text.Train, 3, T, seed: 1, padding: 0);
        using var transformer = new Transformer(weights.Map, _pool, 3 * T, train: true);
        var page = new PackedBatches.Page(3, T);
        double loss = 0, sum = 0;
        for (var step = 0; step < batches.StepsOf(1); step++)
        {
            page.Fill(batches, step);
            loss += transformer.ForwardBackward(weights, packed, page.Batch, 0.01f);
        }

        foreach (var example in text.Train)
            sum += transformer.ForwardBackward(weights, alone,
                TinyModel.Batch(1, example.Tokens.Length, example.Tokens, example.Targets), 0.01f);

        // Two orders of a sum over some 600 tokens; see MaskedGradientTests for the rule.
        var tokens = text.Train.Sum(e => e.Tokens.Length);
        Assert.Equal(sum, loss, sum * tokens * Check.Eps);
        foreach (var tensor in weights.Map.All)
            Check.Close(alone.Of(tensor), packed.Of(tensor), 2 * tokens * Math.Sqrt(tokens) * Check.Eps, tensor.Name);
    }

    [Fact]
    public void Every_example_comes_once_an_epoch_and_whole()
    {
        var text = Text(200);
        var batches = new PackedBatches(text.Train, 3, T, seed: 5, padding: 7);
        var page = new PackedBatches.Page(3, T);
        var orders = new List<string>();
        for (var epoch = 0; epoch < 3; epoch++)
        {
            var seen = new List<string>();
            for (var step = batches.StepsOf(epoch); step < batches.StepsOf(epoch + 1); step++)
            {
                Assert.True(page.Fill(batches, step) > 0); // a batch that teaches nothing would divide by zero
                var batch = page.Batch;
                for (var at = 0; at < batch.Rows; at++)
                    if (batch.Positions[at] == 0 && (batch.Tokens[at] != 7 || batch.Targets[at] >= 0))
                    {
                        var end = at + 1;
                        while (end < batch.Rows && end % T != 0 && batch.Positions[end] == end - at)
                            Assert.Equal(at % T, batch.DocumentStarts[end++]);
                        seen.Add(string.Join(' ', batch.Tokens[at..end].ToArray()));
                    }
            }

            Assert.Equal(text.Train.Select(e => string.Join(' ', e.Tokens)).Order(StringComparer.Ordinal),
                seen.Order(StringComparer.Ordinal));
            orders.Add(string.Join('|', seen));
        }

        Assert.Equal(3, orders.Distinct().Count());

        // Any step can be had again, in any order.
        var other = new PackedBatches(text.Train, 3, T, seed: 5, padding: 7);
        var again = new PackedBatches.Page(3, T);
        foreach (var step in (long[])[batches.StepsOf(2) + 1, 0, batches.StepsOf(1)])
        {
            page.Fill(batches, step);
            again.Fill(other, step);
            Assert.True(page.Batch.Tokens.SequenceEqual(again.Batch.Tokens));
        }
    }

    [Fact]
    public void What_is_too_long_is_cut_and_what_teaches_nothing_left_out()
    {
        var talks = Talks(6);
        talks.Add(new Conversation([new(Role.User, new string('x', 200)), new(Role.Assistant, "never seen")]));
        talks.Add(new Conversation([new(Role.User, "x"), new(Role.Assistant, new string('y', 200))]));
        talks.Add(talks[0]);
        var text = new SftText(talks, _tokenizer, T, 0.1, seed: 1);
        Assert.Equal((1, 1, 1), (text.Empty, text.Cut, text.Repeated));
        Assert.Equal(7, text.Train.Count + text.HeldOut.Count);
        Assert.All(text.Train.Concat(text.HeldOut), example => Assert.InRange(example.Tokens.Length, 1, T));
        Assert.Contains("two are the least", Assert.Throws<InvalidDataException>(
            () => new SftText(Talks(1), _tokenizer, T, 0.1, seed: 1)).Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Training_lowers_the_loss_on_held_out_conversations(int rank)
    {
        using var sft = Sft(s_plan with { LoraRank = rank, Steps = 30, Rate = rank == 0 ? 0.003 : 0.02 });
        var (before, _) = sft.Evaluate();
        for (var step = 0; step < 30; step++)
            Assert.True(double.IsFinite(sft.Advance().Loss));
        var (after, bits) = sft.Evaluate();
        Assert.InRange(after, 0, 0.8 * before);
        Assert.InRange(bits, 0.1, 20);
    }

    private TuningRun Open(string folder, TuningPlan plan) => new(
        Directory.CreateDirectory(_folder[folder]).FullName, Sft(plan), new TuningHabits
        {
            Evaluations = 3, SaveEvery = TimeSpan.Zero,
        }, _tokenizer, TimeProvider.System);

    private void Complete(string folder, TuningPlan plan)
    {
        using var run = Open(folder, plan);
        Assert.True(run.Run(_ => { }, CancellationToken.None));
        run.Finish((_, _, _) => { }, CancellationToken.None);
    }

    private void Interrupt(string folder, TuningPlan plan, int step)
    {
        using var stop = new CancellationTokenSource();
        using var run = Open(folder, plan);
        Assert.False(run.Run(
            record =>
            {
                if (record is StepRecord && record.Step == step)
                    stop.Cancel();
            }, stop.Token));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void A_run_that_died_ends_with_the_bits_of_one_that_did_not(int rank)
    {
        var plan = s_plan with { LoraRank = rank };
        Complete("whole", plan);
        Interrupt("lost", plan, 5);
        var saved = File.ReadAllBytes(_folder["lost/checkpoint.gguf"]);
        Interrupt("lost", plan, 9);
        File.WriteAllBytes(_folder["lost/checkpoint.gguf"], saved); // as by a kill: the log is ahead of it
        Complete("lost", plan);
        Assert.Equal(File.ReadAllBytes(_folder["whole/model.gguf"]), File.ReadAllBytes(_folder["lost/model.gguf"]));
        var log = RunLog.Read(_folder["lost"]);
        Assert.Equal(Enumerable.Range(1, 12), log.Steps.Select(s => s.Step));
        Assert.Equal(RunLog.Read(_folder["whole"]).Evals, log.Evals);
        Assert.Contains("Steps 12, this run Steps 13", Assert.Throws<InvalidDataException>(
            () => Open("lost", plan with { Steps = 13 })).Message);
    }

    [Fact]
    public void A_finished_model_carries_its_template_and_its_plan()
    {
        Complete("whole", s_plan);
        using var gguf = Gguf.Open(_folder["whole/model.gguf"]);
        Assert.Equal(ChatFormat.Template, gguf.GetString("tokenizer.chat_template"));
        Assert.Equal(s_plan, TuningPlan.FromJson(gguf.GetString("wisp.tuning"), "model"));
        foreach (var name in (string[])["checkpoint.gguf", "log.jsonl", "report.md", "report.html"])
            Assert.True(new FileInfo(_folder[$"whole/{name}"]).Length > 0, name);
    }
}
