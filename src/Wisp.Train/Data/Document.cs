namespace Wisp.Train.Data;

/// <summary>One text to learn from, as UTF-8 with LF line ends and no byte-order mark.</summary>
/// <param name="Source">
/// Where it came from, for people: a path relative to the input, with <c>!entry</c> for a file in an archive and
/// <c>#n</c> for a line or a chapter. Never an absolute path: it goes into manifests that are published.
/// </param>
/// <param name="Licence">Empty when nobody said.</param>
public sealed record Document(string Source, string Licence, ReadOnlyMemory<byte> Text)
{
    /// <summary>
    /// What must stay on one side of the train/held-out split: the pipeline puts the hash of the text that a chapter
    /// was cut from here, so that renaming files moves nothing.
    /// </summary>
    public string Origin { get; init; } = Source;
}

/// <summary>Turns text into token ids, appended to the list. Called from several threads at once.</summary>
public delegate void EncodeText(ReadOnlySpan<byte> utf8, List<int> ids);
