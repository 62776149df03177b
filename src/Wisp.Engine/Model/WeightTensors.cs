using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// The tensors of a file as weights, each asked for by the shape that it must have; what nobody has asked for is known.
/// Tensors of a checkpoint beside the weights do not count.
/// </summary>
internal sealed class WeightTensors(Gguf gguf)
{
    private readonly HashSet<string> _unused =
    [
        .. gguf.Tensors.Select(t => t.Name).Where(name =>
            !name.StartsWith(ModelFile.CheckpointPrefix, StringComparison.Ordinal)),
    ];

    public bool Has(string name) => gguf.TryTensor(name, out _);

    /// <exception cref="InvalidDataException">It is missing or of another shape.</exception>
    public WeightMatrix Matrix(string name, params ReadOnlySpan<int> shape) => gguf.Matrix(Take(name, shape));

    /// <summary>
    /// A vector, or a few. They are small: whatever their type, they are float32 in memory, one column a row.
    /// </summary>
    /// <exception cref="InvalidDataException">It is missing or of another shape.</exception>
    public WeightMatrix Floats(string name, params ReadOnlySpan<int> shape)
    {
        var tensor = Take(name, shape);
        var values = new FloatBuffer(checked((int)tensor.Elements));
        gguf.ReadFloats(tensor, values.Span);
        return WeightMatrix.Of(values, 0, values.Length, 1);
    }

    /// <exception cref="InvalidDataException">One was never asked for.</exception>
    public void RequireAllUsed(string architecture)
    {
        if (_unused.Count > 0)
            throw new InvalidDataException(
                $"{gguf.Path}: holds tensor {_unused.Order(StringComparer.Ordinal).First()}, which {architecture} " +
                "does not use here; this variant of the architecture is not supported.");
    }

    public InvalidDataException Missing(string name) => new($"{gguf.Path}: tensor {name} is missing.");

    private GgufTensor Take(string name, ReadOnlySpan<int> shape)
    {
        if (!gguf.TryTensor(name, out var tensor))
            throw Missing(name);
        var fits = tensor.Shape.Count == shape.Length;
        for (var i = 0; fits && i < shape.Length; i++)
            fits = tensor.Shape[i] == shape[i];
        if (!fits)
            throw new InvalidDataException(
                $"{gguf.Path}: tensor {name} is ({string.Join(", ", tensor.Shape)}), expected " +
                $"({string.Join(", ", shape.ToArray())}).");
        _unused.Remove(name);
        return tensor;
    }
}
