using Wisp.Model;

namespace Wisp.Run;

/// <summary>Why a text ended.</summary>
public enum GenerationEnd
{
    /// <summary>It has not ended.</summary>
    None,

    /// <summary>The model wrote a token that ends a text.</summary>
    EndToken,

    /// <summary>One of the stop strings came.</summary>
    StopString,

    /// <summary>As many tokens as were asked for.</summary>
    Count,

    Cancelled,
}

/// <summary>When a text ends, and what is told of each token.</summary>
public sealed record GenerationOptions
{
    /// <summary>The most tokens to write.</summary>
    public int Tokens { get; init; } = 256;

    /// <summary>Tokens that end a text; they are not shown.</summary>
    public required IReadOnlySet<int> End { get; init; }

    /// <summary>Strings that end a text; they are not shown.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>How many of the most likely tokens to tell beside the chosen one; null tells nothing.</summary>
    public int? LogProbabilities { get; init; }

    /// <summary>The bits of the tokens that may come next, given what was written; null allows all.</summary>
    /// <remarks>The mask is read before the next call, so one buffer may serve all steps.</remarks>
    public Func<IReadOnlyList<int>, ReadOnlyMemory<ulong>>? Allowed { get; init; }
}

/// <summary>What a step added.</summary>
/// <param name="Text">What can be shown now: often more or less than the token's own text.</param>
/// <param name="Token">The token, or null in a last piece of no more than text that was held back.</param>
/// <param name="Chosen">The token's log-probability, where it was asked for.</param>
/// <param name="Best">The most likely tokens, best first.</param>
public readonly record struct GeneratedPiece(
    string Text, int? Token, TokenScore? Chosen, IReadOnlyList<TokenScore> Best);

/// <summary>A text in the making: tokens become characters, and stop strings end it.</summary>
public sealed class TextGeneration(Session session, Sampler sampler, Tokenizer tokenizer, GenerationOptions options)
{
    private readonly Utf8Stream _characters = new();
    private readonly StopStrings _stops = new(options.Stop);
    private readonly List<int> _tokens = [];

    public GenerationEnd End { get; private set; }

    /// <summary>All tokens of the text, those of a stop string included.</summary>
    public IReadOnlyList<int> Tokens => _tokens;

    /// <summary>
    /// Feeds the prompt and writes. A cancelled text ends like any other, with a piece that holds what was held back.
    /// To be called once.
    /// </summary>
    /// <exception cref="ArgumentException">The prompt alone is longer than the context.</exception>
    public IEnumerable<GeneratedPiece> Write(IReadOnlyList<int> prompt, CancellationToken cancel = default)
    {
        var scores = options.LogProbabilities is { } alternatives
            ? new LogProbabilities(tokenizer.VocabularySize, alternatives) : null;
        return Write(new Generation.Steps(session, sampler, prompt), scores, cancel);
    }

    private IEnumerable<GeneratedPiece> Write(
        Generation.Steps steps, LogProbabilities? scores, CancellationToken cancel)
    {
        while (!HasEnded(cancel) && Step(steps, scores) is { } piece)
            yield return piece;
        var rest = _stops.Found is null ? _stops.Push(_characters.Flush()) + _stops.Flush() : "";
        if (rest.Length > 0)
            yield return new GeneratedPiece(rest, null, null, []);
    }

    private bool HasEnded(CancellationToken cancel)
    {
        if (End == GenerationEnd.None)
            End = cancel.IsCancellationRequested ? GenerationEnd.Cancelled
                : _tokens.Count >= options.Tokens ? GenerationEnd.Count : GenerationEnd.None;
        return End != GenerationEnd.None;
    }

    private GeneratedPiece? Step(Generation.Steps steps, LogProbabilities? scores)
    {
        var allowed = options.Allowed is { } mask ? mask(_tokens) : default;
        var token = steps.Next(allowed.Span, out var logits);
        if (options.End.Contains(token))
        {
            End = GenerationEnd.EndToken;
            return null;
        }

        _tokens.Add(token);
        TokenScore? chosen = null;
        TokenScore[] best = [];
        if (scores is not null)
        {
            chosen = scores.Read(logits, token, out var likely);
            best = likely.ToArray();
        }

        var text = _stops.Push(_characters.Push(tokenizer.BytesOf(token)));
        if (_stops.Found is not null)
            End = GenerationEnd.StopString;
        return new GeneratedPiece(text, token, chosen, best);
    }
}
