using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Bench.Engine;

/// <summary>The shape of a model that people run, without its weights: speed depends on nothing else.</summary>
internal sealed record Shape(string Name, string After, ModelConfig Config)
{
    // Longer than what any measurement feeds; some of the originals were trained for less.
    private const int Context = 8192;

    public static readonly IReadOnlyList<Shape> Known =
    [
        new("15M", "stories15M", Llama(vocabulary: 32_000, width: 288, layers: 6, heads: 6, kvHeads: 6, ffn: 768)),
        new("135M", "SmolLM-135M",
            Llama(vocabulary: 49_152, width: 576, layers: 30, heads: 9, kvHeads: 3, ffn: 1536)),
        new("1B", "Llama-3.2-1B",
            Llama(vocabulary: 128_256, width: 2048, layers: 16, heads: 32, kvHeads: 8, ffn: 8192)),
    ];

    /// <exception cref="ArgumentException">No such shape; the message lists the known ones.</exception>
    public static Shape Named(string name) =>
        Known.FirstOrDefault(s => s.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) ??
        throw new ArgumentException($"--shapes: '{name}' is not known; known are {string.Join(
            ", ", Known.Select(s => s.Name))}.");

    /// <summary>
    /// What a matrix is stored as in a file of a type. Rows of 288 or 576 values are no whole number of blocks of 256;
    /// llama.cpp's quantiser takes the nearest type of small blocks for them, and so does every such file in use.
    /// </summary>
    public static DType Stored(DType type, int columns) => columns % type.BlockLength() == 0 ? type : type switch
    {
        DType.Q4_K => DType.Q5_0,
        DType.Q5_K => DType.Q5_1,
        DType.Q6_K => DType.Q8_0,
        _ => DType.IQ4_NL,
    };

    /// <summary>Whether all matrices are of the type itself.</summary>
    public bool IsPure(DType type) => Config.Width % type.BlockLength() == 0;

    private static ModelConfig Llama(int vocabulary, int width, int layers, int heads, int kvHeads, int ffn) => new()
    {
        Architecture = Architecture.Llama, Vocabulary = vocabulary, Context = Context, Width = width, Layers = layers,
        Heads = heads, KvHeads = kvHeads, HeadDim = width / heads, FeedForward = ffn, TiedHead = true,
        NormEpsilon = 1e-5f,
    };
}
