namespace Wisp.Model;

/// <summary>The values of tokenizer.ggml.token_type.</summary>
public enum TokenType
{
    Normal = 1,

    /// <summary>Stands for what a vocabulary cannot spell; byte-level ones need none. Treated as Control.</summary>
    Unknown = 2,

    /// <summary>Marks a place, such as the end of a turn. Only text of our own is searched for it.</summary>
    Control = 3,

    /// <summary>A string that is one token wherever it stands.</summary>
    UserDefined = 4,

    Unused = 5,
    Byte = 6,
}
