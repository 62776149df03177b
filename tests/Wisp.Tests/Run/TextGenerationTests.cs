using System.Text;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Model;

namespace Wisp.Tests.Run;

public sealed class TextGenerationTests : IDisposable
{
    private readonly WorkerPool _pool = new(1);
    private readonly Parameters _weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3));
    private readonly Tokenizer _tokenizer = TinyModel.Tokenizer();
    private readonly Session _session;

    public TextGenerationTests() => _session = new Session(DecoderWeights.Of(_weights), _pool);

    public void Dispose()
    {
        _session.Dispose();
        _weights.Dispose();
        _pool.Dispose();
    }

    private static GenerationOptions Options(int tokens = 40) => new() { Tokens = tokens, End = new HashSet<int>() };

    private (TextGeneration Text, List<GeneratedPiece> Pieces) Write(
        GenerationOptions options, Sampling? sampling = null, CancellationToken cancel = default)
    {
        _session.Clear();
        var text = new TextGeneration(
            _session, new Sampler(sampling ?? new Sampling(), seed: 3, _tokenizer), _tokenizer, options);
        return (text, [.. text.Write([7, 8], cancel)]);
    }

    private static string Shown(IEnumerable<GeneratedPiece> pieces) => string.Concat(pieces.Select(p => p.Text));

    [Fact]
    public void The_text_is_that_of_the_tokens()
    {
        var (text, pieces) = Write(Options());
        Assert.Equal((40, GenerationEnd.Count), (text.Tokens.Count, text.End));
        Assert.Equal(_tokenizer.DecodeText([.. text.Tokens]), Shown(pieces));
        Assert.Equal(text.Tokens, pieces.Where(p => p.Token is not null).Select(p => p.Token!.Value));
        Assert.All(pieces, piece => Assert.True(piece.Chosen is null && piece.Best.Count == 0));
        _session.Clear();
        Assert.Equal(text.Tokens, Generation.Tokens(
            _session, new Sampler(new Sampling(), 3, 281), [7, 8], 40, new HashSet<int>()));
        Assert.Empty(Write(Options(0)).Pieces);
    }

    [Fact]
    public void A_stop_string_ends_it_and_is_not_shown()
    {
        var whole = Shown(Write(Options()).Pieces);
        var stop = whole[10..13]; // over tokens, each of which is a byte
        var (text, pieces) = Write(Options() with { Stop = ["never there", stop] });
        Assert.Equal(GenerationEnd.StopString, text.End);
        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], Shown(pieces));
        Assert.True(text.Tokens.Count < 40);
    }

    [Fact]
    public void Any_of_the_end_tokens_ends_it()
    {
        var free = Write(Options()).Text.Tokens;
        var (text, _) = Write(Options() with { End = new HashSet<int> { 280, free[20] } });
        Assert.Equal(GenerationEnd.EndToken, text.End);
        Assert.Equal(free.TakeWhile(token => token != free[20]), text.Tokens);
    }

    [Fact]
    public void A_cancelled_text_ends_with_all_that_was_written()
    {
        using var source = new CancellationTokenSource();
        _session.Clear();
        var text = new TextGeneration(_session, new Sampler(new Sampling(), 3, 281), _tokenizer,
            Options() with { Stop = [Shown(Write(Options()).Pieces)[..30] + "x"] });
        _session.Clear();
        var shown = new StringBuilder();
        foreach (var piece in text.Write([7, 8], source.Token))
        {
            shown.Append(piece.Text); // nothing at first: it may all be the stop string
            if (text.Tokens.Count == 9)
                source.Cancel();
        }

        Assert.Equal((9, GenerationEnd.Cancelled), (text.Tokens.Count, text.End));
        Assert.Equal(_tokenizer.DecodeText([.. text.Tokens]), shown.ToString());
    }

    [Fact]
    public void Log_probabilities_are_those_of_the_model_whatever_the_sampling()
    {
        var sampling = new Sampling { Temperature = 2, RepeatPenalty = 1.5f };
        var (text, pieces) = Write(Options(20) with { LogProbabilities = 3 }, sampling);
        _session.Clear();
        var logits = _session.Feed([7, 8]).ToArray();
        foreach (var piece in pieces.Where(p => p.Token is not null))
        {
            var expected = new LogProbabilities(281, 3).Read(logits, piece.Token!.Value, out var best);
            Assert.Equal(expected, piece.Chosen);
            Assert.Equal(best.ToArray(), piece.Best);
            logits = _session.Feed([piece.Token.Value]).ToArray();
        }

        Assert.Equal(text.Tokens, Write(Options(20), sampling).Text.Tokens); // looking changes nothing
    }

    [Fact]
    public void A_mask_is_asked_for_with_all_that_was_written()
    {
        var seen = new List<int>();
        var mask = new ulong[(281 + 63) / 64];
        var (text, _) = Write(Options(12) with
        {
            Allowed = written =>
            {
                seen.Add(written.Count);
                Array.Clear(mask);
                mask[1] = 1UL << (written.Count + 1); // 'A', 'B', ...
                return mask;
            },
        });
        Assert.Equal(Enumerable.Range(0, 12), seen);
        Assert.Equal("ABCDEFGHIJKL", _tokenizer.DecodeText([.. text.Tokens]));
    }

    [Theory]
    [InlineData(64, true), InlineData(65, false)]
    public void A_prompt_longer_than_the_context_is_refused_with_both_numbers(int length, bool fits)
    {
        int[] prompt = [.. Enumerable.Repeat(7, length)];
        var text = new TextGeneration(_session, new Sampler(new Sampling(), 3, 281), _tokenizer, Options(5));
        if (fits)
        {
            Assert.NotEmpty(text.Write(prompt).ToList()); // and the session slides
            return;
        }

        var error = Assert.Throws<ArgumentException>(() => text.Write(prompt).ToList());
        Assert.Contains("65 tokens", error.Message);
        Assert.Contains("holds 64", error.Message);
    }
}
