using Wisp.Compute;

namespace Wisp.Model.Containers;

/// <summary>Writes a model of any container as one GGUF file, in the types it has or in others.</summary>
public static class GgufConversion
{
    /// <summary>The state of training is no part of the model.</summary>
    private static readonly string[] s_trainingKeys = ["wisp.plan", "wisp.step"];

    /// <param name="mix">The types to write; null keeps those of the model.</param>
    /// <param name="allowRequantise">Quantise what is quantised already, which loses more.</param>
    /// <param name="progress">Told what is done, bytes so far and bytes in all.</param>
    /// <exception cref="InvalidDataException">A tensor is damaged, or of a type that cannot be read.</exception>
    public static void Write(Gguf model, string path, QuantMix? mix = null, bool allowRequantise = false,
        int threads = 1, Action<string, long, long>? progress = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        var plan = Plan(model, mix, allowRequantise);
        var writer = new GgufWriter();
        foreach (var (key, _) in model.Metadata)
            if (!s_trainingKeys.Contains(key) &&
                (mix is null || key is not ("general.file_type" or "general.quantization_version")))
                writer.AddCopy(model, key);
        if (mix is not null)
            writer.AddUInt("general.file_type", mix.FileType);

        long done = 0, total = plan.Sum(p => p.Type.BytesOf(p.Tensor.Elements));
        var stage = mix is null ? "copying" : $"writing {mix.Name}";
        foreach (var (tensor, type) in plan)
        {
            var rows = model.Rows(tensor);
            if (type != tensor.DType)
                rows = new ConvertedRows(rows, $"{model.Path}: tensor {tensor.Name}", (int)tensor.Shape[0],
                    tensor.DType, type, finite: type.IsQuantised());
            writer.AddTensor(tensor.Name, [.. tensor.Shape], type, stream =>
            {
                rows.CopyTo(stream, threads, bytes => progress?.Invoke(stage, done + bytes, total));
                done += rows.Bytes;
            });
        }

        writer.Write(path);
    }

    /// <summary>The type that each tensor will have.</summary>
    internal static List<(GgufTensor Tensor, DType Type)> Plan(Gguf model, QuantMix? mix, bool allowRequantise)
    {
        var tied = !model.TryTensor("output.weight", out _);
        var layers = model.TryGetString("general.architecture", out var a) &&
            model.TryGetUInt($"{a}.block_count", out var count) ? (int)Math.Min(count, int.MaxValue) : 0;
        var plan = new List<(GgufTensor, DType)>();
        foreach (var tensor in model.Tensors)
        {
            if (tensor.Name.StartsWith(ModelFile.CheckpointPrefix, StringComparison.Ordinal))
                continue;
            // What holds no numbers to compute with, such as a table of integers, stays as it is.
            var type = mix is null || IsInteger(tensor.DType) || tensor.Elements == 0
                ? tensor.DType : mix.TypeOf(tensor, layers, tied);
            if (type != tensor.DType)
                Check(model, tensor, type, allowRequantise);
            plan.Add((tensor, type));
        }

        return plan;
    }

    private static void Check(Gguf model, GgufTensor tensor, DType type, bool allowRequantise)
    {
        if (!tensor.DType.CanDecode())
            throw new InvalidDataException($"{model.Path}: tensor {tensor.Name} is stored as {tensor.DType.Name()}, " +
                "which cannot be converted.");
        if (!type.CanEncode())
            throw new InvalidDataException($"{model.Path}: tensor {tensor.Name} would become {type.Name()}, which " +
                "cannot be written. Choose another type.");
        if (tensor.DType.IsQuantised() && type.IsQuantised() && !allowRequantise)
            throw new InvalidDataException($"{model.Path}: tensor {tensor.Name} is quantised already " +
                $"({tensor.DType.Name()}), and quantising it again loses more. Start from the original model, or " +
                "say wisp quantize --allow-requantize.");
        if (tensor.Shape.Count > 0 && tensor.Shape[0] > 1 << 28)
            throw new InvalidDataException(
                $"{model.Path}: tensor {tensor.Name} has rows of {tensor.Shape[0]} values, which no model has.");
    }

    private static bool IsInteger(DType type) => type is DType.I8 or DType.I16 or DType.I32 or DType.I64;
}
