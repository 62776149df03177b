using System.Diagnostics.CodeAnalysis;
using System.Text;
using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// A GGUF model file, mapped: its metadata by key and its tensors by name. Opening one checks the whole head, so
/// whatever is asked for afterwards lies within the file.
/// </summary>
public sealed class Gguf : IDisposable
{
    private readonly MappedFile _file;
    private readonly Dictionary<string, GgufValue> _values;
    private readonly Dictionary<string, GgufTensor> _tensors;

    private Gguf(MappedFile file, GgufHeader header)
    {
        _file = file;
        (Version, Alignment, DataOffset) = (header.Version, header.Alignment, header.DataOffset);
        Metadata = header.Pairs;
        Tensors = header.Tensors;
        _values = new(header.Pairs);
        _tensors = header.Tensors.ToDictionary(t => t.Name);
    }

    public string Path => _file.Path;

    /// <summary>Bytes in the file.</summary>
    public long Length => _file.Length;

    public uint Version { get; }

    /// <summary>Bytes to which every tensor is padded.</summary>
    public int Alignment { get; }

    /// <summary>Where the tensors begin.</summary>
    public long DataOffset { get; }

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<KeyValuePair<string, GgufValue>> Metadata { get; }

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<GgufTensor> Tensors { get; }

    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="InvalidDataException">It is no GGUF file, or a damaged or hostile one.</exception>
    public static Gguf Open(string path)
    {
        var file = MappedFile.Open(path);
        try
        {
            return new Gguf(file, GgufHeader.Read(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

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
            ? _file.Slice<float>(found.Offset, 1)[0] : (float)_file.Slice<double>(found.Offset, 1)[0];
        return true;
    }

    public bool TryGetBool(string key, out bool value)
    {
        var found = Find(key, "bool", v => v.Type == GgufType.Bool);
        value = found is { } at && _file.Slice(at.Offset, 1)[0] != 0;
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
            ? _file.Slice<float>(found.Offset, found.Count).ToArray() : null;
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
                GgufType.Bool => _file.Slice(at, 1)[0] != 0,
                GgufType.F32 => _file.Slice<float>(at, 1)[0],
                GgufType.F64 => _file.Slice<double>(at, 1)[0],
                GgufType.U64 => _file.Slice<ulong>(at, 1)[0],
                _ => (object)(long)Integer(value.Item, at),
            };
            at += GgufValue.SizeOf(value.Item);
        }
    }

    public bool TryTensor(string name, [NotNullWhen(true)] out GgufTensor? tensor) =>
        _tensors.TryGetValue(name, out tensor);

    public GgufTensor Tensor(string name) => TryTensor(name, out var tensor)
        ? tensor : throw new InvalidDataException($"{Path}: tensor {name} is missing.");

    /// <summary>The stored bytes, in the map. A tensor beyond 2 GB is read in parts.</summary>
    public ReadOnlySpan<byte> Bytes(GgufTensor tensor) => tensor.Bytes <= int.MaxValue
        ? _file.Slice(tensor.Offset, (int)tensor.Bytes)
        : throw new ArgumentException($"{Path}: tensor {tensor.Name} has {tensor.Bytes} bytes; ask for parts of it.");

    /// <param name="from">First byte of the part, counted within the tensor.</param>
    public ReadOnlySpan<byte> Bytes(GgufTensor tensor, long from, int length)
    {
        if (from < 0 || length < 0 || from > tensor.Bytes - length)
            throw new ArgumentOutOfRangeException(
                nameof(from), $"{length} bytes at {from} reach beyond tensor {tensor.Name}.");
        return _file.Slice(tensor.Offset + from, length);
    }

    /// <summary>Fills y with all values of the tensor as float32.</summary>
    /// <exception cref="InvalidDataException">The type is one that can be listed but not computed with.</exception>
    public void ReadFloats(GgufTensor tensor, Span<float> y)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(y.Length, tensor.Elements);
        RequireDecodable(tensor);
        const int Part = 1 << 20; // values; keeps the bytes of any part within an int
        for (var i = 0L; i < y.Length; i += Part)
        {
            var part = y.Slice((int)i, (int)Math.Min(Part, y.Length - i));
            var bytes = Bytes(tensor, tensor.DType.BytesOf(i), (int)tensor.DType.BytesOf(part.Length));
            Blocks.Decode(part, bytes, tensor.DType);
        }
    }

    /// <summary>
    /// A tensor as a matrix in the map, not copied; of one with more dimensions the last are numbered through, so that
    /// an expert is a slice of its rows.
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
        return WeightMatrix.Of(_file, tensor.Offset, tensor.DType, (int)rows, (int)columns);
    }

    private void RequireDecodable(GgufTensor tensor)
    {
        if (!tensor.DType.CanDecode())
            throw new InvalidDataException($"{Path}: tensor {tensor.Name} is stored as {tensor.DType.Name()}, " +
                $"which cannot be computed with; {DTypes.Names(DTypes.CanDecode)} can.");
    }

    public void Dispose() => _file.Dispose();

    internal ReadOnlySpan<byte> RawBytes(long offset, int length) => _file.Slice(offset, length);

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
        GgufType.U8 => _file.Slice(at, 1)[0],
        GgufType.I8 => _file.Slice<sbyte>(at, 1)[0],
        GgufType.U16 => _file.Slice<ushort>(at, 1)[0],
        GgufType.I16 => _file.Slice<short>(at, 1)[0],
        GgufType.U32 => _file.Slice<uint>(at, 1)[0],
        GgufType.I32 => _file.Slice<int>(at, 1)[0],
        GgufType.U64 => _file.Slice<ulong>(at, 1)[0],
        _ => _file.Slice<long>(at, 1)[0],
    };

    private string Text(long at, out long next)
    {
        var length = (int)_file.Slice<ulong>(at, 1)[0]; // the head's reader has checked it
        next = at + sizeof(ulong) + length;
        return Encoding.UTF8.GetString(_file.Slice(at + sizeof(ulong), length));
    }
}
