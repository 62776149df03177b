using Wisp.Compute;

namespace Wisp.Model;

/// <summary>Where a low-rank change goes: (layer, matrix), as the tensor of the weights is called.</summary>
/// <param name="A">(r, C).</param>
/// <param name="B">(R, r), with the scale α/r in it.</param>
internal sealed record LowRank(WeightMatrix A, WeightMatrix B);

/// <summary>
/// Low-rank changes to a decoder's matrices, W + (α/r)·B·A (Hu et al. 2021, arXiv:2106.09685), in the GGUF form that
/// llama.cpp has: general.type adapter, adapter.type lora, two tensors name.lora_a and name.lora_b for every matrix
/// that is changed. Any row of a batch may have its own; the weights themselves stay as they are.
/// </summary>
/// <remarks>Small, in float32. Its memory goes with the last request that holds it.</remarks>
public sealed class LoraAdapter
{
    private const string A = ".lora_a", B = ".lora_b", WeightSuffix = ".weight";

    private readonly Dictionary<string, LowRank> _changes = [];

    private LoraAdapter(string path, ModelConfig config, int rank) => (Path, Config, Rank) = (path, config, rank);

    public string Path { get; }

    /// <summary>The largest rank of its changes.</summary>
    public int Rank { get; private set; }

    /// <summary>How many matrices it changes.</summary>
    public int Count => _changes.Count;

    internal ModelConfig Config { get; }

    /// <param name="weights">The model it is for.</param>
    /// <param name="scale">Times what the file says.</param>
    /// <exception cref="InvalidDataException">Damaged, no adapter, or made for a model of another shape.</exception>
    public static LoraAdapter Open(string path, DecoderWeights weights, float scale = 1)
    {
        if (!float.IsFinite(scale))
            throw new ArgumentException($"The scale of an adapter is {scale}; it must be a number.");
        using var gguf = Gguf.Open(path);
        Require("general.type", "adapter");
        Require("adapter.type", "lora");
        var architecture = gguf.GetString("general.architecture");
        if (architecture != weights.Config.Architecture.Name)
            throw new InvalidDataException(
                $"{path}: is an adapter for {architecture} models, and this one is " +
                $"{weights.Config.Architecture.Name}.");
        var alpha = gguf.GetFloat("adapter.lora.alpha");
        if (!float.IsFinite(alpha))
            throw new InvalidDataException($"{path}: adapter.lora.alpha is {alpha}.");

        var targets = weights.Projections.Where(p => p.Name is not null).GroupBy(p => p.Name!)
            .ToDictionary(g => g.Key, g => (g.First().Weight.Columns, Rows: g.Sum(p => p.Outputs)));
        var adapter = new LoraAdapter(path, weights.Config, 0);
        foreach (var tensor in gguf.Tensors)
        {
            var isA = tensor.Name.EndsWith(A, StringComparison.Ordinal);
            if (!isA && !tensor.Name.EndsWith(B, StringComparison.Ordinal))
                throw new InvalidDataException($"{path}: tensor {tensor.Name} is neither {A} nor {B}.");
            var name = tensor.Name[..^A.Length];
            if (!gguf.TryTensor(name + (isA ? B : A), out var other))
                throw new InvalidDataException($"{path}: {tensor.Name} has no {(isA ? B : A)} beside it.");
            if (!isA)
                continue;
            if (!name.EndsWith(WeightSuffix, StringComparison.Ordinal)
                || !targets.TryGetValue(name[..^WeightSuffix.Length], out var target))
                throw new InvalidDataException(
                    $"{path}: changes {name}, which this model does not have or which cannot be adapted here.");
            // GGUF tells the length of a row first.
            if (tensor.Shape is not [var columns, var rank] || other.Shape is not [var inner, var rows]
                || columns != target.Columns || rows != target.Rows || inner != rank || rank < 1)
                throw new InvalidDataException(
                    $"{path}: {name} is changed by ({Shape(other)}) times ({Shape(tensor)}); the matrix is " +
                    $"{target.Rows} x {target.Columns}.");
            adapter.Rank = Math.Max(adapter.Rank, (int)rank);
            adapter._changes.Add(name[..^WeightSuffix.Length], new LowRank(
                Read(tensor, (int)rank, (int)columns, 1), Read(other, (int)rows, (int)rank, scale * alpha / rank)));
        }

        return adapter.Count > 0 ? adapter : throw new InvalidDataException($"{path}: the adapter changes nothing.");

        static string Shape(GgufTensor tensor) => string.Join(" x ", tensor.Shape.Reverse());

        WeightMatrix Read(GgufTensor tensor, int rows, int columns, float factor)
        {
            var values = new FloatBuffer(checked(rows * columns));
            gguf.ReadFloats(tensor, values.Span);
            foreach (ref var value in values.Span)
                value *= factor;
            return WeightMatrix.Of(values, 0, rows, columns);
        }

        void Require(string key, string value)
        {
            if (!gguf.TryGetString(key, out var found) || found != value)
                throw new InvalidDataException(
                    $"{path}: is no LoRA adapter: {key} is {(found is null ? "missing" : $"'{found}'")}, not " +
                    $"'{value}'.");
        }
    }

    internal LowRank? Of(Projection w)
    {
        if (w.Name is null || !_changes.TryGetValue(w.Name, out var change))
            return null;
        return change.B.Rows == w.Outputs ? change : new(change.A, change.B.Slice(w.FirstRow, w.Outputs));
    }
}
