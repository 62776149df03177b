using Wisp.Memory;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Model;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Os.Memory;

public sealed class SwapTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly KvCache _cache = new(TinyModel.Config(Architecture.Qwen3), 32);

    public void Dispose()
    {
        _cache.Dispose();
        _folder.Dispose();
    }

    private KvSequence Sequence(int seed)
    {
        var sequence = _cache.Create([]);
        sequence.Append(TinyModel.Tokens(100, 281, seed));
        sequence.Computed();
        return sequence;
    }

    [Theory]
    [InlineData(1_000_000, 1e6, 100, 10, true), InlineData(1_000_000, 1e6, 100, 100, false)]
    [InlineData(10_000_000, 1e6, 100, 10, false), InlineData(1000, 1e9, 1, 1, true)]
    public void The_cheaper_way_back_is_taken(long bytes, double bytesRate, int tokens, double rate, bool toFile)
    {
        var choice = SwapChoice.Of(bytes, bytesRate, tokens, rate);
        Assert.Equal(toFile, choice.ToFile);
        Assert.Equal(Math.Min(2 * bytes / bytesRate, tokens / rate), choice.Cost.TotalSeconds, 6);
    }

    [Fact]
    public void A_sequence_that_is_slow_to_compute_goes_to_a_file_and_comes_back_whole()
    {
        var swap = new KvSwap(_cache, _folder.Path, TimeProvider.System, tokensPerSecond: 0.01);
        var sequence = Sequence(1);
        var tokens = sequence.CopyOfTokens();
        var away = swap.Out(sequence);
        Assert.True(File.Exists(away.File));
        _cache.Clear();
        Assert.Equal(0, _cache.Use.Used);
        using var back = swap.In(away);
        Assert.Equal(tokens, back.CopyOfTokens());
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void A_sequence_that_is_quick_to_compute_keeps_its_tokens_only()
    {
        var swap = new KvSwap(_cache, _folder.Path, TimeProvider.System, tokensPerSecond: 1e12);
        var sequence = Sequence(2);
        var tokens = sequence.CopyOfTokens();
        var away = swap.Out(sequence);
        Assert.Null(away.File);
        Assert.Equal(tokens, away.Tokens);
        _cache.Clear();
        using var back = swap.In(away);
        Assert.Equal(0, back.Length); // all of it is to be read again
    }

    [Fact]
    public void What_others_hold_too_stays_and_is_not_worth_a_file()
    {
        var swap = new KvSwap(_cache, _folder.Path, TimeProvider.System, tokensPerSecond: 0.01);
        using var parent = Sequence(4);
        var tokens = parent.CopyOfTokens();
        var away = swap.Out(parent.Fork());
        Assert.Null(away.File);
        using var back = swap.In(away);
        Assert.Equal(96, back.Length); // all whole blocks, found where they were
        Assert.Equal(tokens, away.Tokens);
    }

    [Fact]
    public void An_image_that_is_damaged_or_gone_costs_time_and_nothing_else()
    {
        var swap = new KvSwap(_cache, _folder.Path, TimeProvider.System, tokensPerSecond: 0.01);
        var away = swap.Out(Sequence(3));
        _cache.Clear();
        var bytes = File.ReadAllBytes(away.File!);
        bytes[^40] ^= 1;
        File.WriteAllBytes(away.File!, bytes);
        using (var back = swap.In(away))
            Assert.True(back.Length < 100);
        File.Delete(away.File!);
        using (var back = swap.In(away))
            Assert.True(back.Length < 100);
    }
}
