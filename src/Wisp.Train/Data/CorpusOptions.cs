namespace Wisp.Train.Data;

/// <summary>
/// What to do with bytes that are not UTF-8. Refusing is the default: replaced bytes are learnt, too.
/// </summary>
public enum OnInvalidUtf8
{
    /// <summary>Stop and name the file and the offset.</summary>
    Refuse,

    /// <summary>
    /// Put U+FFFD in place of each damaged sequence. A JSON line with half a surrogate pair escaped is left out,
    /// though.
    /// </summary>
    Replace,

    /// <summary>Leave the document out and count it.</summary>
    Skip,
}

public sealed record CorpusOptions
{
    /// <summary>The field of a JSON line that holds the text.</summary>
    public string TextField { get; init; } = "text";

    /// <summary>The licence of every document; empty: the first line of the nearest LICENSE or COPYING file.</summary>
    public string Licence { get; init; } = "";

    public OnInvalidUtf8 OnInvalidUtf8 { get; init; }

    /// <summary>
    /// The most bytes that one document may unpack to. A text of this size is a damaged file or a decompression bomb:
    /// the whole of David Copperfield has 2 MB.
    /// </summary>
    public int MaxDocumentBytes { get; init; } = 256 << 20;
}
