using System.Buffers.Binary;

namespace Wisp.Model;

/// <summary>
/// SentencePiece's precompiled normalisation: which bytes stand for which. A double array in XOR form (Kanda 2018,
/// "Space- and time-efficient string dictionaries") finds the longest entry that a text begins with.
/// </summary>
/// <remarks>
/// Layout: u32 size of the array in bytes, the array, then all replacements, each ended by a zero. An array entry
/// holds its letter in bits 0 to 7, whether an entry of the map ends here in bit 8, and the offset to its children in
/// bits 10 to 30, times 256 where bit 9 is set; the entry of a value has bit 31 set and the place of the replacement
/// in the rest.
/// </remarks>
internal sealed class CharacterMap
{
    private readonly uint[] _entries;
    private readonly byte[] _replacements;

    /// <exception cref="InvalidDataException">The sizes do not fit, or the last replacement has no end.</exception>
    public CharacterMap(byte[] map)
    {
        var size = map.Length < sizeof(uint) ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(map);
        if (size > map.Length - sizeof(uint) - 1L || size % sizeof(uint) != 0 || map[^1] != 0)
            throw new InvalidDataException(
                $"tokenizer.ggml.precompiled_charsmap has {map.Length} bytes, which do not hold an array and the " +
                "texts after it.");
        _entries = new uint[size / sizeof(uint)];
        for (var i = 0; i < _entries.Length; i++)
            _entries[i] = BinaryPrimitives.ReadUInt32LittleEndian(map.AsSpan(sizeof(uint) * (i + 1)));
        _replacements = map[(sizeof(uint) + (int)size)..];
    }

    /// <summary>What the longest entry that the text begins with stands for, and how many bytes it takes.</summary>
    public bool TryMap(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> mapped, out int width)
    {
        mapped = default;
        width = 0;
        if (_entries.Length == 0)
            return false;
        var node = Offset(_entries[0]);
        for (var i = 0; i < text.Length && text[i] != 0; i++)
        {
            node ^= text[i];
            // An index beyond the array is a damaged map: nothing is there.
            if (node >= _entries.Length || (_entries[node] & 0x800000FF) != text[i])
                break;
            var ends = (_entries[node] >> 8 & 1) != 0;
            node ^= Offset(_entries[node]);
            if (!ends || node >= _entries.Length)
                continue;
            var start = (int)(_entries[node] & int.MaxValue);
            if (start >= _replacements.Length)
                continue;
            mapped = _replacements.AsSpan(start);
            mapped = mapped[..mapped.IndexOf((byte)0)];
            width = i + 1;
        }

        return width > 0;
    }

    private static uint Offset(uint entry) => (entry >> 10) << (int)((entry & 1u << 9) >> 6);
}
