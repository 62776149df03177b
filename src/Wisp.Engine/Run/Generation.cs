using Wisp.Model;

namespace Wisp.Run;

/// <summary>Writing text with a session: pick, feed, repeat.</summary>
public static class Generation
{
    /// <summary>
    /// Feeds the prompt and yields up to <paramref name="count"/> sampled tokens; an end-of-text token ends the text
    /// and is not yielded. The prompt must not be empty: a document begins with the end-of-text token of the one
    /// before.
    /// </summary>
    public static IEnumerable<int> Tokens(
        Session session, Sampler sampler, IReadOnlyList<int> prompt, int count, int endOfText)
    {
        // An array with its length, because the sampler reads a span and a list has none to give.
        int[] history = [.. prompt];
        var length = history.Length;
        var next = Pick(session, sampler, history, length, unread: length);
        for (var i = 0; i < count && next != endOfText; i++)
        {
            yield return next;
            if (length == history.Length)
                Array.Resize(ref history, 2 * length);
            history[length++] = next;
            if (i + 1 < count)
                next = Pick(session, sampler, history, length, unread: 1);
        }
    }

    // Feeds the last tokens of the history and picks what follows.
    private static int Pick(Session session, Sampler sampler, int[] history, int length, int unread) =>
        sampler.Pick(session.Feed(history.AsSpan(length - unread, unread)), history.AsSpan(0, length));

    /// <summary>
    /// The tokens of a prompt as our models read it: the beginning of a document, then the text. A vocabulary without
    /// an end-of-text token leaves out the former.
    /// </summary>
    /// <param name="parseSpecial">Whether the spelling of a control token in the text becomes that token.</param>
    public static List<int> Prompt(Tokenizer tokenizer, string text, bool parseSpecial = false)
    {
        List<int> ids = tokenizer.EndOfText >= 0 ? [tokenizer.EndOfText] : [];
        ids.AddRange(tokenizer.Encode(text, parseSpecial: parseSpecial));
        return ids;
    }
}
