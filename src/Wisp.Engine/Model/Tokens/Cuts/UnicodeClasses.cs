namespace Wisp.Model;

/// <summary>What the split of a text needs to know of a character: exactly one of these.</summary>
[Flags]
internal enum CharacterClass : byte
{
    /// <summary>Past the end of the text.</summary>
    None = 0,
    Letter = 1,
    Number = 2,
    Mark = 4,
    Punctuation = 8,
    Symbol = 16,

    /// <summary>White space, line ends among it.</summary>
    Space = 32,

    /// <summary>Controls, formats, surrogates and private use, except white space.</summary>
    Control = 64,

    /// <summary>Not assigned.</summary>
    Other = 128,
}

/// <summary>
/// Classes of all code points: \p{L}, \p{N}, \p{M}, \p{P}, \p{S}, \p{C} and white space of Unicode 15.1, which is what
/// llama.cpp's tables hold (asked of its library, one code point after the other).
/// </summary>
/// <remarks>
/// The runtime's own tables are not used: they grow with every .NET release, and the ids of a text must not.
/// </remarks>
internal static class UnicodeClasses
{
    /// <summary>From here on there are only marks and controls, in a few blocks.</summary>
    private const int End = 0x323B0;

    private static readonly CharacterClass[] Table = Unpack();

    public static CharacterClass Of(int codePoint) => (uint)codePoint < End ? Table[codePoint] : OfHigh(codePoint);

    /// <summary>Carriage return and line feed, the only line ends that a split knows.</summary>
    public static bool IsNewline(int codePoint) => codePoint is '\r' or '\n';

    private static CharacterClass OfHigh(int codePoint) => codePoint switch
    {
        >= 0xE0100 and <= 0xE01EF => CharacterClass.Mark, // variation selectors
        0xE0001 or (>= 0xE0020 and <= 0xE007F) => CharacterClass.Control, // tags
        (>= 0xF0000 and <= 0xFFFFD) or (>= 0x100000 and <= 0x10FFFD) => CharacterClass.Control, // private use
        _ => CharacterClass.Other,
    };

    private static CharacterClass[] Unpack()
    {
        var table = new CharacterClass[End];
        table.AsSpan().Fill(CharacterClass.Other);
        Fill(table, UnicodeRuns.Letters, CharacterClass.Letter);
        Fill(table, UnicodeRuns.Numbers, CharacterClass.Number);
        Fill(table, UnicodeRuns.Marks, CharacterClass.Mark);
        Fill(table, UnicodeRuns.Punctuation, CharacterClass.Punctuation);
        Fill(table, UnicodeRuns.Symbols, CharacterClass.Symbol);
        Fill(table, UnicodeRuns.Controls, CharacterClass.Control);
        foreach (var space in "\t\n\v\f\r \u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000")
            table[space] = CharacterClass.Space;
        table.AsSpan(0x2000, 11).Fill(CharacterClass.Space); // the spaces of typography, from en quad to hair space
        return table;
    }

    private static void Fill(CharacterClass[] table, ReadOnlySpan<ushort> runs, CharacterClass value)
    {
        var at = 0;
        for (var i = 0; i < runs.Length; i += 2)
        {
            at += runs[i];
            table.AsSpan(at, runs[i + 1]).Fill(value);
            at += runs[i + 1];
        }
    }
}
