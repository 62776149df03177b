using System.Text;
using Wisp.Compute;

namespace Wisp.Model.Containers;

/// <summary>
/// A model of karpathy/llama2.c: float32 weights behind a head of seven numbers, without names and without a
/// tokenizer, which lies in a tokenizer.bin beside it or nowhere. Presented as architecture llama: queries and keys
/// are stored in adjacent RoPE pairs there too, so every tensor is mapped as it lies.
/// </summary>
/// <remarks>
/// Facts from export.py and run.c of llama2.c. Legacy head: int32 dim, hidden_dim, n_layers, n_heads, n_kv_heads,
/// vocab_size (negative: the classifier is not shared), seq_len; after the last norm lie two RoPE tables of
/// seq_len · D/2 values that nobody reads any more. Version 1: 'ak42', version, the seven numbers, a byte that says
/// whether the classifier is shared, all padded to 256 bytes; the norms come first, and there are no tables.
/// Neither stores RoPE's base and the norm's epsilon: run.c has 10000 and 1e-5 built in.
/// </remarks>
internal static class Llama2C
{
    private const uint Magic = 0x616b3432; // 'ak42'
    private const int VersionedHead = 256;
    private const int Fields = 7;

    /// <summary>What run.c has built in and no head says.</summary>
    internal const float RopeTheta = 10_000f, NormEpsilon = 1e-5f;

    /// <summary>The unknown token, both ends of a text and the 256 bytes come before.</summary>
    internal const int FirstWord = 259;

    internal sealed record Shape(int C, int F, int L, int H, int K, int V, int Context, bool Shared)
    {
        public int KvWidth => C / H * K;

        // The legacy head says with the sign of the vocabulary whether the classifier is shared.
        public static Shape Read(ReadOnlySpan<int> x, bool? shared) => new(x[0], x[1], x[2], x[3], x[4],
            shared is null && x[5] < 0 ? unchecked(-x[5]) : x[5], x[6], shared ?? x[5] > 0);

        public bool IsSound => C is > 0 and <= 1 << 16 && F is > 0 and <= 1 << 18 && L is > 0 and <= 1024 &&
            H is > 0 and <= 1024 && K > 0 && K <= H && H % K == 0 && C % H == 0 && C / H % 2 == 0 &&
            V is > 1 and <= 1 << 22 && Context is > 0 and <= 1 << 20;

        // At the largest sound shape below 2^58, so nothing overflows.
        public long Values(bool tables) => (long)V * C * (Shared ? 1 : 2) + C + (tables ? (long)Context * (C / H) : 0) +
            L * ((long)C * C * 2 + (long)C * KvWidth * 2 + (long)C * F * 3 + C * 2L);
    }

    /// <summary>Whether the head is one and the length is exactly what it implies, which no other file has.</summary>
    public static bool Fits(MappedFile file) => TryRead(file, out _, out _);

    private static bool TryRead(MappedFile file, out Shape shape, out bool versioned)
    {
        shape = null!;
        versioned = file.Length >= VersionedHead && file.Slice<uint>(0, 1)[0] == Magic &&
            file.Slice<int>(4, 1)[0] == 1;
        if (file.Length < Fields * sizeof(int))
            return false;
        shape = versioned
            ? Shape.Read(file.Slice<int>(8, Fields), file.Slice(8 + Fields * sizeof(int), 1)[0] != 0)
            : Shape.Read(file.Slice<int>(0, Fields), null);
        var head = versioned ? VersionedHead : Fields * sizeof(int);
        return shape.IsSound && file.Length == head + shape.Values(!versioned) * sizeof(float);
    }

    /// <summary>Takes over the file, unless it throws.</summary>
    public static Gguf Open(MappedFile file)
    {
        if (!TryRead(file, out var shape, out var versioned))
            throw new InvalidDataException($"{file.Path}: is neither a GGUF file nor a llama2.c model: its " +
                $"{file.Length} bytes are not what a head of sound sizes implies. Is it cut short?");
        var writer = Metadata(shape, Path.GetFileNameWithoutExtension(file.Path));
        var tokenizer = Path.Combine(Path.GetDirectoryName(file.Path) ?? "", Llama2CWriter.TokenizerName);
        if (File.Exists(tokenizer))
            AddTokenizer(writer, tokenizer, shape.V);
        else
            writer.AddString("tokenizer.ggml.model", HuggingFaceTokens.NoVocabulary);
        return ModelContainer.Present(file.Path, versioned ? "llama2.c version 1" : "llama2.c (legacy head)", writer,
            Tensors(file, shape, versioned), [file]);
    }

    private static GgufWriter Metadata(Shape shape, string name) => new GgufWriter()
        .AddString("general.architecture", "llama")
        .AddString("general.type", "model")
        .AddString("general.name", name)
        .AddUInt("general.file_type", 0)
        .AddUInt("llama.vocab_size", shape.V)
        .AddUInt("llama.context_length", shape.Context)
        .AddUInt("llama.embedding_length", shape.C)
        .AddUInt("llama.block_count", shape.L)
        .AddUInt("llama.feed_forward_length", shape.F)
        .AddUInt("llama.attention.head_count", shape.H)
        .AddUInt("llama.attention.head_count_kv", shape.K)
        .AddFloat("llama.attention.layer_norm_rms_epsilon", NormEpsilon)
        .AddUInt("llama.rope.dimension_count", shape.C / shape.H)
        .AddFloat("llama.rope.freq_base", RopeTheta);

    private static List<(GgufTensor, TensorRows)> Tensors(MappedFile file, Shape shape, bool versioned)
    {
        var at = versioned ? VersionedHead : (long)Fields * sizeof(int);
        var found = new List<(GgufTensor, TensorRows)>();
        foreach (var (name, lengths) in Order(shape, versioned))
        {
            var rows = new MappedRows(file, at, lengths.Length > 1 ? lengths[1] : 1, lengths[0] * sizeof(float));
            if (name.Length > 0)
                found.Add(ModelContainer.Tensor(name, lengths, DType.F32, rows));
            at += rows.Bytes;
        }

        return found;
    }

    /// <summary>The tensors one behind the other; the one without a name is RoPE's tables.</summary>
    internal static List<(string Name, long[] Lengths)> Order(Shape s, bool versioned)
    {
        var order = new List<(string, long[])>();
        if (versioned)
        {
            Layers("attn_norm", s.C);
            Layers("ffn_norm", s.C);
            order.Add(("output_norm.weight", [s.C]));
        }

        order.Add(("token_embd.weight", [s.C, s.V]));
        if (!versioned)
            Layers("attn_norm", s.C);
        Layers("attn_q", s.C, s.C);
        Layers("attn_k", s.C, s.KvWidth);
        Layers("attn_v", s.C, s.KvWidth);
        Layers("attn_output", s.C, s.C);
        if (!versioned)
            Layers("ffn_norm", s.C);
        Layers("ffn_gate", s.C, s.F); // w1
        Layers("ffn_down", s.F, s.C); // w2
        Layers("ffn_up", s.C, s.F); // w3
        if (!versioned)
        {
            order.Add(("output_norm.weight", [s.C]));
            order.Add(("", [(long)s.Context * (s.C / s.H)]));
        }

        if (!s.Shared)
            order.Add(("output.weight", [s.C, s.V]));
        return order;

        void Layers(string name, params long[] lengths)
        {
            for (var i = 0; i < s.L; i++)
                order.Add(($"blk.{i}.{name}.weight", lengths));
        }
    }

    // Each token is a float32 score, an int32 length and its bytes; the ids are SentencePiece's, so 0 to 2 are
    // <unk>, <s> and </s>, and the 256 bytes follow.
    private static void AddTokenizer(GgufWriter writer, string path, int V)
    {
        using var file = MappedFile.Open(path);
        var at = (long)sizeof(int); // the longest token comes first, which nobody needs
        string[] tokens = new string[V];
        float[] scores = new float[V];
        int[] types = new int[V];
        for (var id = 0; id < V; id++)
        {
            if (at > file.Length - 8)
                throw new InvalidDataException($"{path}: ends within token {id} of {V}. Is it of another model?");
            scores[id] = file.Slice<float>(at, 1)[0];
            var length = file.Slice<int>(at + 4, 1)[0];
            if (length < 0 || length > file.Length - at - 8)
                throw new InvalidDataException($"{path}: token {id} claims {length} bytes. The file is damaged.");
            var text = Encoding.UTF8.GetString(file.Slice(at + 8, length));
            (tokens[id], types[id]) = id < FirstWord ? Fixed(id) : (text.Replace(' ', '▁'), 1);
            at += 8 + length;
        }

        writer
            .AddString("tokenizer.ggml.model", "llama")
            .AddString("tokenizer.ggml.pre", "default")
            .AddStrings("tokenizer.ggml.tokens", tokens)
            .AddFloats("tokenizer.ggml.scores", scores)
            .AddInts("tokenizer.ggml.token_type", types)
            .AddUInt("tokenizer.ggml.bos_token_id", 1)
            .AddUInt("tokenizer.ggml.eos_token_id", 2)
            .AddUInt("tokenizer.ggml.unknown_token_id", 0)
            .AddBool("tokenizer.ggml.add_bos_token", true)
            .AddBool("tokenizer.ggml.add_eos_token", false);
    }

    /// <summary>Spelling and type of a token before <see cref="FirstWord"/>.</summary>
    internal static (string Text, int Type) Fixed(int id) => id switch
    {
        0 => ("<unk>", 2),
        1 => ("<s>", 3),
        2 => ("</s>", 3),
        _ => ($"<0x{id - 3:X2}>", 6),
    };
}
