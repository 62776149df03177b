using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Tests.Model;

/// <summary>
/// A random encoder as the pairs and tensors of a file, so that a test can spoil any of them; every width is another
/// number, so that a mixed-up pair shows.
/// </summary>
internal sealed class TinyEncoder
{
    public const int Vocabulary = 33, Context = 70, Width = 36, Layers = 2, Heads = 3, FeedForward = 65;

    public const int Unknown = 1, Opening = 2, Closing = 3;

    public const string Name = "tiny";

    public string Architecture { get; }

    public Dictionary<string, (long[] Shape, float[] Values)> Tensors { get; } = [];

    /// <summary>Numbers, texts and switches by their key without the architecture.</summary>
    public Dictionary<string, object> Pairs { get; } = [];

    public bool HasVocabulary { get; set; } = true;

    /// <param name="architecture">bert, or nomic-bert: turned by RoPE, gated, and Q, K, V in one matrix.</param>
    public TinyEncoder(string architecture = "bert", bool ranks = false, int seed = 1)
    {
        Architecture = architecture;
        foreach (var (key, value) in (ReadOnlySpan<(string, object)>)
            [
                ("context_length", Context), ("embedding_length", Width), ("block_count", Layers),
                ("feed_forward_length", FeedForward), ("attention.head_count", Heads),
                ("attention.layer_norm_epsilon", 1e-12f), ("attention.causal", false),
                ("pooling_type", ranks ? 4 : 1),
            ])
            Pairs[key] = value;
        Matrix("token_embd", Vocabulary, Width);
        Matrix("token_types", 2, Width);
        Norm("token_embd_norm");
        var nomic = architecture == "nomic-bert";
        if (nomic)
            Pairs["rope.freq_base"] = 1000f;
        else
            Matrix("position_embd", Context, Width);
        for (var l = 0; l < Layers; l++)
        {
            var at = $"blk.{l}.";
            foreach (var name in nomic ? (string[])["qkv"] : ["q", "k", "v"])
                Projection($"{at}attn_{name}", nomic ? 3 * Width : Width, Width);
            Projection($"{at}attn_output", Width, Width);
            Norm($"{at}attn_output_norm");
            if (nomic)
                Projection($"{at}ffn_gate", FeedForward, Width);
            Projection($"{at}ffn_up", FeedForward, Width);
            Projection($"{at}ffn_down", Width, FeedForward);
            Norm($"{at}layer_output_norm");
        }

        if (ranks)
        {
            Projection("cls", Width, Width);
            Projection("cls.output", 1, Width);
        }

        void Matrix(string name, int rows, int columns) => Tensors[$"{name}.weight"] =
            ([columns, rows], Sample.Normal(rows * columns, ++seed, 1 / MathF.Sqrt(columns)));
        void Vector(string name, int length, float centre) => Tensors[name] =
            ([length], [.. Sample.Normal(length, ++seed, 0.1f).Select(z => centre + z)]);
        void Norm(string name)
        {
            Vector($"{name}.weight", Width, 1);
            Vector($"{name}.bias", Width, 0);
        }

        void Projection(string name, int rows, int columns)
        {
            Matrix(name, rows, columns);
            if (!nomic)
                Vector($"{name}.bias", rows, 0);
        }
    }

    /// <summary>Writes the file and returns its path.</summary>
    public string Write(string path, DType type = DType.F32)
    {
        var writer = new GgufWriter().AddString("general.architecture", Architecture).AddString("general.name", Name);
        foreach (var (key, value) in Pairs)
        {
            var full = $"{Architecture}.{key}";
            _ = value switch
            {
                float number => writer.AddFloat(full, number),
                bool set => writer.AddBool(full, set),
                string text => writer.AddString(full, text),
                _ => writer.AddUInt(full, Convert.ToInt64(value)),
            };
        }

        if (HasVocabulary)
            new Vocabulary
            {
                Kind = "bert",
                Tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁the", "s", "▁.",
                    .. Enumerable.Range('a', 26).Select(letter => $"▁{(char)letter}")],
                Types = [3, 3, 3, 3, .. Enumerable.Repeat(1, Vocabulary - 4)],
                Numbers = new Dictionary<string, uint>
                {
                    ["unknown_token_id"] = Unknown, ["bos_token_id"] = Opening, ["seperator_token_id"] = Closing,
                },
            }.Write(writer);
        foreach (var (name, tensor) in Tensors)
            writer.AddTensor(name, tensor.Shape, tensor.Shape.Length > 1 ? type : DType.F32, tensor.Values);
        writer.Write(path);
        return path;
    }

    public static int[] Tokens(int count, int seed) => TinyModel.Tokens(count, Vocabulary, seed);
}
