using System.Buffers.Binary;
using System.Text;
using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// Fills the values of a tensor from index <paramref name="first"/> on; called for one part after another.
/// </summary>
public delegate void TensorSource(long first, Span<float> values);

/// <summary>
/// Collects metadata and tensors and writes them as GGUF version 3, whole or not at all. The methods that add metadata
/// name the stored type, because readers insist on it: a count that arrives as i32 is refused by llama.cpp.
/// </summary>
public sealed class GgufWriter
{
    private const int MaxKeyBytes = 65_535;
    private const int MaxNameBytes = 63;
    private const int PartValues = 1 << 16; // converted at a time; a multiple of every block

    private readonly List<byte[]> _pairs = [];
    private readonly HashSet<string> _keys = [];
    private readonly HashSet<string> _names = [];
    private readonly List<(string Name, long[] Shape, DType Type, long Bytes, Action<Stream> Write)> _tensors = [];
    private int _alignment = 32;

    public GgufWriter AddString(string key, string value) => Add(key, GgufType.String, s => WriteString(s, value));

    /// <summary>A count: stored as u32.</summary>
    public GgufWriter AddUInt(string key, long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, uint.MaxValue);
        if (key == "general.alignment")
            SetAlignment((uint)value);
        return Add(key, GgufType.U32, s => WriteUInt(s, (uint)value));
    }

    public GgufWriter AddULong(string key, ulong value) => Add(key, GgufType.U64, s => WriteULong(s, value));

    public GgufWriter AddInt(string key, int value) => Add(key, GgufType.I32, s => WriteUInt(s, (uint)value));

    public GgufWriter AddFloat(string key, float value) =>
        Add(key, GgufType.F32, s => WriteUInt(s, BitConverter.SingleToUInt32Bits(value)));

    public GgufWriter AddBool(string key, bool value) =>
        Add(key, GgufType.Bool, s => s.WriteByte(value ? (byte)1 : (byte)0));

    public GgufWriter AddStrings(string key, IReadOnlyList<string> values) =>
        AddArray(key, GgufType.String, values, WriteString);

    public GgufWriter AddInts(string key, IReadOnlyList<int> values) =>
        AddArray(key, GgufType.I32, values, (s, v) => WriteUInt(s, (uint)v));

    public GgufWriter AddFloats(string key, IReadOnlyList<float> values) =>
        AddArray(key, GgufType.F32, values, (s, v) => WriteUInt(s, BitConverter.SingleToUInt32Bits(v)));

    /// <summary>Copies one value of another file, of whatever type, bit for bit.</summary>
    public GgufWriter AddCopy(Gguf from, string key)
    {
        var value = from.Value(key);
        if (key == "general.alignment")
            SetAlignment((uint)from.Alignment);
        return Add(key, value.Type, s =>
        {
            if (value.Type == GgufType.Array)
            {
                WriteUInt(s, (uint)value.Item);
                WriteULong(s, (ulong)value.Count);
            }

            CopyBytes(s, from, value.Offset, value.Bytes);
        });
    }

    /// <summary>A tensor from values in memory, converted here and now.</summary>
    /// <param name="shape">In the file's order: the length of a row first.</param>
    public GgufWriter AddTensor(string name, ReadOnlySpan<long> shape, DType type, ReadOnlySpan<float> values)
    {
        var bytes = Check(name, shape, type, convert: true);
        var encoded = new byte[type.BytesOf(values.Length)];
        if (encoded.Length != bytes)
            throw new ArgumentException(
                $"{name}: {values.Length} values do not fill the shape {string.Join(" x ", shape.ToArray())}.");
        Blocks.Encode(encoded, values, type);
        return Add(name, shape, type, bytes, s => s.Write(encoded));
    }

    /// <summary>A tensor whose values are asked for while the file is written, a part at a time.</summary>
    public GgufWriter AddTensor(string name, ReadOnlySpan<long> shape, DType type, TensorSource source)
    {
        var bytes = Check(name, shape, type, convert: true);
        var elements = bytes / type.BlockBytes() * type.BlockLength();
        return Add(name, shape, type, bytes, s =>
        {
            var values = new float[(int)Math.Min(PartValues, elements)];
            var encoded = new byte[type.BytesOf(values.Length)];
            for (var first = 0L; first < elements; first += values.Length)
            {
                var part = values.AsSpan(0, (int)Math.Min(values.Length, elements - first));
                source(first, part);
                var stored = encoded.AsSpan(0, (int)type.BytesOf(part.Length));
                Blocks.Encode(stored, part, type);
                s.Write(stored);
            }
        });
    }

    /// <summary>
    /// Copies one tensor of another file, of whatever type, bit for bit. That file stays open until Write.
    /// </summary>
    public GgufWriter AddCopy(Gguf from, GgufTensor tensor)
    {
        var shape = tensor.Shape.ToArray();
        var bytes = Check(tensor.Name, shape, tensor.DType, convert: false);
        return Add(tensor.Name, shape, tensor.DType, bytes, s => CopyBytes(s, from, tensor.Offset, tensor.Bytes));
    }

    /// <summary>A tensor that writes its own bytes, exactly as many as shape and type say.</summary>
    internal GgufWriter AddTensor(string name, ReadOnlySpan<long> shape, DType type, Action<Stream> write) =>
        Add(name, shape, type, Check(name, shape, type, convert: false), write);

    /// <exception cref="IOException">The disk is full or the folder cannot be written; an old file is as it
    /// was.</exception>
    public void Write(string path)
    {
        var head = Head();
        AtomicFile.Write(path, s => Write(s, head), head.Length + _tensors.Sum(t => Padded(t.Bytes)));
    }

    public void Write(Stream stream) => Write(stream, Head());

    private void Write(Stream stream, byte[] head)
    {
        stream.Write(head);
        foreach (var tensor in _tensors)
        {
            tensor.Write(stream);
            stream.Write(new byte[Padded(tensor.Bytes) - tensor.Bytes]);
        }
    }

    // Everything before the data, padded.
    private byte[] Head()
    {
        if (_tensors.Exists(t => t.Type.IsQuantised()) && !_keys.Contains("general.quantization_version"))
            AddUInt("general.quantization_version", 2); // of the block layouts; it has been 2 since 2023

        var head = new MemoryStream();
        head.Write("GGUF"u8);
        WriteUInt(head, 3);
        WriteULong(head, (ulong)_tensors.Count);
        WriteULong(head, (ulong)_keys.Count);
        foreach (var pair in _pairs)
            head.Write(pair);
        var offset = 0L;
        foreach (var tensor in _tensors)
        {
            WriteString(head, tensor.Name);
            WriteUInt(head, (uint)tensor.Shape.Length);
            foreach (var n in tensor.Shape)
                WriteULong(head, (ulong)n);
            WriteUInt(head, (uint)tensor.Type);
            WriteULong(head, (ulong)offset);
            offset += Padded(tensor.Bytes);
        }

        head.SetLength(Padded(head.Length));
        return head.ToArray();
    }

    private long Padded(long bytes) => (bytes + _alignment - 1) & -(long)_alignment;

    private void SetAlignment(uint alignment)
    {
        if (alignment is 0 or > 1 << 30 || (alignment & (alignment - 1)) != 0)
            throw new ArgumentException($"general.alignment is {alignment}, expected a power of two.");
        _alignment = (int)alignment;
    }

    private GgufWriter Add(string key, GgufType type, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        if (Encoding.UTF8.GetByteCount(key) > MaxKeyBytes)
            throw new ArgumentException(
                $"A key of {key.Length} characters is too long; GGUF allows {MaxKeyBytes} bytes.");
        if (!_keys.Add(key))
            throw new ArgumentException($"The key {key} was added before.");
        var pair = new MemoryStream();
        WriteString(pair, key);
        WriteUInt(pair, (uint)type);
        write(pair);
        _pairs.Add(pair.ToArray());
        return this;
    }

    private GgufWriter AddArray<T>(string key, GgufType item, IReadOnlyList<T> values, Action<Stream, T> write) =>
        Add(key, GgufType.Array, s =>
        {
            WriteUInt(s, (uint)item);
            WriteULong(s, (ulong)values.Count);
            foreach (var value in values)
                write(s, value);
        });

    private GgufWriter Add(string name, ReadOnlySpan<long> shape, DType type, long bytes, Action<Stream> write)
    {
        _names.Add(name);
        _tensors.Add((name, shape.ToArray(), type, bytes, write));
        return this;
    }

    private long Check(string name, ReadOnlySpan<long> shape, DType type, bool convert)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (Encoding.UTF8.GetByteCount(name) > MaxNameBytes)
            throw new ArgumentException($"{name}: the name is too long; GGUF allows {MaxNameBytes} bytes.");
        if (_names.Contains(name))
            throw new ArgumentException($"{name}: a tensor of this name was added before.");
        if (convert && !type.CanEncode())
            throw new NotSupportedException(
                $"{name}: {type.Name()} cannot be written; {DTypes.Names(DTypes.CanEncode)} can.");
        if (shape.Length > 4)
            throw new ArgumentException($"{name}: {shape.Length} dimensions; GGUF allows 4.");
        var elements = 1L;
        foreach (var n in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(n);
            elements = checked(elements * n);
        }

        var row = shape.Length == 0 ? 1 : shape[0];
        if (row % type.BlockLength() != 0)
            throw new ArgumentException(
                $"{name}: rows of {row} values are not whole {type.Name()} blocks of {type.BlockLength()}.");
        return type.BytesOf(elements);
    }

    private static void CopyBytes(Stream to, Gguf from, long offset, long bytes)
    {
        const int Part = 1 << 20;
        for (var at = 0L; at < bytes; at += Part)
            to.Write(from.RawBytes(offset + at, (int)Math.Min(Part, bytes - at)));
    }

    private static void WriteString(Stream s, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        WriteULong(s, (ulong)bytes.Length);
        s.Write(bytes);
    }

    private static void WriteUInt(Stream s, uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        s.Write(bytes);
    }

    private static void WriteULong(Stream s, ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        s.Write(bytes);
    }
}
