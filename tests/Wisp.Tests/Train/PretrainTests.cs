using Wisp.Compute;
using Wisp.Train;

namespace Wisp.Tests.Train;

public sealed class PretrainTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();
    private readonly WorkerPool _pool = new(2);

    public static TheoryData<OptimizerKind> Optimizers => [OptimizerKind.Muon, OptimizerKind.AdamW];

    public void Dispose()
    {
        _pool.Dispose();
        _corpus.Dispose();
    }

    private Pretrain Start(PretrainPlan plan, WorkerPool? pool = null) =>
        new(plan, _corpus.Train, _corpus.HeldOut, _corpus.Tokenizer, pool ?? _pool);

    // A checkpoint is weights, both moments, step and plan: two runs with equal files are the same run.
    private byte[] State(Pretrain training)
    {
        training.Save(_corpus["state.gguf"]);
        return File.ReadAllBytes(_corpus["state.gguf"]);
    }

    [Theory, MemberData(nameof(Optimizers))]
    public void The_loss_falls_well_below_that_of_single_tokens(OptimizerKind optimizer)
    {
        using var training = Start(TinyCorpus.Plan with { Optimizer = optimizer });
        var (first, _) = training.Advance();
        Assert.Equal(Math.Log(281), first, 0.1); // fresh weights know nothing: a uniform guess
        double last = first;
        while (!training.IsFinished)
            last = training.Advance().Loss;
        var (heldOut, bitsPerByte) = training.Evaluate();
        Assert.InRange(last, 0, 0.7 * _corpus.UnigramEntropy());
        Assert.InRange(heldOut, 0, 0.7 * _corpus.UnigramEntropy());

        // Tokens of one byte: bits a byte are bits a token, and the end of text is one more target a document.
        var targets = _corpus.HeldOut.RawBytes + _corpus.HeldOut.DocumentCount;
        Assert.Equal(heldOut * targets / Math.Log(2) / _corpus.HeldOut.RawBytes, bitsPerByte, 1e-9);
    }

    [Theory, MemberData(nameof(Optimizers))]
    public void A_plan_is_its_weights_on_any_number_of_threads(OptimizerKind optimizer)
    {
        var plan = TinyCorpus.Plan with { Optimizer = optimizer, Accumulation = 2 };
        byte[]? expected = null;
        foreach (var threads in (int[])[1, 1, 2, 3])
        {
            using var pool = new WorkerPool(threads);
            using var training = Start(plan, pool);
            for (var i = 0; i < 6; i++)
                training.Advance();
            var state = State(training);
            Assert.True(state.AsSpan().SequenceEqual(expected ??= state), $"{threads} threads");
        }

        using var other = Start(plan with { Seed = 2 });
        for (var i = 0; i < 6; i++)
            other.Advance();
        Assert.False(State(other).AsSpan().SequenceEqual(expected));
    }

    [Fact]
    public void Two_half_batches_are_one_batch()
    {
        var plan = TinyCorpus.Plan with { Optimizer = OptimizerKind.AdamW };
        using Pretrain whole = Start(plan), halves = Start(plan with { Rows = 4, Accumulation = 2 });
        var (loss, norm) = whole.Advance();
        var (halfLoss, halfNorm) = halves.Advance();

        // Two orders of sums of N = 256 terms: each side strays by at most N·Eps of Σ|x|, and Σ|x| of terms with random
        // signs is about √N times their sum. A loss has one sign only.
        Assert.Equal(loss, halfLoss, loss * 256 * Check.Eps);
        Assert.Equal(norm, halfNorm, norm * 2 * 256 * 16 * Check.Eps);
        Assert.Equal(whole.Epochs, halves.Epochs);
    }

    [Theory, MemberData(nameof(Optimizers))]
    public void A_run_that_is_saved_and_loaded_is_the_run_that_was_not(OptimizerKind optimizer)
    {
        var plan = TinyCorpus.Plan with { Optimizer = optimizer, Steps = 14, Accumulation = 2 };
        using var uninterrupted = Start(plan);
        while (!uninterrupted.IsFinished)
            uninterrupted.Advance();

        foreach (var at in (int[])[0, 1, 5, 13, 14])
        {
            using (var before = Start(plan))
            {
                while (before.Step < at)
                    before.Advance();
                before.Save(_corpus["middle.gguf"]);
            }

            using var after = Start(plan);
            after.Load(_corpus["middle.gguf"]);
            Assert.Equal(at, after.Step);
            while (!after.IsFinished)
                after.Advance();
            Assert.True(State(after).AsSpan().SequenceEqual(State(uninterrupted)), $"resumed at {at}");
        }
    }

    [Fact]
    public void An_evaluation_changes_nothing_and_reads_whole_documents()
    {
        using Pretrain looked = Start(TinyCorpus.Plan), blind = Start(TinyCorpus.Plan);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(looked.Evaluate(), looked.Evaluate());
            looked.Evaluate(maxTokens: 50);
            Assert.Equal(blind.Advance(), looked.Advance());
        }

        Assert.True(State(looked).AsSpan().SequenceEqual(State(blind)));
        Assert.Throws<OperationCanceledException>(() => looked.Evaluate(cancel: new CancellationToken(true)));
    }

    [Fact]
    public void The_accounting_adds_up()
    {
        using var training = Start(TinyCorpus.Plan);
        training.Advance();
        var rows = training.Accounting;
        var config = TinyCorpus.Plan.Config();
        Assert.Equal(config.Parameters, rows.Sum(row => row.Parameters ?? 0));
        Assert.Equal(config.TrainingFlopPerToken, rows.Sum(row => row.FlopPerToken ?? 0));
        Assert.All(rows, row => Assert.True(row.Bytes > 0, row.Part));
    }

    [Fact]
    public void What_does_not_fit_together_is_refused()
    {
        Assert.Contains("vocabulary of 300, the tokenizer 281", Assert.Throws<ArgumentException>(() =>
            Start(TinyCorpus.Plan with { Vocabulary = 300 })).Message);
        Assert.Contains("a step of 8 x 32 tokens x 65536", Assert.Throws<ArgumentException>(() =>
            Start(TinyCorpus.Plan with { Rows = 2048, Accumulation = 65_536 })).Message.Replace("2048", "8"));
        Assert.Contains("Choose a shorter context", Assert.Throws<InvalidDataException>(() =>
            Start(TinyCorpus.Plan with { Context = 1 << 17 })).Message);
    }
}

/// <summary>Alone, because the runtime counts the allocations of all threads.</summary>
[Collection("alone")]
public sealed class PretrainAllocationTests
{
    [Theory]
    [InlineData(OptimizerKind.Muon), InlineData(OptimizerKind.AdamW)]
    public void A_step_allocates_nothing(OptimizerKind optimizer)
    {
        using var corpus = new TinyCorpus();
        using var pool = new WorkerPool(2);
        using var training = new Pretrain(
            TinyCorpus.Plan with { Optimizer = optimizer, Steps = 1000 }, corpus.Train, corpus.HeldOut,
                corpus.Tokenizer,
            pool);
        for (var i = 0; i < 60; i++) // over the end of an epoch, too
            training.Advance();
        Assert.InRange(training.Epochs, 1, 1000);

        // The runner's own threads may allocate in between, so the quietest of ten counts.
        long least = long.MaxValue, leastHere = long.MaxValue;
        for (var i = 0; i < 10 && least > 0; i++)
        {
            long everywhere = GC.GetTotalAllocatedBytes(precise: true), here = GC.GetAllocatedBytesForCurrentThread();
            training.Advance();
            training.Advance();
            leastHere = Math.Min(leastHere, GC.GetAllocatedBytesForCurrentThread() - here);
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - everywhere);
        }

        Assert.Equal((0, 0), (leastHere, least));
    }

    [CollectionDefinition("alone", DisableParallelization = true)]
    public sealed class Alone;
}
