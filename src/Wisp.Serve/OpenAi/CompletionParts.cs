using System.Text;
using Wisp.Model;
using Wisp.Run;
using Wisp.Serve.Loading;

namespace Wisp.Serve.OpenAi;

/// <summary>A text that is put together from its pieces.</summary>
internal sealed class CompletionParts(TextRun run, string echo, Tokenizer tokenizer)
{
    private readonly StringBuilder _text = new(echo);
    private CompletionLogProbabilities _scores = new();

    public TextRun Run => run;

    public string Text => _text.ToString();

    /// <summary>Why it ended, once it has.</summary>
    public string Reason => ReasonOf(run.End);

    public static string ReasonOf(GenerationEnd end) => end == GenerationEnd.Count ? "length" : "stop";

    public void Add(TextPiece piece)
    {
        foreach (var token in piece.Tokens)
            if (token.Chosen is { } chosen)
                Add(chosen, token.Best);
        _text.Append(piece.Text);
    }

    /// <summary>The log-probabilities since the last time.</summary>
    public CompletionLogProbabilities TakeScores() => Interlocked.Exchange(ref _scores, new());

    private void Add(TokenScore chosen, IReadOnlyList<TokenScore> likeliest)
    {
        _scores.Tokens.Add(TextOf(chosen));
        _scores.TokenLogprobs.Add(Finite(chosen.LogProbability));
        // Two tokens may look the same where each is half a character; the likelier one is told.
        var best = new Dictionary<string, float>();
        foreach (var score in likeliest)
            best.TryAdd(TextOf(score), Finite(score.LogProbability));
        _scores.TopLogprobs.Add(best);
        _scores.TextOffset.Add(_text.Length);
    }

    private string TextOf(TokenScore score) => Encoding.UTF8.GetString(tokenizer.BytesOf(score.Token));

    private static float Finite(float score) => float.IsFinite(score) ? score : -9999; // as OpenAI writes "never"
}
