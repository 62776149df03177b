using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// What sets one decoder family apart from another and cannot be seen in its tensors. A family is a row of this table,
/// not a class: biases, fused matrices, norms and experts are there when the file holds them.
/// </summary>
/// <param name="Name">The value of general.architecture in GGUF files.</param>
/// <param name="Rope">Which elements RoPE turns together; null where positions are learned.</param>
public sealed record Architecture(string Name, RopeLayout? Rope)
{
    /// <summary>What Wisp trains: RMSNorm on every query and key head before RoPE in half-split pairs.</summary>
    public static readonly Architecture Qwen3 = new("qwen3", RopeLayout.Neox) { Trainable = true, QkNorm = true };

    /// <summary>Also what Mistral is in GGUF files, which store its RoPE in adjacent pairs, and Mixtral.</summary>
    public static readonly Architecture Llama = new("llama", RopeLayout.Norm) { Trainable = true };

    public static readonly IReadOnlyList<Architecture> Known =
    [
        Llama, Qwen3,
        new("qwen2", RopeLayout.Neox),
        new("qwen3moe", RopeLayout.Neox),
        new("gemma", RopeLayout.Neox) { Activation = Activation.Gelu, ScalesEmbedding = true },
        new("gemma2", RopeLayout.Neox)
        {
            Activation = Activation.Gelu, ScalesEmbedding = true, GlobalEvery = 2, Window = 4096,
            AttentionSoftcap = 50, LogitSoftcap = 30, LayersOfWidthScale = 46,
        },
        new("gemma3", RopeLayout.Neox)
        {
            Activation = Activation.Gelu, ScalesEmbedding = true, GlobalEvery = 6, LocalRopeTheta = 10_000,
            LayersOfWidthScale = 62,
        },
        new("phi3", RopeLayout.Neox),
        new("gpt2", Rope: null) { Activation = Activation.Gelu, LayerNorm = true },
        new("starcoder2", RopeLayout.Neox) { Activation = Activation.Gelu, LayerNorm = true },
        new("olmo2", RopeLayout.Neox),
        new("stablelm", RopeLayout.Neox) { LayerNorm = true },
        new("smollm3", RopeLayout.Norm) { UnrotatedEvery = 4 },
    ];

    /// <summary>Whether <see cref="Transformer"/> can train it.</summary>
    public bool Trainable { get; init; }

    /// <summary>Whether a new model normalises its query and key heads.</summary>
    public bool QkNorm { get; init; }

    /// <summary>LayerNorm instead of RMSNorm.</summary>
    public bool LayerNorm { get; init; }

    public Activation Activation { get; init; } = Activation.Silu;

    /// <summary>Embeddings enter times √C.</summary>
    public bool ScalesEmbedding { get; init; }

    /// <summary>Of every so many layers the last attends to everything, the others within a window; 0: all
    /// do.</summary>
    public int GlobalEvery { get; init; }

    /// <summary>The window where a file names none.</summary>
    public int Window { get; init; }

    /// <summary>θ of the layers with a window; 0: the same as elsewhere.</summary>
    public float LocalRopeTheta { get; init; }

    /// <summary>Of every so many layers the last has no RoPE; 0: all have it.</summary>
    public int UnrotatedEvery { get; init; }

    /// <summary>Softcaps where a file names none; 0: none.</summary>
    public float AttentionSoftcap { get; init; }

    public float LogitSoftcap { get; init; }

    /// <summary>The 27 B Gemmas, known by their layers, scale scores by √(H/C) and not by 1/√D.</summary>
    public int LayersOfWidthScale { get; init; }

    /// <exception cref="InvalidDataException">No such architecture; the message lists the known ones.</exception>
    public static Architecture Named(string name, string where) =>
        Known.FirstOrDefault(a => a.Name == name) ?? throw new InvalidDataException(
            $"{where}: architecture '{OneLine.Of(name)}' is not supported; known are " +
            $"{string.Join(", ", Known.Select(a => a.Name))}.");
}
