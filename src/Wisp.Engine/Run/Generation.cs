using Wisp.Model;

namespace Wisp.Run;

/// <summary>Writing tokens with a session: pick, feed, repeat.</summary>
public static class Generation
{
    /// <summary>
    /// Feeds the prompt and yields up to <paramref name="count"/> sampled tokens; an end-of-text token ends the text
    /// and is not yielded.
    /// </summary>
    public static IEnumerable<int> Tokens(
        Session session, Sampler sampler, IReadOnlyList<int> prompt, int count, int endOfText) =>
        Tokens(session, sampler, prompt, count, new HashSet<int> { endOfText });

    /// <summary>
    /// Feeds the prompt and yields up to <paramref name="count"/> sampled tokens; any of the end tokens ends the text
    /// and is not yielded. The prompt must not be empty: a document begins with the end-of-text token of the one
    /// before. When the context is full, the session slides.
    /// </summary>
    /// <exception cref="ArgumentException">The prompt alone is longer than the context.</exception>
    public static IEnumerable<int> Tokens(
        Session session, Sampler sampler, IReadOnlyList<int> prompt, int count, IReadOnlySet<int> end)
    {
        return Write(new Steps(session, sampler, prompt)); // a prompt is refused now, not when its first token is read

        IEnumerable<int> Write(Steps steps)
        {
            for (var i = 0; i < count; i++)
            {
                var next = steps.Next(default, out _);
                if (end.Contains(next))
                    yield break;
                yield return next;
            }
        }
    }

    /// <summary>
    /// The tokens of a prompt as its model wants them: the token that begins a text, where the vocabulary adds one,
    /// then the text. An empty text begins with that token in any case, if there is one.
    /// </summary>
    /// <param name="parseSpecial">Whether the spelling of a control token in the text becomes that token.</param>
    public static List<int> Prompt(Tokenizer tokenizer, string text, bool parseSpecial = false)
    {
        var begin = tokenizer.Bos >= 0 ? tokenizer.Bos : tokenizer.EndOfText;
        List<int> ids = begin >= 0 && (tokenizer.AddBos || text.Length == 0) ? [begin] : [];
        ids.AddRange(tokenizer.Encode(text, parseSpecial: parseSpecial));
        return ids;
    }

    /// <summary>A text that grows by a token a step; what was picked last is fed when the next is asked for.</summary>
    internal sealed class Steps
    {
        private readonly Session _session;
        private readonly Sampler _sampler;

        // An array with its length, because the sampler reads a span and a list has none to give.
        private int[] _history;
        private int _length, _unread;

        public Steps(Session session, Sampler sampler, IReadOnlyList<int> prompt)
        {
            if (prompt.Count > session.Context)
                throw new ArgumentException(
                    $"The prompt has {prompt.Count:N0} tokens, and the context holds {session.Context:N0}. " +
                    "Shorten the prompt or take a longer context.");
            (_session, _sampler, _history) = (session, sampler, [.. prompt]);
            _length = _unread = _history.Length;
        }

        /// <param name="allowed">The mask of the sampler; empty allows all.</param>
        /// <param name="logits">What the token was picked from; valid until the next step.</param>
        public int Next(ReadOnlySpan<ulong> allowed, out ReadOnlySpan<float> logits)
        {
            logits = _session.Feed(_history.AsSpan(_length - _unread, _unread));
            var next = _sampler.Pick(logits, _history.AsSpan(0, _length), allowed);
            if (_length == _history.Length)
                Array.Resize(ref _history, 2 * _length);
            _history[_length++] = next;
            _unread = 1;
            return next;
        }
    }
}
