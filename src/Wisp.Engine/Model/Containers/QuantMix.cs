using Wisp.Compute;

namespace Wisp.Model.Containers;

/// <summary>
/// Which type each tensor of a model gets. Vectors, norms, position embeddings and expert gates stay F32; the output
/// head, which every token's probabilities come from, gets Q6_K at least; the _m mixes give more bits to the matrices
/// that hurt most. The rules are those of llama.cpp's quantiser, so that files of either are alike.
/// </summary>
/// <param name="Type">Of most matrices.</param>
/// <param name="FileType">llama.cpp's number for such a file (llama_ftype of llama.h).</param>
/// <param name="More">The type that attn_v and ffn_down of some layers get instead.</param>
/// <param name="Joined">The type of attn_qkv in a mix, since the values are part of it.</param>
public sealed record QuantMix(string Name, DType Type, uint FileType, DType? More = null, DType? Joined = null)
{
    private static readonly QuantMix[] s_known =
    [
        new("f32", DType.F32, 0),
        new("f16", DType.F16, 1),
        new("bf16", DType.BF16, 32),
        new("q4_0", DType.Q4_0, 2),
        new("q4_1", DType.Q4_1, 3),
        new("q5_0", DType.Q5_0, 8),
        new("q5_1", DType.Q5_1, 9),
        new("q8_0", DType.Q8_0, 7),
        new("q2_k", DType.Q2_K, 10),
        new("q3_k", DType.Q3_K, 11),
        new("q4_k", DType.Q4_K, 14),
        new("q4_k_m", DType.Q4_K, 15, More: DType.Q6_K, Joined: DType.Q5_K),
        new("q5_k", DType.Q5_K, 16),
        new("q5_k_m", DType.Q5_K, 17, More: DType.Q6_K, Joined: DType.Q6_K),
        new("q6_k", DType.Q6_K, 18),
        new("iq4_nl", DType.IQ4_NL, 25),
        new("iq4_xs", DType.IQ4_XS, 30),
    ];

    /// <summary>Those that can be written.</summary>
    public static IReadOnlyList<QuantMix> Known { get; } = [.. s_known.Where(m => m.Type.CanEncode())];

    /// <exception cref="ArgumentException">No such mix; the message lists the known ones.</exception>
    public static QuantMix Named(string name) =>
        Known.FirstOrDefault(m => m.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException(
            $"'{name}' is no type to write; known are {string.Join(", ", Known.Select(m => m.Name))}.");

    /// <summary>llama.cpp's number for a file whose matrices are mostly what these are.</summary>
    public static uint FileTypeOf(IEnumerable<GgufTensor> tensors)
    {
        var most = tensors.Where(t => t.Shape.Count > 1).GroupBy(t => t.DType)
            .OrderByDescending(g => g.Sum(t => (decimal)t.Elements)).FirstOrDefault()?.Key ?? DType.F32;
        return s_known.FirstOrDefault(m => m.Type == most)?.FileType ?? 0;
    }

    /// <param name="layers">Of the model; in a mix the first and last eighth and every third between get more.</param>
    /// <param name="tied">Whether the embedding is the output head too.</param>
    public DType TypeOf(GgufTensor tensor, int layers, bool tied)
    {
        if (HuggingFaceLayout.StaysWide(tensor.Name, tensor.Shape.Count) ||
            !tensor.Name.EndsWith(".weight", StringComparison.Ordinal))
            return DType.F32;
        return Type.IsQuantised() ? Fitting(Wanted(tensor, layers, tied), tensor.Shape[0]) : Type;
    }

    private DType Wanted(GgufTensor tensor, int layers, bool tied)
    {
        if (tensor.Name == "output.weight" || (tied && tensor.Name == "token_embd.weight"))
            return Type == DType.Q8_0 ? Type : DType.Q6_K;
        var part = tensor.Name.Split('.');
        if (More is not { } more || Joined is not { } joined || part.Length < 3 ||
            !int.TryParse(part[1], out var layer))
            return Type;
        var eighth = layers / 8;
        return part[2] switch
        {
            "attn_qkv" => joined,
            "attn_v" or "ffn_down" or "ffn_down_exps" when layer < eighth || layer >= 7 * layers / 8 ||
                (layer - eighth) % 3 == 2 => more,
            _ => Type,
        };
    }

    /// <summary>
    /// The type itself where the rows are whole blocks of it. Else the nearest one of 32 values with no fewer bits, as
    /// llama.cpp falls back; and F16 for rows that are no multiple of 32 either.
    /// </summary>
    internal static DType Fitting(DType type, long row)
    {
        if (row % type.BlockLength() == 0)
            return type;
        var smaller = type switch
        {
            DType.Q2_K or DType.Q3_K or DType.IQ4_XS => DType.IQ4_NL,
            DType.Q4_K => DType.Q5_0,
            DType.Q5_K => DType.Q5_1,
            DType.Q6_K => DType.Q8_0,
            _ => DType.F16,
        };
        return row % smaller.BlockLength() == 0 ? smaller : DType.F16;
    }
}
