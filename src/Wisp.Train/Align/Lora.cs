using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Train.Align;

/// <summary>
/// Low-rank adapters: W = W₀ + (α/r)·B·A with W₀ frozen, A (r, in), B (out, r). Hu et al. 2021, "LoRA: Low-Rank
/// Adaptation of Large Language Models", arXiv:2106.09685, section 4.1.
/// </summary>
/// <remarks>
/// The product is merged into the weights before a step instead of being applied beside them: y = x·Wᵀ is the same sum,
/// the transformer needs no second path, and the finished model has no adapters to carry. With s = α/r and dW the
/// gradient of the merged matrix, dA = s·Bᵀ·dW and dB = s·dW·Aᵀ. What a rank saves is the optimizer's state and what
/// has to be kept of a tuned model; at the sizes trained here dW costs nothing that matters.
/// A begins as N(0, 1/in), so that x·Aᵀ has the scale of x, and B as zero: the first step sees the model unchanged.
/// </remarks>
public sealed class Lora : IDisposable
{
    /// <summary>Every matrix of a block that can have an adapter.</summary>
    public const string AllTargets = "q,k,v,o,gate,up,down";

    private readonly int _rank;
    private readonly float _scale;
    private readonly List<(ParameterTensor Tensor, int A, int B)> _adapters = [];
    private readonly FloatBuffer _values, _gradients, _scaled;

    public Lora(ParameterMap map, int rank, double alpha, string targets, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rank);
        (_rank, _scale) = (rank, (float)(alpha / rank));
        var names = Targets(targets);
        var length = 0;
        foreach (var block in map.Blocks)
            foreach (var name in names)
            {
                var tensor = Matrix(block, name);
                if (rank > Math.Min(tensor.Rows, tensor.Columns))
                    throw new ArgumentException(
                        $"Adapters of rank {rank} are no smaller than {tensor.Name}, which is {tensor.Rows} x " +
                        $"{tensor.Columns}. Choose a lower rank, or train the weights themselves.");
                _adapters.Add((tensor, length, length + (rank * tensor.Columns)));
                length = checked(length + (rank * (tensor.Rows + tensor.Columns)));
            }

        _values = new FloatBuffer(length);
        _gradients = new FloatBuffer(length);
        _scaled = new FloatBuffer(_adapters.Max(adapter => adapter.Tensor.Rows) * rank);
        var random = new SplitMix64(seed);
        foreach (var (tensor, a, _) in _adapters)
            foreach (ref var value in _values.Slice(a, rank * tensor.Columns))
            {
                var radius = Math.Sqrt(-2 * Math.Log(1 - random.NextUnit()) / tensor.Columns);
                value = (float)(radius * Math.Cos(2 * Math.PI * random.NextUnit()));
            }
    }

    /// <summary>All A and B, one after the other.</summary>
    public Span<float> Values => _values.Span;

    /// <summary>The memory of <see cref="Values"/>, for checkpoints.</summary>
    internal FloatBuffer Buffer => _values;

    /// <summary>Their gradients, in the same order.</summary>
    public Span<float> Gradients => _gradients.Span;

    /// <summary>Writes W₀ + (α/r)·B·A into every matrix that has an adapter.</summary>
    public void Merge(WorkerPool pool, Parameters weights, Parameters frozen)
    {
        foreach (var (tensor, a, b) in _adapters)
        {
            int rows = tensor.Rows, columns = tensor.Columns;
            VectorOps.Copy(pool, weights.Of(tensor), frozen.Of(tensor));
            Gemm.Multiply(
                pool, weights.Of(tensor), Scaled(pool, b, rows), _values.Slice(a, _rank * columns), rows, columns,
                _rank, transposeA: false, transposeB: false, accumulate: true);
        }
    }

    /// <summary>Writes the adapters' gradients from those of the merged matrices.</summary>
    public void Backward(WorkerPool pool, Parameters gradients)
    {
        foreach (var (tensor, a, b) in _adapters)
        {
            int rows = tensor.Rows, columns = tensor.Columns;
            Gemm.Multiply(
                pool, _gradients.Slice(a, _rank * columns), Scaled(pool, b, rows), gradients.Of(tensor), _rank, columns,
                rows, transposeA: true, transposeB: false, accumulate: false);
            var db = _gradients.Slice(b, rows * _rank);
            Gemm.Multiply(
                pool, db, gradients.Of(tensor), _values.Slice(a, _rank * columns), rows, _rank, columns,
                transposeA: false, transposeB: true, accumulate: false);
            VectorOps.Scale(pool, db, _scale);
        }
    }

    // s·B: the smallest of the matrices in which the scale could go.
    private Span<float> Scaled(WorkerPool pool, int b, int rows)
    {
        var scaled = _scaled.Slice(0, rows * _rank);
        VectorOps.Copy(pool, scaled, _values.Slice(b, rows * _rank));
        VectorOps.Scale(pool, scaled, _scale);
        return scaled;
    }

    /// <exception cref="ArgumentException">Not a list of targets.</exception>
    internal static IReadOnlyList<string> Targets(string list)
    {
        string[] names = [.. list.Split(',', StringSplitOptions.TrimEntries).Distinct()];
        var unknown = names.FirstOrDefault(name => !AllTargets.Split(',').Contains(name));
        return unknown is null ? names : throw new ArgumentException(
            $"Adapters: there is no matrix '{unknown}' in a block; there are {AllTargets.Replace(",", ", ")}.");
    }

    private static ParameterTensor Matrix(BlockTensors block, string name) => name switch
    {
        "q" => block.Q,
        "k" => block.K,
        "v" => block.V,
        "o" => block.O,
        "gate" => block.Gate,
        "up" => block.Up,
        _ => block.Down,
    };

    public void Dispose()
    {
        _values.Dispose();
        _gradients.Dispose();
        _scaled.Dispose();
    }
}
