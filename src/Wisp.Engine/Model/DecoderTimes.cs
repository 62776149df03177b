namespace Wisp.Model;

/// <summary>The parts of a pass whose time is told apart.</summary>
internal enum DecoderOperation
{
    Embedding,
    Norm,
    Qkv,
    Rope,
    Attention,
    Output,
    GateUp,
    Activation,
    Down,
    Add,
    Head,
}

/// <summary>
/// Where the time of a decoder's passes goes: every operation takes what has passed since the one before it, so the
/// parts add up to the whole. A decoder that has none of these only compares a reference with null.
/// </summary>
internal sealed class DecoderTimes(TimeProvider clock)
{
    private readonly long[] _ticks = new long[Enum.GetValues<DecoderOperation>().Length];
    private long _last;

    /// <summary>What has passed so far belongs to nobody.</summary>
    public void Start() => _last = clock.GetTimestamp();

    public void Lap(DecoderOperation operation)
    {
        var now = clock.GetTimestamp();
        _ticks[(int)operation] += now - _last;
        _last = now;
    }

    public TimeSpan Of(DecoderOperation operation) => clock.GetElapsedTime(0, _ticks[(int)operation]);
}
