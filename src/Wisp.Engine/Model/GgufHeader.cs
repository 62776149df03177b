using System.Text;
using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// Reads the head of a GGUF file, versions 2 and 3, and believes nothing: every length is checked against what is left
/// of the file before it is used, and whatever ggml's own reader refuses is refused here too.
/// </summary>
/// <remarks>
/// Layout: 'GGUF', u32 version, i64 tensors, i64 pairs; the pairs; the tensors; padding; the data. A string is a u64
/// length and UTF-8 bytes. Tensors follow each other in the data in the order of their list, each padded to the
/// alignment.
/// </remarks>
internal sealed class GgufHeader
{
    // Counts no real model reaches (the largest have some ten thousand tensors). Above them the file is damaged or
    // hostile, and we would allocate what it asks for.
    private const long MaxTensors = 1 << 20;
    private const long MaxPairs = 1 << 16;

    private const long MaxArrayItems = 1 << 30;
    private const long MaxStringBytes = 1 << 30;
    private const int MaxKeyBytes = 65_535;
    private const int MaxNameBytes = 63;
    private const int MaxDimensions = 4;

    // What the shortest pair (length, one letter, type, one byte) and tensor (length, one letter, no dimensions, type,
    // offset) take: no file holds more of them than its length allows.
    private const long MinPairBytes = 8 + 1 + 4 + 1;
    private const long MinTensorBytes = 8 + 1 + 4 + 4 + 8;

    private readonly MappedFile _file;
    private readonly List<KeyValuePair<string, GgufValue>> _pairs = [];
    private readonly List<GgufTensor> _tensors = [];
    private long _at;

    private GgufHeader(MappedFile file) => _file = file;

    public uint Version { get; private set; }

    public int Alignment { get; private set; } = 32;

    public long DataOffset { get; private set; }

    public IReadOnlyList<KeyValuePair<string, GgufValue>> Pairs => _pairs;

    public IReadOnlyList<GgufTensor> Tensors => _tensors;

    public static GgufHeader Read(MappedFile file)
    {
        var header = new GgufHeader(file);
        var (tensors, pairs) = header.ReadCounts();
        header.ReadPairs(pairs);
        header.ReadTensors(tensors);
        return header;
    }

    private InvalidDataException Fault(string what) => new($"{_file.Path}: {what}");

    private (long Tensors, long Pairs) ReadCounts()
    {
        var magic = _file.Slice(0, (int)Math.Min(4, _file.Length));
        if (!magic.SequenceEqual("GGUF"u8))
            throw Fault($"is not a GGUF file: it starts with {Convert.ToHexString(magic)}, not 47475546 ('GGUF').");
        _at = 4;
        Version = UInt("version");
        if (Version is not 0 && (Version & 0xffff) == 0)
            throw Fault("is a big-endian GGUF file; only little-endian files can be read.");
        if (Version is not (2 or 3))
            throw Fault($"is GGUF version {Version}; versions 2 and 3 can be read. Convert it anew from its source.");

        var tensors = Long("tensor count");
        var pairs = Long("metadata count");
        if (tensors < 0 || tensors > Math.Min(MaxTensors, Left / MinTensorBytes))
            throw TooMany($"{tensors} tensors");
        if (pairs < 0 || pairs > Math.Min(MaxPairs, Left / MinPairBytes))
            throw TooMany($"{pairs} metadata pairs");
        return (tensors, pairs);
    }

    private InvalidDataException TooMany(string what) =>
        Fault($"claims {what}, more than a file of {_file.Length} bytes can hold. It is damaged or hostile.");

    private void ReadPairs(long count)
    {
        var seen = new HashSet<string>();
        for (var i = 0; i < count; i++)
        {
            var key = Identifier($"key of metadata pair {i}", MaxKeyBytes);
            if (!seen.Add(key))
                throw Fault($"the key {Short(key)} appears twice.");
            var value = ReadValue(Short(key));
            _pairs.Add(new(key, value));
            if (key == "general.alignment")
                ReadAlignment(value);
        }
    }

    private void ReadAlignment(GgufValue value)
    {
        if (value.Type != GgufType.U32)
            throw Fault($"general.alignment has type {value.TypeName}, expected u32.");
        var alignment = _file.Slice<uint>(value.Offset, 1)[0];
        if (alignment is 0 or > 1 << 30 || (alignment & (alignment - 1)) != 0)
            throw Fault($"general.alignment is {alignment}, expected a power of two.");
        Alignment = (int)alignment;
    }

    private GgufValue ReadValue(string key)
    {
        var type = (GgufType)UInt($"type of {key}");
        var item = type;
        var count = 1L;
        if (type == GgufType.Array)
        {
            item = (GgufType)UInt($"item type of {key}");
            if (item == GgufType.Array)
                throw Fault($"{key} is an array of arrays, which GGUF readers do not accept.");
            count = Long($"length of {key}");
        }

        if (!Enum.IsDefined(item))
            throw Fault($"{key} has the unknown type {(uint)item}; the highest is {(uint)GgufType.F64} (f64).");
        var size = item == GgufType.String ? sizeof(ulong) : GgufValue.SizeOf(item); // at least, for a string
        if (count < 0 || count > MaxArrayItems || count > Left / size)
            throw Fault($"{key} claims {count} {GgufValue.NameOf(item)} items, but {Left} bytes of the file are left.");

        var start = _at;
        if (item == GgufType.String)
            for (var i = 0L; i < count; i++)
                SkipString(key);
        else
            _at += count * size;
        return new GgufValue(type, item, (int)count, start, _at - start);
    }

    private void ReadTensors(long count)
    {
        // Offsets count from the data, which begins after the list: collect first, place afterwards.
        var seen = new HashSet<string>();
        var end = 0L; // of the data so far, padded
        for (var i = 0; i < count; i++)
        {
            var name = Identifier($"name of tensor {i}", MaxNameBytes);
            if (!seen.Add(name))
                throw Fault($"the tensor {name} appears twice.");
            var shape = ReadShape(name, out var elements);
            var type = (DType)UInt($"type of {name}");
            if (!type.IsKnown())
                throw Fault($"tensor {name} has the unknown type {(uint)type}.");
            var row = shape.Length == 0 ? 1 : shape[0];
            if (row % type.BlockLength() != 0)
                throw Fault(
                    $"tensor {name} has rows of {row} values, not in whole {type.Name()} blocks of {type.BlockLength()}.");
            var offset = ULong($"offset of {name}");
            if (offset != (ulong)end)
                throw Fault(
                    $"tensor {name} lies at {offset}, expected {end}: each follows the last, padded to {Alignment} bytes.");

            var bytes = type.BytesOf(elements);
            if (bytes > _file.Length - end)
                throw Fault(
                    $"tensor {name} reaches beyond the file: {bytes} bytes at {end} of the data. Is the file cut short?");
            _tensors.Add(new GgufTensor(name, shape, type, end, bytes));
            end = Padded(end + bytes);
        }

        DataOffset = Padded(_at);
        if (count > 0 && (DataOffset > _file.Length || end > _file.Length - DataOffset))
            throw Fault(
                $"needs {DataOffset + end} bytes for its tensors but has {_file.Length}. Is the file cut short?");
        for (var i = 0; i < _tensors.Count; i++)
            _tensors[i] = _tensors[i] with { Offset = DataOffset + _tensors[i].Offset };
    }

    private long[] ReadShape(string name, out long elements)
    {
        var dimensions = UInt($"dimensions of {name}");
        if (dimensions > MaxDimensions)
            throw Fault($"tensor {name} has {dimensions} dimensions; GGUF allows {MaxDimensions}.");
        var shape = new long[dimensions];
        elements = 1;
        // The densest type stores about one bit a value, so this many at most fit the file; the product stays far from
        // overflow, and so do the bytes of any type, eight a value.
        var most = Math.Min(_file.Length, long.MaxValue / 64) * 8;
        for (var d = 0; d < shape.Length; d++)
        {
            shape[d] = Long($"dimension {d} of {name}");
            if (shape[d] < 0 || shape[d] > most || (shape[d] > 0 && elements > most / shape[d]))
                throw Fault($"tensor {name} claims {shape[d]} values in dimension {d}, more than the file can hold.");
            elements *= shape[d];
        }

        return shape;
    }

    private long Left => _file.Length - _at;

    private long Padded(long offset) => (offset + Alignment - 1) & -(long)Alignment;

    private uint UInt(string what) => _file.Slice<uint>(Take(sizeof(uint), what), 1)[0];

    private ulong ULong(string what) => _file.Slice<ulong>(Take(sizeof(ulong), what), 1)[0];

    private long Long(string what) => _file.Slice<long>(Take(sizeof(long), what), 1)[0];

    private long Take(int bytes, string what)
    {
        if (bytes > Left)
            throw Fault($"ends at byte {_file.Length}, within the {what}. Is the file cut short?");
        _at += bytes;
        return _at - bytes;
    }

    private long StringLength(string what, long most)
    {
        var length = ULong($"length of the {what}");
        if (length > (ulong)most || length > (ulong)Left)
            throw Fault(
                $"a string in {what} claims {length} bytes (limit {most}), but {Left} bytes of the file are left.");
        return (long)length;
    }

    private void SkipString(string what)
    {
        var length = StringLength(what, MaxStringBytes); // moves _at, so it comes before the sum
        _at += length;
    }

    private string Identifier(string what, int most)
    {
        var length = (int)StringLength(what, most);
        if (length == 0)
            throw Fault($"the {what} is empty.");
        var bytes = _file.Slice(Take(length, what), length);
        // Keys and names end up in messages and listings, so a terminal must be able to show them.
        var text = Encoding.UTF8.GetString(bytes);
        if (text.Any(c => char.IsControl(c) || c == '\uFFFD'))
            throw Fault($"the {what} is not readable text: {Convert.ToHexString(bytes[..Math.Min(length, 32)])}.");
        return text;
    }

    // A key may be as long as 64 kB; a message is a line.
    private static string Short(string key) => key.Length <= 80 ? key : key[..77] + "...";
}
