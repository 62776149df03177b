using Wisp.Model;

namespace Wisp.Run;

/// <summary>
/// The tokens that a model wants around a text, [CLS] and [SEP] or the like, and how a text or a pair of them is laid
/// out between: opening a closing, and opening a closing (separator) b closing, as llama.cpp lays a pair out.
/// </summary>
internal sealed class TokenFrame
{
    private readonly Tokenizer _tokenizer;
    private readonly int[] _opening, _closing, _between;

    public TokenFrame(Tokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        var both = tokenizer.Encode("", addSpecial: true);
        var opens = both.Length == 2 || (both.Length == 1 && (tokenizer.AddBos || !tokenizer.AddEos)) ? 1 : 0;
        (_opening, _closing) = (both[..opens], both[opens..]);
        // RoBERTa's pairs have two: <s> a </s></s> b </s>.
        var separates = tokenizer.Vocabulary.Switch("add_sep_token", otherwise: false) && tokenizer.AddEos;
        var separator = tokenizer.Vocabulary.Id("seperator_token_id", tokenizer.Eos);
        _between = separates && separator >= 0 ? [.. _closing, separator] : _closing;
    }

    /// <exception cref="ArgumentException">Longer than the context, and not to be cut.</exception>
    public int[] Lay(string text, int context, bool truncate) =>
        Lay(_opening, _tokenizer.Encode(text), context, truncate, "The text");

    /// <summary>A query and a document; what is too long loses the end of the document.</summary>
    public int[] LayPair(string query, string document, int context, bool truncate)
    {
        int[] before = [.. _opening, .. _tokenizer.Encode(query), .. _between];
        if (before.Length + _closing.Length > context)
            throw new ArgumentException(
                $"The query has {before.Length + _closing.Length:N0} tokens with those around it; the model reads " +
                $"{context:N0}, and the document needs room too. Shorten the query.");
        return Lay(before, _tokenizer.Encode(document), context, truncate, "The query and the document");
    }

    private int[] Lay(int[] before, int[] text, int context, bool truncate, string what)
    {
        var length = before.Length + (long)text.Length + _closing.Length;
        if (length <= context)
            return [.. before, .. text, .. _closing];
        if (!truncate)
            throw new PromptTooLongException(
                $"{what} would be {length:N0} tokens; the model reads {context:N0}. Shorten it, or ask to truncate.");
        return [.. before, .. text.AsSpan(0, Math.Max(0, context - before.Length - _closing.Length)), .. _closing];
    }
}
