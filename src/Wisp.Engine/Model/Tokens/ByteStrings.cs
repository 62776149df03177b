using System.Buffers.Binary;

namespace Wisp.Model;

/// <summary>
/// A set of byte strings, numbered 0, 1, 2, ... in the order they came: the key half of a dictionary from bytes to
/// whatever the owner keeps in arrays beside it. Looking up allocates nothing.
/// </summary>
public sealed class ByteStrings
{
    private const int FirstSlots = 256;

    private int[] _slots = new int[FirstSlots]; // number + 1 of the string whose search ends here, 0 = free
    private uint[] _hashes = new uint[FirstSlots / 2];
    private int[] _starts = new int[FirstSlots / 2 + 1];
    private byte[] _bytes = new byte[1024];

    public int Count { get; private set; }

    /// <summary>Bytes of all strings together.</summary>
    public int TotalBytes => _starts[Count];

    public ReadOnlySpan<byte> this[int index] => _bytes.AsSpan(_starts[index], _starts[index + 1] - _starts[index]);

    /// <summary>The number of a string, or -1.</summary>
    public int Find(ReadOnlySpan<byte> text)
    {
        var number = _slots[Slot(text, Hash(text))];
        return number - 1;
    }

    /// <summary>The number of a string, which is added when it is new.</summary>
    public int FindOrAdd(ReadOnlySpan<byte> text, out bool added)
    {
        var hash = Hash(text);
        var slot = Slot(text, hash);
        var number = _slots[slot];
        added = number == 0;
        if (!added)
            return number - 1;

        if (Count == _hashes.Length)
        {
            Grow();
            slot = Slot(text, hash);
        }

        var start = _starts[Count];
        if (text.Length > _bytes.Length - start)
        {
            var room = Math.Max(2L * _bytes.Length, (long)start + text.Length);
            Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, room));
        }

        text.CopyTo(_bytes.AsSpan(start));
        _hashes[Count] = hash;
        _starts[Count + 1] = start + text.Length;
        _slots[slot] = Count + 1;
        return Count++;
    }

    /// <summary>Forgets all strings and keeps the memory.</summary>
    public void Clear()
    {
        Array.Clear(_slots);
        Count = 0;
    }

    private int Slot(ReadOnlySpan<byte> text, uint hash)
    {
        var slots = _slots;
        var mask = slots.Length - 1;
        for (var slot = (int)hash & mask; ; slot = (slot + 1) & mask)
        {
            var number = slots[slot];
            if (number == 0 || (_hashes[number - 1] == hash && this[number - 1].SequenceEqual(text)))
                return slot;
        }
    }

    private void Grow()
    {
        var size = 2 * _hashes.Length;
        Array.Resize(ref _hashes, size);
        Array.Resize(ref _starts, size + 1);
        _slots = new int[2 * size]; // at most half full
        var mask = _slots.Length - 1;
        for (var i = 0; i < Count; i++)
        {
            var slot = (int)_hashes[i] & mask;
            while (_slots[slot] != 0)
                slot = (slot + 1) & mask;
            _slots[slot] = i + 1;
        }
    }

    // Multiply and fold, eight bytes at a time. Short strings, which are nearly all, take one round; two reads that
    // overlap spare the loop over single bytes.
    private static uint Hash(ReadOnlySpan<byte> text)
    {
        const ulong Odd = 0x9E3779B97F4A7C15; // 2^64 / golden ratio
        var hash = (ulong)text.Length * Odd;
        while (text.Length >= 8)
        {
            hash = Fold(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(text));
            text = text[8..];
        }

        ulong rest = 0;
        if (text.Length >= 4)
        {
            rest = (ulong)BinaryPrimitives.ReadUInt32LittleEndian(text) << 32
                | BinaryPrimitives.ReadUInt32LittleEndian(text[^4..]);
        }
        else if (text.Length > 0)
        {
            rest = (ulong)text[0] << 16 | (ulong)text[text.Length / 2] << 8 | text[^1];
        }

        hash = Fold(hash ^ rest);
        return (uint)(hash ^ hash >> 32);

        static ulong Fold(ulong x)
        {
            var high = Math.BigMul(x ^ 0xD6E8FEB86659FD93, Odd, out var low);
            return high ^ low;
        }
    }
}
