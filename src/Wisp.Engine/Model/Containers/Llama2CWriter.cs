using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Wisp.Compute;

namespace Wisp.Model.Containers;

/// <summary>
/// Writes a plain llama model as karpathy/llama2.c reads it: the legacy head, because run.c knows no other, all weights
/// as float32, which loses nothing. run.c computes what its head can say and no more; whatever else a model has is
/// refused here, for it would come out as another model.
/// </summary>
public static class Llama2CWriter
{
    /// <summary>Where run.c, and Wisp beside a .bin file, look for the vocabulary.</summary>
    public const string TokenizerName = "tokenizer.bin";

    /// <param name="progress">Told what is done, bytes so far and bytes in all.</param>
    /// <returns>The files: the model, and tokenizer.bin beside it where the vocabulary is one that run.c
    /// reads.</returns>
    /// <exception cref="InvalidDataException">The model is not what run.c computes.</exception>
    public static IReadOnlyList<string> Write(
        Gguf gguf, string path, int threads = 1, Action<string, long, long>? progress = null)
    {
        var shape = ShapeOf(gguf, ModelConfig.Read(gguf));
        var order = Llama2C.Order(shape, versioned: false);
        var rows = order.ConvertAll(tensor => RowsOf(gguf, tensor.Name, tensor.Lengths, shape));
        if (gguf.Tensors.FirstOrDefault(tensor => order.TrueForAll(known => known.Name != tensor.Name) &&
            !tensor.Name.StartsWith(ModelFile.CheckpointPrefix, StringComparison.Ordinal)) is { } other)
            throw Refused(gguf, $"tensor {other.Name}");

        var vocabulary = Vocabulary.Read(gguf) is { } found && IsPlain(found) ? found : null;
        var tokenizer = Path.Combine(Path.GetDirectoryName(path) ?? "", TokenizerName);
        if (vocabulary is null && File.Exists(tokenizer))
            throw new InvalidDataException($"{tokenizer}: lies where the model would go, and would be taken for its " +
                "vocabulary, which llama2.c cannot hold. Choose another folder.");
        long done = 0, total = rows.Sum(r => r.Bytes);
        AtomicFile.Write(path, stream =>
        {
            stream.Write(Head(shape));
            foreach (var tensor in rows)
            {
                tensor.CopyTo(stream, threads, bytes => progress?.Invoke("writing float32", done + bytes, total));
                done += tensor.Bytes;
            }
        });
        if (vocabulary is null)
            return [path];
        AtomicFile.Write(tokenizer, stream => WriteTokens(stream, vocabulary));
        return [path, tokenizer];
    }

    private static Llama2C.Shape ShapeOf(Gguf gguf, ModelConfig config)
    {
        if (config.Architecture != Architecture.Llama)
            throw Refused(gguf, $"architecture {config.Architecture.Name}");
        if (config.Experts > 0)
            throw Refused(gguf, $"{config.Experts} experts");
        if (config.Heads * config.HeadDim != config.Width || config.RotatedDim != config.HeadDim)
            throw Refused(gguf, $"{config.Heads} heads of {config.HeadDim}, {config.RotatedDim} of them turned, at " +
                $"width {config.Width}");
        // Neither is stored: run.c has both built in.
        if (config.RopeTheta != Llama2C.RopeTheta)
            throw Refused(gguf, string.Create(CultureInfo.InvariantCulture, $"a RoPE base of {config.RopeTheta}"));
        if (config.NormEpsilon != Llama2C.NormEpsilon)
            throw Refused(gguf, string.Create(CultureInfo.InvariantCulture, $"a norm epsilon of {config.NormEpsilon}"));
        if (config.RopeScaling.Factor != 1 || config.RopeScaling.Magnitude != 1)
            throw Refused(gguf, "scaled RoPE");
        if (config.AttentionScale != 1f / MathF.Sqrt(config.HeadDim) ||
            config.AttentionSoftcap != 0 || config.LogitSoftcap != 0)
            throw Refused(gguf, "scaled or capped scores");
        var shape = new Llama2C.Shape(config.Width, config.FeedForward, config.Layers, config.Heads, config.KvHeads,
            config.Vocabulary, config.Context, config.TiedHead);
        return shape.IsSound ? shape : throw Refused(gguf, "sizes beyond what its head is read with");
    }

    private static InvalidDataException Refused(Gguf gguf, string what) => new(
        $"{gguf.Path}: has {what}, which llama2.c does not compute; only plain llama models can become a .bin file. " +
        "Write a .gguf file instead.");

    private static TensorRows RowsOf(Gguf gguf, string name, long[] lengths, Llama2C.Shape shape)
    {
        if (name.Length == 0)
            return new RopeRows(shape);
        if (!gguf.TryTensor(name, out var tensor))
            throw new InvalidDataException($"{gguf.Path}: tensor {name} is missing.");
        if (!tensor.Shape.SequenceEqual(lengths))
            throw new InvalidDataException($"{gguf.Path}: tensor {name} is ({string.Join(", ", tensor.Shape)}), " +
                $"expected ({string.Join(", ", lengths)}).");
        if (!tensor.DType.CanDecode())
            throw new InvalidDataException(
                $"{gguf.Path}: tensor {name} is stored as {tensor.DType.Name()}, which cannot be converted.");
        var rows = gguf.Rows(tensor);
        return tensor.DType == DType.F32
            ? rows : new ConvertedRows(rows, $"{gguf.Path}: tensor {name}", (int)lengths[0], tensor.DType, DType.F32);
    }

    private static byte[] Head(Llama2C.Shape s)
    {
        int[] fields = [s.C, s.F, s.L, s.H, s.K, s.Shared ? s.V : -s.V, s.Context];
        var head = new byte[fields.Length * sizeof(int)];
        for (var i = 0; i < fields.Length; i++)
            BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(i * sizeof(int)), fields[i]);
        return head;
    }

    // What run.c takes for granted: SentencePiece's own ids, a space before the text, bytes spelled out, plain words.
    private static bool IsPlain(Vocabulary vocabulary)
    {
        var (tokens, types) = (vocabulary.Tokens, vocabulary.Types);
        return vocabulary.Kind == "llama" && types is not null && tokens.Count >= Llama2C.FirstWord &&
            vocabulary.Id("bos_token_id", 1) == 1 && vocabulary.Id("eos_token_id", 2) == 2 &&
            vocabulary.Switch("add_bos_token", true) && !vocabulary.Switch("add_eos_token", false) &&
            vocabulary.Switch("add_space_prefix", true) &&
            Enumerable.Range(0, tokens.Count).All(id => id < Llama2C.FirstWord
                ? (tokens[id], types[id]) == Llama2C.Fixed(id)
                : types[id] == 1 && !tokens[id].Contains(' '));
    }

    private static void WriteTokens(Stream stream, Vocabulary vocabulary)
    {
        var texts = Enumerable.Range(0, vocabulary.Tokens.Count).Select(id => Encoding.UTF8.GetBytes(id switch
        {
            1 or 2 => $"\n{vocabulary.Tokens[id]}\n", // so export.py spells them
            _ => vocabulary.Tokens[id].Replace('▁', ' '),
        })).ToList();
        Span<byte> number = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(number, texts.Max(text => text.Length));
        stream.Write(number);
        for (var id = 0; id < texts.Count; id++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(number, vocabulary.Scores?[id] ?? 0);
            stream.Write(number);
            BinaryPrimitives.WriteInt32LittleEndian(number, texts[id].Length);
            stream.Write(number);
            stream.Write(texts[id]);
        }
    }

    // Cosines of all positions and then sines. run.c skips them now; older programs read them.
    private sealed class RopeRows(Llama2C.Shape shape)
        : TensorRows(2L * shape.Context, shape.C / shape.H / 2 * sizeof(float))
    {
        public override void Read(long first, int count, Span<byte> to)
        {
            var pairs = shape.C / shape.H / 2;
            for (var i = 0; i < count * pairs; i++)
            {
                var (row, pair) = Math.DivRem(i, pairs);
                var angle = (first + row) % shape.Context * Math.Pow(Llama2C.RopeTheta, -(double)pair / pairs);
                var value = first + row < shape.Context ? Math.Cos(angle) : Math.Sin(angle);
                BinaryPrimitives.WriteSingleLittleEndian(to[(i * sizeof(float))..], (float)value);
            }
        }
    }
}
