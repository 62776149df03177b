using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Wisp.Tests.Golden;

/// <summary>
/// One safetensors file of oracle values (F32 and I32 only), found under ../shared/golden beside the checkout.
/// </summary>
internal sealed class GoldenFile
{
    private readonly Dictionary<string, (string Type, int[] Shape, int From, int To)> _tensors = [];
    private readonly byte[] _data;

    public IReadOnlyDictionary<string, string> Metadata { get; }

    private GoldenFile(string path)
    {
        _data = File.ReadAllBytes(path);
        var headerBytes = (int)BinaryPrimitives.ReadUInt64LittleEndian(_data);
        using var json = JsonDocument.Parse(_data.AsMemory(8, headerBytes));
        var metadata = new Dictionary<string, string>();
        foreach (var entry in json.RootElement.EnumerateObject())
        {
            if (entry.NameEquals("__metadata__"))
            {
                foreach (var pair in entry.Value.EnumerateObject())
                    metadata[pair.Name] = pair.Value.GetString()!;
                continue;
            }

            var shape = entry.Value.GetProperty("shape").EnumerateArray().Select(x => x.GetInt32()).ToArray();
            var offsets = entry.Value.GetProperty("data_offsets");
            _tensors[entry.Name] = (entry.Value.GetProperty("dtype").GetString()!, shape,
                8 + headerBytes + offsets[0].GetInt32(), 8 + headerBytes + offsets[1].GetInt32());
        }

        Metadata = metadata;
    }

    /// <summary>The file, or the running test is skipped with the reason.</summary>
    public static GoldenFile Open(string relativePath) => new(PathOrSkip("golden/" + relativePath));

    /// <summary>A path below the shared folder, or the running test is skipped with the reason.</summary>
    public static string PathOrSkip(string relativePath)
    {
        if (PathOrNull(relativePath) is { } path)
            return path;
        Assert.Skip($"shared/{relativePath} is not beside this checkout");
        throw new InvalidOperationException("unreachable: Skip throws");
    }

    /// <summary>A path below the shared folder, or null where it is missing.</summary>
    public static string? PathOrNull(string relativePath)
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            var path = Path.Combine(at.FullName, "shared", relativePath);
            if (Path.Exists(path))
                return path;
        }

        return null;
    }

    public IEnumerable<string> Names => _tensors.Keys;

    public bool Has(string name) => _tensors.ContainsKey(name);

    public int[] Shape(string name) => _tensors[name].Shape;

    public float[] Floats(string name) => MemoryMarshal.Cast<byte, float>(Bytes(name, "F32")).ToArray();

    public int[] Ints(string name) => MemoryMarshal.Cast<byte, int>(Bytes(name, "I32")).ToArray();

    public byte[] RawBytes(string name) => Bytes(name, "U8").ToArray();

    public float Number(string key) => float.Parse(Metadata[key]);

    private ReadOnlySpan<byte> Bytes(string name, string type)
    {
        var (actual, _, from, to) = _tensors[name];
        Assert.Equal(type, actual);
        return _data.AsSpan(from, to - from);
    }
}
