using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Run;

/// <summary>How much an engine may take, and in what portions it works.</summary>
public sealed record EngineOptions
{
    /// <summary>Tokens of one request, prompt and answer together; 0 means what the model was trained for.</summary>
    public int Context { get; init; }

    /// <summary>Tokens of all requests together whose keys and values are kept; 0 means four contexts.</summary>
    public int CacheTokens { get; init; }

    /// <summary>How keys and values are kept.</summary>
    public KvType Kv { get; init; } = KvType.F16;

    /// <summary>Requests that are worked on at once; the others wait.</summary>
    public int MaxRequests { get; init; } = 64;

    /// <summary>Rows of one pass: every running request has one, and prompts fill the rest.</summary>
    public int Rows { get; init; } = 256;

    /// <summary>
    /// The most tokens to guess ahead from what the text said before (prompt lookup); 0 guesses nothing. The text is
    /// the same either way.
    /// </summary>
    public int Lookahead { get; init; }

    /// <exception cref="ArgumentException">A number is out of range.</exception>
    public EngineOptions Checked(int trained)
    {
        var whole = this with { Context = Context == 0 ? trained : Context };
        if (CacheTokens == 0)
            whole = whole with { CacheTokens = (int)Math.Min(int.MaxValue, 4L * whole.Context) };
        Require(whole.Context is > 0 && whole.Context <= trained, "context", whole.Context, $"1 to {trained} tokens");
        Require(whole.CacheTokens >= whole.Context, "cache", whole.CacheTokens,
            $"at least one context, {whole.Context} tokens");
        Require(MaxRequests is > 0 and <= 4096, "number of requests at once", MaxRequests, "1 to 4096");
        Require(Rows >= MaxRequests + KvStore.BlockTokens && Rows <= 8192, "rows of a pass", Rows,
            $"{MaxRequests + KvStore.BlockTokens} (one a request, and a block of a prompt) to 8192");
        Require(Lookahead is >= 0 and <= 31, "lookahead", Lookahead, "0 to 31 tokens");
        return whole;

        static void Require(bool holds, string what, int found, string wanted)
        {
            if (!holds)
                throw new ArgumentException($"The {what} is {found}; it must be {wanted}.");
        }
    }
}

/// <summary>A prompt to be continued.</summary>
public sealed record EngineRequest
{
    public required IReadOnlyList<int> Prompt { get; init; }

    /// <summary>The most tokens to write.</summary>
    public required int MaxTokens { get; init; }

    public Sampling Sampling { get; init; } = new();

    public ulong Seed { get; init; }

    /// <summary>Tokens that end the text; they are not yielded.</summary>
    public required IReadOnlySet<int> End { get; init; }

    /// <summary>Prefixes are shared between requests of one domain and never across.</summary>
    public long Domain { get; init; }

    /// <summary>What changes the weights for this request alone; null leaves them as they are.</summary>
    public LoraAdapter? Adapter { get; init; }

    /// <summary>How many of the likeliest tokens to tell beside each; null tells no log-probability at all.</summary>
    public int? LogProbabilities { get; init; }

    /// <summary>The bits of the tokens that may come next, given what was written; null allows all.</summary>
    public Func<IReadOnlyList<int>, ReadOnlyMemory<ulong>>? Allowed { get; init; }

    /// <summary>What <see cref="Run.Sampling.DryBreakers"/> are in the vocabulary, where DRY is on.</summary>
    public SequenceBreakers? Breakers { get; init; }
}

/// <summary>A token that was written, with its log-probability where it was asked for.</summary>
public readonly record struct EngineToken(int Id, TokenScore? Chosen, IReadOnlyList<TokenScore> Best);

/// <summary>What a request cost.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="CachedTokens">Those of them that were in the cache already.</param>
/// <param name="GeneratedTokens">Tokens written.</param>
/// <param name="GuessedTokens">Those of them that came from a right guess.</param>
public readonly record struct EngineUsage(int PromptTokens, int CachedTokens, int GeneratedTokens, int GuessedTokens);
