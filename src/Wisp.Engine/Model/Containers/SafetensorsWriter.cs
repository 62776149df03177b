using System.Buffers.Binary;
using System.Text.Json;
using Wisp.Compute;

namespace Wisp.Model.Containers;

/// <summary>Collects tensors and writes them as one safetensors file, whole or not at all.</summary>
public sealed class SafetensorsWriter
{
    private const int HeadAlignment = 8; // bytes; so the data begins where any element may

    private readonly List<(string Name, string Type, long[] Shape, long Bytes, Action<Stream> Write)> _tensors = [];
    private readonly HashSet<string> _names = [];
    private readonly Dictionary<string, string> _metadata = [];

    /// <summary>Bytes of all tensors so far.</summary>
    public long DataBytes => _tensors.Sum(t => t.Bytes);

    public SafetensorsWriter AddMetadata(string key, string value)
    {
        _metadata.Add(key, value);
        return this;
    }

    /// <param name="shape">The length of a row last.</param>
    public SafetensorsWriter Add(string name, ReadOnlySpan<long> shape, ReadOnlySpan<float> values)
    {
        var bytes = new byte[values.Length * sizeof(float)];
        Blocks.Encode(bytes, values, DType.F32);
        return Add(name, "F32", shape, bytes.Length, stream => stream.Write(bytes));
    }

    /// <param name="shape">The length of a row last.</param>
    public SafetensorsWriter Add(string name, ReadOnlySpan<long> shape, ReadOnlySpan<int> values)
    {
        var bytes = new byte[values.Length * sizeof(int)];
        for (var i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(i * sizeof(int)), values[i]);
        return Add(name, "I32", shape, bytes.Length, stream => stream.Write(bytes));
    }

    /// <summary>A tensor that writes its own bytes when its turn has come.</summary>
    internal SafetensorsWriter Add(
        string name, DType type, ReadOnlySpan<long> shape, Action<Stream> write)
    {
        var elements = 1L;
        foreach (var n in shape)
            elements = checked(elements * n);
        return Add(name, type.Name(), shape, type.BytesOf(elements), write);
    }

    public void Write(string path)
    {
        // Wider elements first: then every tensor begins at a multiple of its element.
        var ordered = _tensors.OrderByDescending(t => t.Type is "F32" or "I32").ToList();
        var head = Head(ordered);
        AtomicFile.Write(path, stream =>
        {
            stream.Write(head);
            foreach (var tensor in ordered)
                tensor.Write(stream);
        }, head.Length + DataBytes);
    }

    private byte[] Head(List<(string Name, string Type, long[] Shape, long Bytes, Action<Stream> Write)> tensors)
    {
        var head = new MemoryStream();
        head.Write(new byte[sizeof(ulong)]);
        using (var json = new Utf8JsonWriter(head))
        {
            json.WriteStartObject();
            if (_metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in _metadata)
                    json.WriteString(key, value);
                json.WriteEndObject();
            }

            var at = 0L;
            foreach (var tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type);
                json.WriteStartArray("shape");
                foreach (var n in tensor.Shape)
                    json.WriteNumberValue(n);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(at);
                json.WriteNumberValue(at += tensor.Bytes);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (head.Length % HeadAlignment != 0)
            head.WriteByte((byte)' ');
        var bytes = head.ToArray();
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)bytes.Length - sizeof(ulong));
        return bytes;
    }

    private SafetensorsWriter Add(
        string name, string type, ReadOnlySpan<long> shape, long bytes, Action<Stream> write)
    {
        var elements = 1L;
        foreach (var n in shape)
            elements = checked(elements * n);
        if (bytes != elements * (type is "F32" or "I32" ? 4 : 2))
            throw new ArgumentException($"{name}: {bytes} bytes do not fill {type} " +
                $"({string.Join(", ", shape.ToArray())}).");
        if (!_names.Add(name))
            throw new ArgumentException($"{name}: a tensor of this name was added before.");
        _tensors.Add((name, type, shape.ToArray(), bytes, write));
        return this;
    }
}
