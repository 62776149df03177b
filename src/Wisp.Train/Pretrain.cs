using Wisp.Compute;
using Wisp.Model;
using Wisp.Train.Data;
using Wisp.Train.Report;

namespace Wisp.Train;

/// <summary>
/// One pretraining run: weights, gradients, optimizer and batches of a plan, advanced step by step. Everything that
/// decides the weights is a function of the plan and the step, so a run that was killed goes on with the same bits.
/// </summary>
public sealed class Pretrain : IDisposable
{
    private readonly PretrainPlan _plan;
    private readonly ParameterMap _map;
    private readonly Tokenizer _tokenizer;
    private readonly WorkerPool _pool;
    private readonly BatchReader _batches;
    private readonly TokenShards _heldOut;
    private readonly Parameters _gradients;
    private readonly Optimizer _optimizer;
    private readonly Transformer _transformer;
    private readonly int[] _tokens, _targets, _positions, _starts;

    public Pretrain(PretrainPlan plan, TokenShards train, TokenShards heldOut, Tokenizer tokenizer, WorkerPool pool)
    {
        _plan = plan.Validated();
        if (tokenizer.VocabularySize != plan.Vocabulary || train.VocabularySize != plan.Vocabulary)
            throw new ArgumentException(
                $"The plan has a vocabulary of {plan.Vocabulary}, the tokenizer {tokenizer.VocabularySize}, the " +
                $"tokens {train.VocabularySize}.");
        _map = new ParameterMap(plan.Config());
        (_tokenizer, _pool, _heldOut) = (tokenizer, pool, heldOut);
        _batches = new BatchReader(train, plan.Rows, plan.Context, plan.Seed);
        Weights = Parameters.Initialize(_map, plan.Seed);
        _gradients = new Parameters(_map);
        _optimizer = new Optimizer(_map, plan);
        var rows = plan.Rows * plan.Context;
        _transformer = new Transformer(_map, pool, rows, train: true);
        (_tokens, _targets, _positions, _starts) = (new int[rows], new int[rows], new int[rows], new int[rows]);
    }

    public Parameters Weights { get; }

    /// <summary>Optimizer steps done.</summary>
    public int Step { get; private set; }

    public bool IsFinished => Step == _plan.Steps;

    /// <summary>How often the training text has been seen.</summary>
    public double Epochs => _batches.EpochsAt((long)Step * _plan.Accumulation);

    /// <summary>
    /// What the run keeps in memory, part by part; the report and the memory bar of the bench use the same sum.
    /// </summary>
    public IReadOnlyList<AccountRow> Accounting => Account(_map.Config, _optimizer, _transformer, _pool, _map.Length);

    /// <summary>Goes on from a checkpoint of the same plan.</summary>
    public void Load(string path) => Step = Checkpoint.Load(path, _plan, Weights, _optimizer);

    public void Save(string path) => Checkpoint.Save(path, _plan, Step, Weights, _optimizer, _tokenizer);

    /// <summary>
    /// One optimizer step; returns the mean loss in nats a token and the gradient's norm before clipping.
    /// </summary>
    public (double Loss, double GradientNorm) Advance()
    {
        VectorOps.Clear(_pool, _gradients.Values);
        var loss = 0.0;
        var scale = 1f / _plan.TokensPerStep; // every position of a training row counts
        for (var i = 0; i < _plan.Accumulation; i++)
        {
            _batches.Fill(((long)Step * _plan.Accumulation) + i, _tokens, _targets, _positions, _starts);
            loss += _transformer.ForwardBackward(Weights, _gradients, Batch, scale);
        }

        var norm = _optimizer.Step(_pool, Weights, _gradients, Step);
        Step++;
        return (loss / _plan.TokensPerStep, norm);
    }

    private TokenBatch Batch => new(_plan.Rows, _plan.Context, _tokens, _targets, _positions, _starts);

    /// <summary>
    /// Loss and bits-per-byte on held-out documents: Σ nats : (ln 2 · raw bytes of the text). Documents are read in
    /// windows of the context with nothing before them, so the figure is an upper bound of what a longer memory would
    /// give.
    /// </summary>
    /// <param name="maxTokens">Whole documents are taken until there are so many tokens.</param>
    public (double LossNats, double BitsPerByte) Evaluate(long maxTokens = long.MaxValue,
        CancellationToken cancel = default)
    {
        var text = new HeldOut(_heldOut, _plan.Rows, _plan.Context, maxTokens);
        var nats = 0.0;
        for (var i = 0; i < text.BatchCount; i++)
        {
            cancel.ThrowIfCancellationRequested();
            text.Fill(i, _tokens, _targets, _positions, _starts);
            nats += _transformer.Loss(Weights, Batch);
        }

        return (nats / text.Targets, nats / Math.Log(2) / text.RawBytes);
    }

    /// <summary>
    /// Seconds of one step on this machine now: the median of the later half of at least six steps and at least
    /// <paramref name="time"/>, since the first ones run before the JIT has optimised the kernels. The steps count as
    /// done: measure on a run that is thrown away.
    /// </summary>
    public double MeasureSecondsPerStep(TimeSpan time, TimeProvider clock, CancellationToken cancel = default)
    {
        var seconds = new List<double>();
        var begin = clock.GetTimestamp();
        while (seconds.Count < 6 || clock.GetElapsedTime(begin) < time)
        {
            cancel.ThrowIfCancellationRequested();
            var start = clock.GetTimestamp();
            Advance();
            seconds.Add(clock.GetElapsedTime(start).TotalSeconds);
        }

        double[] late = [.. seconds.Skip(seconds.Count / 2).Order()];
        return late[late.Length / 2];
    }

    /// <summary>
    /// The accounting of a plan's memory and work: every part that grows with the model or the batch.
    /// </summary>
    private static IReadOnlyList<AccountRow> Account(
        ModelConfig config, Optimizer optimizer, Transformer transformer, WorkerPool pool, int length)
    {
        long head = (long)config.Vocabulary * config.Width, blocks = config.Layers * config.BlockMatrixParameters;
        return
        [
            new("block matrices", blocks, 6.0 * blocks, blocks * sizeof(float)),
            new(config.TiedHead ? "embedding and head, tied" : "output head", head, 6.0 * head, head * sizeof(float)),
            new("embedding and norms", config.Parameters - blocks - head, null,
                (config.Parameters - blocks - head) * sizeof(float)),
            new("gradients", null, null, (long)length * sizeof(float)),
            new("optimizer state", null, null, optimizer.Bytes),
            new("activations", null, null, transformer.Bytes),
            new("work space of kernels", null, null, optimizer.ScratchBytes + pool.ScratchBytes),
        ];
    }

    public void Dispose()
    {
        Weights.Dispose();
        _gradients.Dispose();
        _optimizer.Dispose();
        _transformer.Dispose();
    }
}
