using System.Diagnostics.CodeAnalysis;
using System.Text;
using Wisp.Compute;
using Wisp.Model.Containers;

namespace Wisp.Model;

/// <summary>
/// A model as GGUF describes it: metadata by key and tensors by name. The container may be another one: whatever is
/// opened is presented with the keys, tensor names and layouts that a GGUF file of the same model would have. Opening
/// checks the whole head, so whatever is asked for afterwards lies within the files.
/// </summary>
public sealed class Gguf : IDisposable
{
    private readonly MappedFile _head;
    private readonly Dictionary<string, GgufValue> _values;
    private readonly Dictionary<string, GgufTensor> _tensors;
    private readonly Dictionary<string, TensorRows> _rows;
    private readonly Dictionary<string, MappedFile> _made = []; // tensors that no file holds as they are wanted
    private readonly IReadOnlyList<IDisposable> _owned;
    private readonly Lock _lock = new();

    /// <param name="head">Holds the values of the pairs.</param>
    /// <param name="owned">Closed with the model; the head is, too.</param>
    internal Gguf(string path, MappedFile head, IReadOnlyList<KeyValuePair<string, GgufValue>> pairs,
        IReadOnlyList<(GgufTensor Tensor, TensorRows Rows)> tensors, IReadOnlyList<IDisposable> owned)
    {
        (Path, _head, Metadata, _owned) = (path, head, pairs, owned);
        Tensors = [.. tensors.Select(t => t.Tensor)];
        _values = new(pairs);
        _tensors = Tensors.ToDictionary(t => t.Name);
        _rows = tensors.ToDictionary(t => t.Tensor.Name, t => t.Rows);
    }

    public string Path { get; }

    /// <summary>What the model is stored as, in words.</summary>
    public string Container { get; init; } = "GGUF";

    /// <summary>Bytes of all its files.</summary>
    public long Length { get; init; }

    /// <summary>Of the GGUF format; other containers are presented as version 3.</summary>
    public uint Version { get; init; } = 3;

    /// <summary>Bytes to which every tensor is padded.</summary>
    public int Alignment { get; init; } = 32;

    /// <summary>Where the tensors begin in a single GGUF file; 0 for anything else.</summary>
    public long DataOffset { get; init; }

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<KeyValuePair<string, GgufValue>> Metadata { get; }

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<GgufTensor> Tensors { get; }

    /// <summary>
    /// Opens a GGUF file, one of its shards, the folder of a Hugging Face model, or a llama2.c model.
    /// </summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    /// <exception cref="InvalidDataException">It is none of these, or a damaged or hostile one.</exception>
    public static Gguf Open(string path) => ModelContainer.Open(path);

    public bool Has(string key) => _values.ContainsKey(key);

    public string GetString(string key) => TryGetString(key, out var value) ? value : throw Missing(key);

    /// <summary>A count, stored as any of the integer types; it must fit 0 to 2³²-1.</summary>
    public uint GetUInt(string key) => TryGetUInt(key, out var value) ? value : throw Missing(key);

    public float GetFloat(string key) => TryGetFloat(key, out var value) ? value : throw Missing(key);

    public bool GetBool(string key) => TryGetBool(key, out var value) ? value : throw Missing(key);

    public string[] GetStrings(string key) => TryGetStrings(key, out var value) ? value : throw Missing(key);

    /// <summary>An array of any of the integer types; every item must fit an int.</summary>
    public int[] GetInts(string key) => TryGetInts(key, out var value) ? value : throw Missing(key);

    public float[] GetFloats(string key) => TryGetFloats(key, out var value) ? value : throw Missing(key);

    /// <summary>False where the key is missing. A value of another type is a fault, here as in all getters.</summary>
    public bool TryGetString(string key, [NotNullWhen(true)] out string? value)
    {
        value = Find(key, "string", v => v.Type == GgufType.String) is { } found ? Text(found.Offset, out _) : null;
        return value is not null;
    }

    public bool TryGetUInt(string key, out uint value)
    {
        value = 0;
        if (Find(key, "u32", v => IsInteger(v.Type)) is not { } found)
            return false;
        var wide = Integer(found.Type, found.Offset);
        if (wide < uint.MinValue || wide > uint.MaxValue)
            throw new InvalidDataException($"{Path}: key {key} is {wide}, expected 0 to {uint.MaxValue}.");
        value = (uint)wide;
        return true;
    }

    public bool TryGetFloat(string key, out float value)
    {
        value = 0;
        if (Find(key, "f32", v => v.Type is GgufType.F32 or GgufType.F64) is not { } found)
            return false;
        value = found.Type == GgufType.F32
            ? _head.Slice<float>(found.Offset, 1)[0] : (float)_head.Slice<double>(found.Offset, 1)[0];
        return true;
    }

    public bool TryGetBool(string key, out bool value)
    {
        var found = Find(key, "bool", v => v.Type == GgufType.Bool);
        value = found is { } at && _head.Slice(at.Offset, 1)[0] != 0;
        return found is not null;
    }

    public bool TryGetStrings(string key, [NotNullWhen(true)] out string[]? value)
    {
        value = null;
        if (Find(key, "array of string", v => v is { Type: GgufType.Array, Item: GgufType.String }) is not { } found)
            return false;
        value = new string[found.Count];
        var at = found.Offset;
        for (var i = 0; i < value.Length; i++)
            value[i] = Text(at, out at);
        return true;
    }

    public bool TryGetInts(string key, [NotNullWhen(true)] out int[]? value)
    {
        value = null;
        if (Find(key, "array of i32", v => v.Type == GgufType.Array && IsInteger(v.Item)) is not { } found)
            return false;
        value = new int[found.Count];
        var size = GgufValue.SizeOf(found.Item);
        for (var i = 0; i < value.Length; i++)
        {
            var wide = Integer(found.Item, found.Offset + (long)i * size);
            if (wide < int.MinValue || wide > int.MaxValue)
                throw new InvalidDataException($"{Path}: item {i} of key {key} is {wide}, beyond 32 bits.");
            value[i] = (int)wide;
        }

        return true;
    }

    public bool TryGetFloats(string key, [NotNullWhen(true)] out float[]? value)
    {
        value = Find(key, "array of f32", v => v is { Type: GgufType.Array, Item: GgufType.F32 }) is { } found
            ? _head.Slice<float>(found.Offset, found.Count).ToArray() : null;
        return value is not null;
    }

    /// <summary>
    /// The value, or the items of an array one by one, as the .NET type of the same name; for listings, since each is
    /// boxed. Bytes that are no UTF-8 become U+FFFD.
    /// </summary>
    public IEnumerable<object> Items(GgufValue value)
    {
        var at = value.Offset;
        for (var i = 0; i < value.Count; i++)
        {
            yield return value.Item switch
            {
                GgufType.String => Text(at, out at),
                GgufType.Bool => _head.Slice(at, 1)[0] != 0,
                GgufType.F32 => _head.Slice<float>(at, 1)[0],
                GgufType.F64 => _head.Slice<double>(at, 1)[0],
                GgufType.U64 => _head.Slice<ulong>(at, 1)[0],
                _ => (object)(long)Integer(value.Item, at),
            };
            at += GgufValue.SizeOf(value.Item);
        }
    }

    public bool TryTensor(string name, [NotNullWhen(true)] out GgufTensor? tensor) =>
        _tensors.TryGetValue(name, out tensor);

    public GgufTensor Tensor(string name) => TryTensor(name, out var tensor)
        ? tensor : throw new InvalidDataException($"{Path}: tensor {name} is missing.");

    /// <summary>The tensor's bytes. One beyond 2 GB is read in parts.</summary>
    public ReadOnlySpan<byte> Bytes(GgufTensor tensor) => tensor.Bytes <= int.MaxValue
        ? Bytes(tensor, 0, (int)tensor.Bytes)
        : throw new ArgumentException($"{Path}: tensor {tensor.Name} has {tensor.Bytes} bytes; ask for parts of it.");

    /// <summary>
    /// A part of the tensor's bytes, in the map. Where the container has another layout the whole tensor is converted
    /// the first time and stays in memory as long as the model is open.
    /// </summary>
    /// <param name="from">First byte of the part, counted within the tensor.</param>
    public ReadOnlySpan<byte> Bytes(GgufTensor tensor, long from, int length)
    {
        if (from < 0 || length < 0 || from > tensor.Bytes - length)
            throw new ArgumentOutOfRangeException(
                nameof(from), $"{length} bytes at {from} reach beyond tensor {tensor.Name}.");
        var rows = _rows[tensor.Name];
        if (rows.TryMap(from, length, out var bytes))
            return bytes;
        return Place(tensor).File.Slice(from, length);
    }

    /// <summary>Fills y with all values of the tensor as float32.</summary>
    /// <exception cref="InvalidDataException">The type is one that can be listed but not computed with.</exception>
    public void ReadFloats(GgufTensor tensor, Span<float> y)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(y.Length, tensor.Elements);
        RequireDecodable(tensor);
        var rows = _rows[tensor.Name];
        const int Part = 1 << 20; // values; keeps the bytes of any part within an int
        for (var i = 0L; i < y.Length; i += Part)
        {
            var part = y.Slice((int)i, (int)Math.Min(Part, y.Length - i));
            if (!rows.TryMap(tensor.DType.BytesOf(i), (int)tensor.DType.BytesOf(part.Length), out var bytes))
            {
                ReadRows(rows, tensor.DType, y);
                return;
            }

            Blocks.Decode(part, bytes, tensor.DType);
        }
    }

    // What has to be computed is computed for this reader alone, and not kept.
    private static void ReadRows(TensorRows rows, DType type, Span<float> y)
    {
        var length = (int)(y.Length / rows.Rows);
        var bytes = new byte[rows.RowBytes];
        for (var row = 0; row < rows.Rows; row++)
        {
            rows.Read(row, 1, bytes);
            Blocks.Decode(y.Slice(row * length, length), bytes, type);
        }
    }

    /// <summary>
    /// A tensor as a matrix in the map, not copied but where the container has another layout; of one with more
    /// dimensions the last are numbered through, so that an expert is a slice of its rows.
    /// </summary>
    /// <exception cref="InvalidDataException">The type is one that can be listed but not computed with.</exception>
    public WeightMatrix Matrix(GgufTensor tensor)
    {
        RequireDecodable(tensor);
        var columns = tensor.Shape.Count == 0 ? 1 : tensor.Shape[0];
        var rows = columns == 0 ? 0 : tensor.Elements / columns;
        if (columns is < 1 or > int.MaxValue || rows is < 1 or > int.MaxValue)
            throw new InvalidDataException(
                $"{Path}: tensor {tensor.Name} is ({string.Join(", ", tensor.Shape)}), which is no matrix.");
        var (file, offset) = Place(tensor);
        return WeightMatrix.Of(file, offset, tensor.DType, (int)rows, (int)columns);
    }

    // Where all bytes of the tensor lie one behind the other, made so the first time where no file has them.
    private (MappedFile File, long Offset) Place(GgufTensor tensor)
    {
        if (_rows[tensor.Name] is MappedRows mapped)
            return (mapped.File, mapped.Offset);
        lock (_lock)
        {
            if (!_made.TryGetValue(tensor.Name, out var made))
                _made.Add(tensor.Name, made = _rows[tensor.Name].Materialise($"{Path}: tensor {tensor.Name}"));
            return (made, 0);
        }
    }

    private void RequireDecodable(GgufTensor tensor)
    {
        if (!tensor.DType.CanDecode())
            throw new InvalidDataException($"{Path}: tensor {tensor.Name} is stored as {tensor.DType.Name()}, " +
                $"which cannot be computed with; {DTypes.Names(DTypes.CanDecode)} can.");
    }

    public void Dispose()
    {
        foreach (var file in _made.Values.Concat(_owned).Append(_head))
            file.Dispose();
    }

    /// <summary>This shard's metadata and the tensors of all.</summary>
    internal Gguf JoinedWith(IReadOnlyList<Gguf> shards, IReadOnlyList<(GgufTensor Tensor, TensorRows Rows)> tensors,
        IReadOnlyList<KeyValuePair<string, GgufValue>> pairs) =>
        new(Path, _head, pairs, tensors, [.. shards.Where(s => s != this)])
        {
            Container = $"GGUF version {Version} in {shards.Count} shards",
            Length = shards.Sum(s => s.Length),
            Version = Version,
            Alignment = Alignment,
        };

    /// <summary>The rows of a tensor, read without keeping what has to be computed.</summary>
    internal TensorRows Rows(GgufTensor tensor) => _rows[tensor.Name];

    /// <summary>Bytes of the head: the metadata values lie there, and in a single GGUF file everything else.</summary>
    internal ReadOnlySpan<byte> RawBytes(long offset, int length) => _head.Slice(offset, length);

    internal GgufValue Value(string key) => _values.TryGetValue(key, out var value) ? value : throw Missing(key);

    private InvalidDataException Missing(string key) => new($"{Path}: key {key} is missing.");

    private GgufValue? Find(string key, string expected, Predicate<GgufValue> fits)
    {
        if (!_values.TryGetValue(key, out var value))
            return null;
        if (!fits(value))
            throw new InvalidDataException($"{Path}: key {key} has type {value.TypeName}, expected {expected}.");
        return value;
    }

    private static bool IsInteger(GgufType type) =>
        type is <= GgufType.I32 or GgufType.U64 or GgufType.I64;

    private Int128 Integer(GgufType type, long at) => type switch
    {
        GgufType.U8 => _head.Slice(at, 1)[0],
        GgufType.I8 => _head.Slice<sbyte>(at, 1)[0],
        GgufType.U16 => _head.Slice<ushort>(at, 1)[0],
        GgufType.I16 => _head.Slice<short>(at, 1)[0],
        GgufType.U32 => _head.Slice<uint>(at, 1)[0],
        GgufType.I32 => _head.Slice<int>(at, 1)[0],
        GgufType.U64 => _head.Slice<ulong>(at, 1)[0],
        _ => _head.Slice<long>(at, 1)[0],
    };

    private string Text(long at, out long next)
    {
        var length = (int)_head.Slice<ulong>(at, 1)[0]; // the head's reader has checked it
        next = at + sizeof(ulong) + length;
        return Encoding.UTF8.GetString(_head.Slice(at + sizeof(ulong), length));
    }
}
