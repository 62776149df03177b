using Wisp.Bench.Peer;

namespace Wisp.Bench.Engine;

/// <summary>llama.cpp as it comes: repacking, flash attention if it likes, F16 keys and values.</summary>
internal sealed class PeerSequence(LlamaNative native, string path, int threads, int context) : ISequence
{
    private readonly LlamaCpp _model = new(native, path, PeerSettings.Fast(context, threads));

    public int Vocabulary => _model.VocabularySize;

    public void Clear() => _model.Clear();

    public ReadOnlySpan<float> Feed(ReadOnlySpan<int> tokens) => _model.Append(tokens);

    public float[] Logits(int[] tokens) => _model.Logits(tokens);

    public void Dispose() => _model.Dispose();
}

/// <summary>The same with sequences side by side, which share the cache in equal parts.</summary>
internal sealed class PeerStreams(LlamaNative native, string path, int threads, int context, int streams) : IStreams
{
    private readonly LlamaCpp _model =
        new(native, path, PeerSettings.Fast(checked(context * streams), threads, streams));

    public int Vocabulary => _model.VocabularySize;

    public void Clear() => _model.Clear();

    public void Step(ReadOnlySpan<int> tokens) => _model.Step(tokens);

    public void Dispose() => _model.Dispose();
}
