using System.Text;
using System.Text.Json;
using Wisp.Compute;

namespace Wisp.Model.Containers;

/// <summary>One tensor of a safetensors file.</summary>
/// <param name="Type">As the file says it: F32, BF16, I64 and so on.</param>
/// <param name="Shape">The length of a row last, as PyTorch has it.</param>
/// <param name="Offset">Of the first byte, counted from the start of the file.</param>
public sealed record SafetensorsTensor(string Name, string Type, IReadOnlyList<long> Shape, long Offset, long Bytes)
{
    public long Elements { get; } = Shape.Aggregate(1L, (product, n) => checked(product * n));
}

/// <summary>
/// A safetensors file, mapped: arrays of numbers by name. Opening one checks the whole head and believes nothing.
/// </summary>
/// <remarks>
/// Layout (safetensors 0.4 format note): u64 length of the head; the head, a JSON object of name to dtype, shape and
/// data_offsets, with an optional __metadata__ of strings; the data. Offsets count from the data, whose tensors lie
/// one behind the other without gap or overlap and fill the file to its end.
/// </remarks>
public sealed class Safetensors : IDisposable
{
    /// <summary>Bytes of a head that the format's own reader accepts.</summary>
    private const long MaxHead = 100_000_000;
    private const int MaxDimensions = 8;
    private const string MetadataName = "__metadata__";

    private readonly Dictionary<string, SafetensorsTensor> _tensors;

    private Safetensors(
        MappedFile file, IReadOnlyList<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        (File, Tensors, Metadata) = (file, tensors, metadata);
        _tensors = tensors.ToDictionary(t => t.Name);
    }

    public string Path => File.Path;

    /// <summary>In the order of the data.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors { get; }

    public IReadOnlyDictionary<string, string> Metadata { get; }

    internal MappedFile File { get; }

    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="InvalidDataException">It is no safetensors file, or a damaged or hostile one.</exception>
    public static Safetensors Open(string path)
    {
        var file = MappedFile.Open(path);
        try
        {
            return Read(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public bool Has(string name) => _tensors.ContainsKey(name);

    public SafetensorsTensor Tensor(string name) => _tensors.TryGetValue(name, out var tensor)
        ? tensor : throw new InvalidDataException($"{Path}: tensor {name} is missing.");

    /// <summary>The stored bytes, in the map.</summary>
    public ReadOnlySpan<byte> Bytes(SafetensorsTensor tensor) => tensor.Bytes <= int.MaxValue
        ? File.Slice(tensor.Offset, (int)tensor.Bytes)
        : throw new ArgumentException($"{Path}: tensor {tensor.Name} has {tensor.Bytes} bytes, too many for a span.");

    /// <summary>Fills y with all values of a tensor of type F32, F16 or BF16.</summary>
    public void ReadFloats(SafetensorsTensor tensor, Span<float> y)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(y.Length, tensor.Elements);
        Blocks.Decode(y, Bytes(tensor), FloatType(tensor.Type) ?? throw Fault(
            Path, $"tensor {tensor.Name} is stored as {tensor.Type}; F32, F16 and BF16 can be read as floats."));
    }

    public void Dispose() => File.Dispose();

    /// <summary>The same type as GGUF numbers it; null for a type that is no float of ours.</summary>
    internal static DType? FloatType(string type) => type switch
    {
        "F32" => DType.F32,
        "F16" => DType.F16,
        "BF16" => DType.BF16,
        _ => null,
    };

    private static int SizeOf(string type) => type switch
    {
        "F64" or "I64" or "U64" => 8,
        "F32" or "I32" or "U32" => 4,
        "F16" or "BF16" or "I16" or "U16" => 2,
        "I8" or "U8" or "BOOL" or "F8_E4M3" or "F8_E5M2" => 1,
        _ => 0,
    };

    private static InvalidDataException Fault(string path, string what) => new($"{path}: {what}");

    private static Safetensors Read(MappedFile file)
    {
        if (file.Length < sizeof(ulong))
            throw Fault(file.Path, $"has {file.Length} bytes, too few for a safetensors file. Is it cut short?");
        var length = file.Slice<ulong>(0, 1)[0];
        if (length > Math.Min(MaxHead, (ulong)file.Length - sizeof(ulong)))
            throw Fault(file.Path, $"claims a head of {length} bytes, but has {file.Length} in all (the limit is " +
                $"{MaxHead}). It is no safetensors file, or cut short.");
        var head = file.Slice(sizeof(ulong), (int)length);
        if (head.IsEmpty || head[0] != '{')
            throw Fault(file.Path, "is no safetensors file: its head does not begin with '{'.");

        var start = sizeof(ulong) + (long)length;
        var metadata = new Dictionary<string, string>();
        var tensors = new List<SafetensorsTensor>();
        try
        {
            var json = new Utf8JsonReader(head);
            ReadHead(ref json, file.Path, start, tensors, metadata);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or DecoderFallbackException)
        {
            throw new InvalidDataException($"{file.Path}: its head is no sound JSON ({FirstLine(e)}).", e);
        }

        tensors.Sort((a, b) => a.Offset != b.Offset ? a.Offset.CompareTo(b.Offset) : a.Bytes.CompareTo(b.Bytes));
        var end = start;
        foreach (var tensor in tensors)
        {
            if (tensor.Offset != end)
                throw Fault(file.Path, $"tensor {OneLine.Of(tensor.Name)} begins at byte {tensor.Offset - start} of " +
                    $"the data, expected {end - start}: tensors lie one behind the other.");
            if (tensor.Bytes > file.Length - end)
                throw Fault(file.Path, $"tensor {OneLine.Of(tensor.Name)} reaches beyond the file. Is it cut short?");
            end += tensor.Bytes;
        }

        if (end != file.Length)
            throw Fault(file.Path, $"has {file.Length - end} bytes after its last tensor, where none belong.");
        return new Safetensors(file, tensors, metadata);
    }

    private static void ReadHead(ref Utf8JsonReader json, string path, long start,
        List<SafetensorsTensor> tensors, Dictionary<string, string> metadata)
    {
        var seen = new HashSet<string>();
        json.Read();
        while (Next(ref json, JsonTokenType.PropertyName, JsonTokenType.EndObject) == JsonTokenType.PropertyName)
        {
            var name = json.GetString()!;
            if (!seen.Add(name))
                throw Fault(path, $"the tensor {OneLine.Of(name)} appears twice.");
            Next(ref json, JsonTokenType.StartObject);
            if (name == MetadataName)
                while (Next(ref json, JsonTokenType.PropertyName, JsonTokenType.EndObject)
                    == JsonTokenType.PropertyName)
                {
                    var key = json.GetString()!;
                    Next(ref json, JsonTokenType.String);
                    metadata[key] = json.GetString()!;
                }
            else
                tensors.Add(ReadTensor(ref json, path, start, name));
        }

        if (json.Read())
            throw new JsonException("something follows the object");
    }

    private static SafetensorsTensor ReadTensor(ref Utf8JsonReader json, string path, long start, string name)
    {
        string? type = null;
        List<long>? shape = null, offsets = null;
        while (Next(ref json, JsonTokenType.PropertyName, JsonTokenType.EndObject) == JsonTokenType.PropertyName)
        {
            var field = json.GetString();
            if (field == "dtype" && type is null)
            {
                Next(ref json, JsonTokenType.String);
                type = json.GetString();
            }
            else if (field == "shape" && shape is null)
                shape = ReadCounts(ref json, path, name, MaxDimensions);
            else if (field == "data_offsets" && offsets is null)
                offsets = ReadCounts(ref json, path, name, 2);
            else
                throw Fault(path, $"tensor {OneLine.Of(name)} has the unknown or repeated field {OneLine.Of(field!)}.");
        }

        if (type is null || shape is null || offsets is not [var from, var to])
            throw Fault(path, $"tensor {OneLine.Of(name)} lacks one of dtype, shape and two data_offsets.");
        if (SizeOf(type) == 0)
            throw Fault(path, $"tensor {OneLine.Of(name)} has the unknown dtype {OneLine.Of(type)}.");
        // In whole numbers of any size: a hostile shape must not come out small.
        var bytes = shape.Aggregate((Int128)SizeOf(type), (product, n) =>
            product > long.MaxValue ? product : product * n);
        if (from > to || bytes != to - from || to > long.MaxValue - start)
            throw Fault(path, $"tensor {OneLine.Of(name)} is {type} ({string.Join(", ", shape)}), and its " +
                $"data_offsets {from} and {to} do not fit that.");
        return new SafetensorsTensor(name, type, shape, start + from, to - from);
    }

    private static List<long> ReadCounts(ref Utf8JsonReader json, string path, string name, int most)
    {
        Next(ref json, JsonTokenType.StartArray);
        var counts = new List<long>();
        while (Next(ref json, JsonTokenType.Number, JsonTokenType.EndArray) == JsonTokenType.Number)
        {
            if (counts.Count == most || !json.TryGetInt64(out var count) || count < 0)
                throw Fault(path, $"tensor {OneLine.Of(name)} has a shape or data_offsets of no use: at most {most} " +
                    "whole numbers from 0 on are expected.");
            counts.Add(count);
        }

        return counts;
    }

    private static JsonTokenType Next(ref Utf8JsonReader json, JsonTokenType one, JsonTokenType? other = null)
    {
        if (!json.Read() || (json.TokenType != one && json.TokenType != other))
            throw new JsonException($"{one} expected at byte {json.TokenStartIndex}");
        return json.TokenType;
    }

    private static string FirstLine(Exception e) => e.Message.Split('\n', '\r')[0].TrimEnd('.');
}
