namespace Wisp.Grammar;

/// <summary>
/// A character of which only the first bytes have come: the bits so far and the number of bytes to come. Tokens of
/// byte-level vocabularies may end, and begin, in the middle of one.
/// </summary>
internal readonly record struct Utf8Partial(int Value, int Remaining)
{
    /// <summary>
    /// Takes a byte. False where no UTF-8 text goes on so; <paramref name="lenient"/> takes overlong forms, surrogates
    /// and code points above U+10FFFF too, as llama.cpp's decoder does. A character is complete when nothing remains.
    /// </summary>
    public bool TryPush(byte value, bool lenient, out Utf8Partial next)
    {
        if (Remaining == 0)
        {
            next = value switch
            {
                < 0x80 => new Utf8Partial(value, 0),
                < 0xC0 => new Utf8Partial(0, -1),
                < 0xE0 => new Utf8Partial(value & 0x1F, 1),
                < 0xF0 => new Utf8Partial(value & 0x0F, 2),
                _ => new Utf8Partial(value & 0x0F, 3),
            };
            return next.Remaining >= 0 && (lenient || value is not (0xC0 or 0xC1 or > 0xF4));
        }

        // The caller may give this very variable as next.
        var open = Remaining;
        next = new Utf8Partial(Value << 6 | value & 0x3F, open - 1);
        if (value >> 6 != 2)
            return false;
        return lenient || (open, next.Value) switch
        {
            (2, < 0x20) => false, // under U+0800, for which two bytes are enough
            (2, >= 0x360 and < 0x380) => false, // U+D800 to U+DFFF, halves of surrogate pairs
            (3, < 0x10 or > 0x10F) => false, // under U+10000 or over U+10FFFF
            _ => true,
        };
    }

    /// <summary>The code points that it can become.</summary>
    public (int First, int Last) Range()
    {
        var first = Value << 6 * Remaining;
        var last = first | (1 << 6 * Remaining) - 1;
        if (first == 0)
            first = Remaining switch { 2 => 0x800, 3 => 0x10000, _ => 0 };
        return (first, last);
    }

    /// <summary>Whether it may become a character of the class.</summary>
    public bool MayBe(CharClass characters)
    {
        if (Remaining == 1 && Value < 2)
            return false; // seven bits in two bytes
        var (first, last) = Range();
        return characters.MayHold(first, last);
    }
}
