using Wisp.Compute;

namespace Wisp.Model.Containers;

/// <summary>One tensor between the two layouts. Shapes here are GGUF's: the length of a row first.</summary>
internal static class HuggingFaceLayout
{
    // The largest vector of a real model is as long as its vocabulary. Vectors are converted in memory.
    private const long MaxVector = 1 << 26;

    /// <summary>What GGUF keeps in float32 whatever the matrices are: llama.cpp adds and gates in no other type.
    /// </summary>
    public static bool StaysWide(string name, int dimensions) => dimensions < 2 ||
        name.EndsWith("_norm.weight", StringComparison.Ordinal) || name is "position_embd.weight" ||
        name.EndsWith(".ffn_gate_inp.weight", StringComparison.Ordinal);

    /// <summary>A tensor of a folder as GGUF has it.</summary>
    /// <param name="name">In GGUF.</param>
    /// <param name="heads">That the rows belong to, for queries and keys.</param>
    public static (GgufTensor, TensorRows) ToGguf(
        string name, SafetensorsTensor tensor, MappedFile file, TensorLayout layout, int heads)
    {
        var type = Safetensors.FloatType(tensor.Type) ?? throw new InvalidDataException(
            $"{file.Path}: tensor {tensor.Name} is stored as {tensor.Type}; F32, F16 and BF16 can be read.");
        if (tensor.Shape.Count is 0 or > 4 || tensor.Elements == 0)
            throw Unfit(file.Path, tensor.Name, tensor.Shape, "one to four dimensions, none of them 0");
        long[] shape = [.. tensor.Shape.Reverse()];
        if (shape.Length == 1)
        {
            var values = Vector(file.Path, tensor.Name, tensor.Elements);
            Blocks.Decode(values, file.Slice(tensor.Offset, (int)tensor.Bytes), type);
            if (layout == TensorLayout.PlusOne)
                for (var i = 0; i < values.Length; i++)
                    values[i] += 1;
            if (layout is TensorLayout.QueryPairs or TensorLayout.KeyPairs)
                values = [.. Enumerable.Range(0, values.Length).Select(Origin(
                    file.Path, tensor.Name, shape, values.Length, heads, toGguf: true)).Select(i => values[i])];
            return ModelContainer.Tensor(name, shape, DType.F32, ArrayRows.Of(values, DType.F32));
        }

        Length(file.Path, tensor.Name, shape);
        var elementBytes = type.BlockBytes();
        TensorRows rows = new MappedRows(file, tensor.Offset, tensor.Elements / shape[0], shape[0] * elementBytes);
        if (layout != TensorLayout.Same && layout != TensorLayout.Experts && shape.Length != 2)
            throw Unfit(file.Path, tensor.Name, tensor.Shape, "a matrix");
        if (layout is TensorLayout.QueryPairs or TensorLayout.KeyPairs)
            rows = Reordered(rows, Origin(file.Path, tensor.Name, shape, shape[1], heads, toGguf: true));
        else if (layout == TensorLayout.Transposed)
            (rows, shape) = (new TransposedRows(rows, elementBytes), [shape[1], shape[0]]);
        if (!StaysWide(name, shape.Length) || type == DType.F32)
            return ModelContainer.Tensor(name, shape, type, rows);
        return ModelContainer.Tensor(name, shape, DType.F32,
            new ConvertedRows(rows, tensor.Name, (int)shape[0], type, DType.F32));
    }

    /// <summary>A tensor of GGUF as a folder has it; experts are cut from the stack elsewhere.</summary>
    /// <param name="type">Of matrices. Vectors become narrower than float32 only where that loses nothing.</param>
    public static (long[] Shape, DType Type, TensorRows Rows) ToFolder(
        Gguf gguf, GgufTensor tensor, TensorLayout layout, int heads, DType type, DType narrow)
    {
        long[] shape = [.. tensor.Shape];
        if (shape.Length == 0 || tensor.Elements == 0)
            throw Unfit(gguf.Path, tensor.Name, shape, "one to four dimensions, none of them 0");
        if (shape.Length == 1)
        {
            var values = Vector(gguf.Path, tensor.Name, tensor.Elements);
            gguf.ReadFloats(tensor, values);
            if (layout == TensorLayout.PlusOne)
                for (var i = 0; i < values.Length; i++)
                    values[i] -= 1;
            if (layout is TensorLayout.QueryPairs or TensorLayout.KeyPairs)
                values = [.. Enumerable.Range(0, values.Length).Select(Origin(
                    gguf.Path, tensor.Name, shape, values.Length, heads, toGguf: false)).Select(i => values[i])];
            var rounded = ArrayRows.Of(values, narrow);
            return IsExact(values, rounded, narrow)
                ? (shape, narrow, rounded) : (shape, DType.F32, ArrayRows.Of(values, DType.F32));
        }

        var rows = gguf.Rows(tensor);
        var length = Length(gguf.Path, tensor.Name, shape);
        if (tensor.DType != type)
            rows = new ConvertedRows(rows, tensor.Name, length, tensor.DType, type);
        if (layout is not TensorLayout.Same and not TensorLayout.Experts && shape.Length != 2)
            throw Unfit(gguf.Path, tensor.Name, shape, "a matrix");
        if (layout is TensorLayout.QueryPairs or TensorLayout.KeyPairs)
            rows = Reordered(rows, Origin(gguf.Path, tensor.Name, shape, shape[1], heads, toGguf: false));
        else if (layout == TensorLayout.Transposed)
            (rows, shape) = (new TransposedRows(rows, type.BlockBytes()), [shape[1], shape[0]]);
        return (shape, type, rows);
    }

    /// <summary>Whether a tensor that GGUF widened holds only values that the narrower type has.</summary>
    public static bool IsExact(Gguf gguf, GgufTensor tensor, DType narrow)
    {
        if (tensor.Elements > MaxVector)
            return false;
        var values = new float[tensor.Elements];
        gguf.ReadFloats(tensor, values);
        return IsExact(values, ArrayRows.Of(values, narrow), narrow);
    }

    private static bool IsExact(ReadOnlySpan<float> values, ArrayRows rounded, DType narrow)
    {
        rounded.TryMap(0, (int)rounded.Bytes, out var bytes);
        var back = new float[values.Length];
        Blocks.Decode(back, bytes, narrow);
        // Bits, so that -0 and NaN count.
        for (var i = 0; i < back.Length; i++)
            if (BitConverter.SingleToInt32Bits(back[i]) != BitConverter.SingleToInt32Bits(values[i]))
                return false;
        return true;
    }

    private static ReorderedRows Reordered(TensorRows rows, Func<int, int> origin) =>
        new(rows, row => origin((int)row));

    // Where the row of one layout lies in the other: of D rows a head, halves and adjacent pairs.
    private static Func<int, int> Origin(
        string path, string name, long[] shape, long rows, int heads, bool toGguf)
    {
        if (rows > int.MaxValue || rows % (2 * heads) != 0)
            throw Unfit(path, name, [.. shape.Reverse()], $"{heads} heads of an even number of rows");
        var D = (int)rows / heads;
        var half = D / 2;
        return toGguf
            ? row => row / D * D + row % D % 2 * half + row % D / 2
            : row => row / D * D + row % D % half * 2 + row % D / half;
    }

    private static float[] Vector(string path, string name, long elements) => elements <= MaxVector
        ? new float[elements]
        : throw new InvalidDataException(
            $"{path}: tensor {name} is a vector of {elements} values, which no model has.");

    // A row is read in one piece, and of a transposed matrix a column.
    private static int Length(string path, string name, long[] shape) => Math.Max(shape[0], shape[1]) <= MaxVector
        ? (int)shape[0]
        : throw new InvalidDataException(
            $"{path}: tensor {name} is a matrix of {shape[0]} by {shape[1]}, which no model has.");

    private static InvalidDataException Unfit(string path, string name, IReadOnlyList<long> shape, string expected) =>
        new($"{path}: tensor {name} is ({string.Join(", ", shape)}), expected {expected}.");
}
