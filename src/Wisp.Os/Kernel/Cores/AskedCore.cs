using Wisp.Compute;
using Wisp.Memory;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Kernel.Cores;

/// <summary>
/// The core of a kernel whose models are all asked: it steps nothing, and only says how long texts are.
/// </summary>
/// <param name="codec">Of the model that most are asked of.</param>
/// <param name="context">Tokens of one prompt and its answer.</param>
public sealed class AskedCore(PromptCodec codec, int context) : ITokenCore
{
    public KvCache Kv { get; } = new(new ModelConfig
    {
        Architecture = Architecture.Llama, Vocabulary = 1, Context = context, Width = 8, Layers = 1, Heads = 1,
        KvHeads = 1, HeadDim = 2, FeedForward = 8, TiedHead = true, RopeTheta = 10_000f, NormEpsilon = 1e-5f,
    }, 1, KvType.F32);

    public PromptCodec Codec { get; } = codec;

    public int Context { get; } = context;

    public int Rows => 1;

    public void Step(IReadOnlyList<StepJob> jobs) =>
        throw new InvalidOperationException("models of this kernel are asked, and none is stepped");

    public bool Ends(int token) => true;

    public string Text(IReadOnlyList<int> tokens) => "";

    public void Dispose() => Kv.Dispose();
}
