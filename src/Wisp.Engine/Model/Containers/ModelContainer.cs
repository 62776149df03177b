using Wisp.Compute;

namespace Wisp.Model.Containers;

/// <summary>Finds out what a path holds and opens it. Content decides; a name only where it says nothing.</summary>
internal static class ModelContainer
{
    public static Gguf Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path))
            return HuggingFaceFolder.Holds(path)
                ? HuggingFaceFolder.Open(path)
                : throw new IOException($"{path}: is a directory without a {HuggingFaceFolder.ConfigName}, so no " +
                    "Hugging Face model. Name a model file, or a folder that holds one.");
        var name = Path.GetFileName(path);
        // The parts of a Hugging Face model: whoever names one means the model.
        if (name == HuggingFaceFolder.ConfigName || name.EndsWith(".safetensors", StringComparison.Ordinal) ||
            name.EndsWith(".safetensors.index.json", StringComparison.Ordinal))
        {
            var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
            if (File.Exists(path) && !HuggingFaceFolder.Holds(folder))
                throw new InvalidDataException($"{path}: has no {HuggingFaceFolder.ConfigName} beside it, which says " +
                    "what model these tensors are.");
            if (File.Exists(path))
                return HuggingFaceFolder.Open(folder);
        }

        var file = MappedFile.Open(path);
        try
        {
            var magic = file.Slice(0, (int)Math.Min(4, file.Length));
            return !magic.SequenceEqual("GGUF"u8) && (Llama2C.Fits(file) || name.EndsWith(".bin"))
                ? Llama2C.Open(file) : GgufFile.Open(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>A tensor as its file lists it and the rows that belong to it.</summary>
    public static (GgufTensor Tensor, TensorRows Rows) Tensor(
        string name, IReadOnlyList<long> shape, DType type, TensorRows rows) =>
        (new GgufTensor(name, shape, type, rows is MappedRows mapped ? mapped.Offset : -1, rows.Bytes), rows);

    /// <summary>A model whose metadata was made from another container's words.</summary>
    public static Gguf Present(string path, string container, GgufWriter metadata,
        IReadOnlyList<(GgufTensor Tensor, TensorRows Rows)> tensors, IReadOnlyList<MappedFile> files)
    {
        var bytes = new MemoryStream();
        metadata.Write(bytes);
        var head = MappedFile.InMemory(path, bytes.Length,
            (at, to) => bytes.GetBuffer().AsSpan((int)at, to.Length).CopyTo(to));
        try
        {
            return new Gguf(path, head, GgufHeader.Read(head).Pairs, tensors, files)
            {
                Container = container,
                Length = files.Sum(f => f.Length),
            };
        }
        catch
        {
            head.Dispose();
            throw;
        }
    }
}
