using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Run;

/// <summary>
/// How well a model foresees a text: exp of the mean negative log-likelihood of its tokens. Every token but the first
/// is judged once, with at least half a context of the text before it where the text has that much: windows of a whole
/// context advance by half of it.
/// </summary>
/// <param name="Nats">Σ −ln p over the judged tokens.</param>
/// <param name="Tokens">How many were judged.</param>
public readonly record struct Perplexity(double Nats, long Tokens)
{
    // Rows of logits in memory at once.
    private const int Rows = 64;

    public double Value => Math.Exp(Nats / Tokens);

    /// <summary>Compression that does not depend on the vocabulary.</summary>
    public double BitsPerByte(long bytes) => Nats / Math.Log(2) / bytes;

    /// <param name="begin">A token put before the text and not judged, or -1: the model's beginning of text.</param>
    /// <param name="progress">Called with tokens judged so far and in all.</param>
    /// <exception cref="ArgumentException">Fewer than two tokens, or a context too short for a window.</exception>
    public static Perplexity Of(
        DecoderWeights weights, WorkerPool pool, ReadOnlySpan<int> text, int context, int begin,
        Action<long, long>? progress = null, CancellationToken cancel = default)
    {
        int[] tokens = begin >= 0 ? [begin, .. text] : text.ToArray();
        if (tokens.Length < 2)
            throw new ArgumentException("The text has no token to foresee; two are needed.");
        if (context < 4)
            throw new ArgumentException($"A context of {context} tokens is too short to judge by; 4 are needed.");
        var V = weights.Config.Vocabulary;
        using var session = new Session(weights, pool, context);
        using var logits = new FloatBuffer(checked(Rows * V));
        double nats = 0;
        var judged = 1; // the first token has nothing before it
        for (var from = 0; judged < tokens.Length; from += context / 2)
        {
            session.Clear();
            var end = Math.Min(tokens.Length - 1, from + context); // the last token is judged but not fed
            // What an earlier window judged is only read here.
            if (judged - 1 > from)
                session.Feed(tokens.AsSpan(from, judged - 1 - from));
            while (judged <= end)
            {
                cancel.ThrowIfCancellationRequested();
                var rows = Math.Min(Rows, end - judged + 1);
                var scores = logits.Slice(0, rows * V);
                session.FeedEvery(tokens.AsSpan(judged - 1, rows), scores);
                for (var row = 0; row < rows; row++)
                    nats -= LogProbability(scores.Slice(row * V, V), tokens[judged + row]);
                judged += rows;
                progress?.Invoke(judged - 1, tokens.Length - 1);
            }
        }

        return new(nats, tokens.Length - 1);
    }

    // ln softmax(z)[token] in float64: a long text adds up many.
    private static double LogProbability(ReadOnlySpan<float> z, int token)
    {
        var max = float.NegativeInfinity;
        foreach (var value in z)
            max = Math.Max(max, value);
        var sum = 0.0;
        foreach (var value in z)
            sum += Math.Exp((double)value - max);
        return z[token] - max - Math.Log(sum);
    }
}
