namespace Wisp.Bench.Engine;

/// <summary>How much is measured.</summary>
/// <param name="Peer">The folder of llama.cpp's libraries.</param>
/// <param name="DecodeTokens">Tokens decoded one by one in a round.</param>
/// <param name="LongPast">Tokens in the cache before the second measurement of decoding; 0 leaves it out.</param>
/// <param name="Streams">Sequences side by side; 0 leaves them out.</param>
internal sealed record EngineOptions(
    string Peer, int Threads, int Rounds, int DecodeTokens, int LongPast, int Streams)
{
    public const int PromptTokens = 512;

    /// <summary>Tokens that each of the streams gets.</summary>
    public const int StreamTokens = 32;

    /// <summary>Starts of a process, at most: each reads the whole model again.</summary>
    public int Starts => Math.Min(Rounds, 3);

    /// <summary>The same for both engines: what is fed at most, in whole steps.</summary>
    public int Context => RoundUp(Math.Max(PromptTokens, LongPast) + ((Rounds + 1) * DecodeTokens));

    public int StreamContext => RoundUp(PromptTokens + DecodeTokens);

    private static int RoundUp(int tokens) => (tokens + 255) / 256 * 256;
}
