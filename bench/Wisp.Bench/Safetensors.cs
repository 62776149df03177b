using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Wisp.Bench;

/// <summary>
/// Arrays of numbers by name, as golden values come and as results are handed on: u64 header length, JSON header padded
/// with blanks to a multiple of 8, raw little-endian data. Only files of our own making are read.
/// </summary>
internal sealed class Safetensors
{
    private readonly Dictionary<string, (string Type, int[] Shape, byte[] Bytes)> _tensors = [];

    public bool Has(string name) => _tensors.ContainsKey(name);

    public int[] Shape(string name) => _tensors[name].Shape;

    public float[] Floats(string name) => MemoryMarshal.Cast<byte, float>(_tensors[name].Bytes).ToArray();

    public int[] Ints(string name) => MemoryMarshal.Cast<byte, int>(_tensors[name].Bytes).ToArray();

    public Safetensors Add(string name, int[] shape, ReadOnlySpan<float> values) =>
        Add(name, "F32", shape, MemoryMarshal.AsBytes(values));

    public Safetensors Add(string name, int[] shape, ReadOnlySpan<int> values) =>
        Add(name, "I32", shape, MemoryMarshal.AsBytes(values));

    private Safetensors Add(string name, string type, int[] shape, ReadOnlySpan<byte> bytes)
    {
        _tensors.Add(name, (type, shape, bytes.ToArray()));
        return this;
    }

    public static Safetensors Open(string path)
    {
        var all = File.ReadAllBytes(path);
        var start = 8 + (int)BinaryPrimitives.ReadUInt64LittleEndian(all);
        using var json = JsonDocument.Parse(all.AsMemory(8, start - 8));
        var file = new Safetensors();
        foreach (var entry in json.RootElement.EnumerateObject().Where(e => !e.NameEquals("__metadata__")))
        {
            var offsets = entry.Value.GetProperty("data_offsets");
            file.Add(entry.Name, entry.Value.GetProperty("dtype").GetString()!,
                [.. entry.Value.GetProperty("shape").EnumerateArray().Select(n => n.GetInt32())],
                all.AsSpan(start + offsets[0].GetInt32(), offsets[1].GetInt32() - offsets[0].GetInt32()));
        }

        return file;
    }

    public void Write(string path) => AtomicFile.Write(path, stream =>
    {
        var header = new StringBuilder("{");
        var end = 0;
        foreach (var (name, (type, shape, bytes)) in _tensors)
        {
            header.Append(end == 0 ? "" : ",")
                .Append($"\"{name}\":{{\"dtype\":\"{type}\",\"shape\":[{string.Join(',', shape)}],")
                .Append($"\"data_offsets\":[{end},{end + bytes.Length}]}}");
            end += bytes.Length;
        }

        header.Append('}').Append(' ', (8 - (header.Length + 1) % 8) % 8);
        var length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(Encoding.UTF8.GetBytes(header.ToString()));
        foreach (var tensor in _tensors.Values)
            stream.Write(tensor.Bytes);
    });
}
