using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Model;

namespace Wisp.Tests.Run;

public sealed class GenerationTests : IDisposable
{
    private readonly WorkerPool _pool = new(1);
    private readonly Parameters _weights = TinyModel.Weights(TinyModel.Config(Architecture.Qwen3));
    private readonly Session _session;

    public GenerationTests() => _session = new Session(DecoderWeights.Of(_weights), _pool);

    public void Dispose()
    {
        _session.Dispose();
        _weights.Dispose();
        _pool.Dispose();
    }

    private int[] Write(int count, int endOfText, Sampling sampling)
    {
        _session.Clear();
        return [.. Generation.Tokens(_session, new Sampler(sampling, seed: 3, 281), [7, 8], count, endOfText)];
    }

    [Theory]
    [InlineData(0), InlineData(1), InlineData(2), InlineData(150)] // the last slides the context of 64 twice
    public void No_more_tokens_come_than_were_asked_for(int count) =>
        Assert.Equal(count, Write(count, endOfText: -1, new Sampling()).Length);

    [Fact]
    public void The_end_of_text_ends_it_and_is_not_shown()
    {
        var free = Write(60, endOfText: -1, new Sampling());
        var end = free[20];
        var expected = free.TakeWhile(token => token != end);
        Assert.Equal(expected, Write(60, end, new Sampling()));
        Assert.Empty(Write(60, free[0], new Sampling()));
    }

    [Fact]
    public void The_sampler_sees_the_prompt_and_all_that_was_written()
    {
        var sampling = new Sampling { RepeatPenalty = 1.5f, FrequencyPenalty = 0.3f, PenaltyWindow = int.MaxValue };
        var actual = Write(40, endOfText: -1, sampling);
        _session.Clear();
        var sampler = new Sampler(sampling, seed: 3, 281);
        List<int> history = [7, 8];
        var logits = _session.Feed([7, 8]);
        for (var i = 0; i < 40; i++)
        {
            history.Add(sampler.Pick(logits, history.ToArray()));
            logits = _session.Feed([history[^1]]);
        }

        Assert.Equal(history.Skip(2), actual);
    }

    [Fact]
    public void A_prompt_begins_a_document()
    {
        var tokenizer = TinyModel.Tokenizer();
        Assert.Equal([tokenizer.EndOfText], Generation.Prompt(tokenizer, ""));
        Assert.Equal([tokenizer.EndOfText, .. tokenizer.Encode("fox")], Generation.Prompt(tokenizer, "fox"));
        Assert.Throws<ArgumentException>(() =>
            Generation.Tokens(_session, new Sampler(new Sampling(), 1, 281), [], 3, endOfText: -1).ToList());
    }
}
