using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Wisp.Guard;
using Wisp.Kernel;

namespace Wisp.Memory;

/// <summary>A page by its number, which means something within one address space only.</summary>
public readonly record struct PageId(int Number) : IComparable<PageId>
{
    public int CompareTo(PageId other) => Number.CompareTo(other.Number);

    public override string ToString() => Number.ToString(CultureInfo.InvariantCulture);

    public static bool operator <(PageId left, PageId right) => left.Number < right.Number;

    public static bool operator >(PageId left, PageId right) => left.Number > right.Number;

    public static bool operator <=(PageId left, PageId right) => left.Number <= right.Number;

    public static bool operator >=(PageId left, PageId right) => left.Number >= right.Number;
}

/// <summary>What a page holds.</summary>
public enum PageKind
{
    Instructions,

    /// <summary>One line for each tool.</summary>
    Tools,

    Message,
    Answer,

    /// <summary>What a call brought back.</summary>
    Result,

    /// <summary>A list of pages that were put away, and what each is about.</summary>
    Summary,

    /// <summary>What is new in every prompt: the time, the budget.</summary>
    Tail,
}

/// <summary>Where a page is to the model.</summary>
public enum Residency
{
    /// <summary>Its text is in the prompt.</summary>
    Resident,

    /// <summary>One line in the prompt names it.</summary>
    Stub,

    /// <summary>A summary names it, which is itself in the prompt, or named there.</summary>
    Swapped,
}

/// <summary>An immutable span of text with its tokens: what is moved in and out of a prompt, whole.</summary>
/// <param name="Group">Pages of one group come and go together: a call and its results.</param>
public sealed record Page(PageId Id, PageKind Kind, PromptPart Part, Label Label, int Group)
{
    /// <summary>Where its text stands outside, to be cited.</summary>
    public IReadOnlyList<Extent> Extents { get; init; } = [];

    /// <summary>Of a summary: the pages it names.</summary>
    public IReadOnlyList<PageId> Sources { get; init; } = [];

    public int Tokens => Part.Tokens.Length;

    /// <summary>SHA-256 of role, tokens and text: equal pages have equal hashes in every address space.</summary>
    public byte[] Hash => field ??= HashOf(Part);

    private static byte[] HashOf(PromptPart part)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> number = stackalloc byte[sizeof(int)];
        foreach (var value in (int[])[(int)part.Role, part.Tokens.Length, .. part.Tokens.Span])
        {
            System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(number, value);
            hash.AppendData(number);
        }

        hash.AppendData(Encoding.UTF8.GetBytes(part.Text));
        return hash.GetHashAndReset();
    }
}
