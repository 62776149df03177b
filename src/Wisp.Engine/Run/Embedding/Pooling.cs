namespace Wisp.Run;

/// <summary>How the rows of a text become one vector. The numbers are those of pooling_type in GGUF files.</summary>
public enum Pooling
{
    /// <summary>Not at all; a file that says so leaves the choice to its user.</summary>
    None = 0,

    /// <summary>The mean of all rows.</summary>
    Mean = 1,

    /// <summary>The first row, which an encoder is trained to sum the text up in.</summary>
    Cls = 2,

    /// <summary>The last row, the only one for which a decoder has read the whole text.</summary>
    Last = 3,

    /// <summary>A reranker's: the first row becomes one score.</summary>
    Rank = 4,
}

/// <summary>What is done to the vectors, and to texts that are too long.</summary>
public sealed record EmbedderOptions
{
    /// <summary>Mean, Cls or Last; null means what the file says, and the mean where it says nothing.</summary>
    public Pooling? Pooling { get; init; }

    /// <summary>Whether vectors get length 1, so that their product is the cosine of the angle between them.</summary>
    public bool Normalise { get; init; } = true;

    /// <summary>Whether a text that is too long loses its end; otherwise it is refused.</summary>
    public bool Truncate { get; init; }
}
