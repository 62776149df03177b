#:property PublishAot=false
#:property Optimize=true
#:property TieredPGO=false
#:property InvariantGlobalization=true

// run.cs: a language model is two files, and this is the small one.
//
//     dotnet run run.cs -- "Once upon a time"                  (with the .NET SDK 10 or later, and nothing else)
//
// The large one, parameters.bin beside this page, holds the millions of numbers that training found. This page says
// what to do with them. Together they answer one question: given the text so far, how likely is each next piece?
//
//     p(next token | all tokens before it)
//
// The pieces are called tokens: words and parts of words. Choose one by these probabilities, append it, ask again. That
// is all a language model does; a text is the path it happens to take. Six parts, in the order to read them:
//
//     1. The file           GGUF: facts, names, shapes, numbers
//     2. The tokenizer      text to token ids and back: byte pair encoding
//     3. The arithmetic     a matrix times a vector: where the time goes
//     4. The transformer    token ids to a score for every possible next token
//     5. The choice         scores to one token: top-k, top-p, min-p, temperature
//     6. The loop           all of it together
//
// Options and their defaults:
//
//     -n 256         write at most so many tokens               --top-k 40     choose among the 40 best (0: among all),
//     -t 0.8         temperature (0: always the best token)     --top-p 0.95   that hold 95 % of the probability,
//     --seed S       the same seed writes the same text         --min-p 0.05   each 5 % as likely as the best or more
//     -m FILE        the parameters                             --ids 1,2,3    read and write token ids, not text
//
// Shapes in comments: C width of the model, F width inside its feed-forward layers, V tokens in the vocabulary, H query
// heads, K key and value heads, D numbers in a head, T tokens so far.

using System.Diagnostics;
using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;

// -------------------------------------------------------------------------------------------------------- 1. The file
// GGUF, the format of llama.cpp, little-endian:
//
//     "GGUF", version, number of tensors, number of facts
//     for each fact      key, type, value                  "qwen3.block_count", whole number, 6
//     for each tensor    name, shape, type, offset         "output_norm.weight", 384, F32, 12582912
//     the numbers of all tensors, each beginning at a multiple of 32 bytes
//
// A file can be damaged. Take is the one place that touches its bytes, and it never goes past the end.
internal sealed class ParameterFile
{
    private readonly string _path;
    private readonly byte[] _bytes;
    private readonly Dictionary<string, object> _facts = [];
    private readonly Dictionary<string, (long Columns, long Rows, int Type, long Offset)> _tensors = [];
    private readonly long _start; // of the numbers
    private long _at;

    public ParameterFile(string path)
    {
        (_path, _bytes) = (path, File.ReadAllBytes(path));
        Require(Take(4).SequenceEqual("GGUF"u8), "does not begin with 'GGUF'");
        Require(Int() is 2 or 3, "is neither version 2 nor 3 of GGUF");
        var (tensors, facts) = (Count(), Count());
        for (; facts > 0; facts--)
            _facts[String()] = Value(Int());
        for (; tensors > 0; tensors--)
        {
            var (name, dimensions) = (String(), Int());
            Require(dimensions is 1 or 2, $"has a tensor '{name}' of {dimensions} dimensions; this page knows 1 and 2");
            _tensors[name] = (Count(), dimensions == 2 ? Count() : 1, Int(), Count());
        }

        var alignment = Math.Max(1, (long)Fact<double>("general.alignment", 32.0));
        _start = (_at + alignment - 1) / alignment * alignment;
    }

    // A fact is a double, a string, or an array of either.
    public T Fact<T>(string key, object? otherwise = null) => (_facts.GetValueOrDefault(key) ?? otherwise) is T fact
        ? fact : throw new InvalidDataException($"{_path} does not give '{key}'.");

    // All arithmetic is done in float32, whatever the file holds. Q8_0 is a scale and 32 signed bytes, again and again.
    public Matrix Matrix(string name, int rows, int columns)
    {
        const int F32 = 0, F16 = 1, Q8_0 = 8, BF16 = 30;
        Require(_tensors.Remove(name, out var tensor), $"has no tensor '{name}'");
        Require(tensor.Rows == rows && tensor.Columns == columns, $"has '{name}' other than {rows} x {columns}");
        Require(tensor.Type is F32 or F16 or BF16 || (tensor.Type == Q8_0 && columns % 32 == 0),
            $"has '{name}' in type {tensor.Type}; this page reads 0 (F32), 1 (F16), 8 (Q8_0) and 30 (BF16)");
        var count = (long)rows * columns;
        _at = _start + tensor.Offset;
        var bytes = Take(tensor.Type switch { F32 => 4 * count, Q8_0 => count / 32 * 34, _ => 2 * count });
        var values = new float[count];
        for (var i = 0; i < values.Length; i++)
            values[i] = tensor.Type switch
            {
                F32 => BitConverter.ToSingle(bytes[(4 * i)..]),
                F16 => (float)BitConverter.ToHalf(bytes[(2 * i)..]),
                BF16 => BitConverter.Int32BitsToSingle(BitConverter.ToInt16(bytes[(2 * i)..]) << 16),
                _ => (float)BitConverter.ToHalf(bytes[(i / 32 * 34)..]) * (sbyte)bytes[i / 32 * 34 + 2 + i % 32],
            };
        return new Matrix(values, rows, columns);
    }

    public float[] Vector(string name, int length) => Matrix(name, 1, length).Values;
    public bool Has(string name) => _tensors.ContainsKey(name);

    // Each tensor is asked for once. One that is left over belongs to a kind of model that this page does not describe.
    public void RequireAllTaken() =>
        Require(_tensors.Count == 0, $"has a tensor '{_tensors.Keys.FirstOrDefault()}' that this page has no use for");

    public void Require(bool fine, string complaint)
    {
        if (!fine) throw new InvalidDataException($"{_path} {complaint}.");
    }

    private ReadOnlySpan<byte> Take(long count)
    {
        Require(count >= 0 && count <= _bytes.Length - _at, "ends too early: it is cut short or damaged");
        _at += count;
        return _bytes.AsSpan((int)(_at - count), (int)count);
    }

    private long Count() => BitConverter.ToInt64(Take(8)) is >= 0 and <= int.MaxValue and var count ? count
        : throw new InvalidDataException($"{_path} counts more than it can hold: it is damaged.");
    private int Int() => BitConverter.ToInt32(Take(4));
    private string String() => Encoding.UTF8.GetString(Take(Count()));
    private object Value(int type) => type == 8 ? String() : type == 9 ? List(Int()) : Scalar(type);
    private object List(int type) => type == 8 ? Many(String) : Many(() => Scalar(type));
    private T[] Many<T>(Func<T> one) => [.. Enumerable.Range(0, (int)Count()).Select(_ => one())];
    private double Scalar(int type) => type switch
    {
        0 or 7 => Take(1)[0], 1 => (sbyte)Take(1)[0],
        2 => BitConverter.ToUInt16(Take(2)), 3 => BitConverter.ToInt16(Take(2)),
        4 => BitConverter.ToUInt32(Take(4)), 5 => BitConverter.ToInt32(Take(4)), 6 => BitConverter.ToSingle(Take(4)),
        10 => BitConverter.ToUInt64(Take(8)), 11 => BitConverter.ToInt64(Take(8)), 12 => BitConverter.ToDouble(Take(8)),
        _ => throw new InvalidDataException($"{_path} has a fact of type {type}, which this page does not know."),
    };
}

// --------------------------------------------------------------------------------------------------- 2. The tokenizer
// A model computes with numbers, so text becomes token ids first. Byte pair encoding (Sennrich, Haddow and Birch 2016,
// arXiv:1508.07909) begins with the 256 bytes. Training merged the most frequent pair of neighbours into a new token,
// then the next, thousands of times, and kept the list. Encoding a word replays the merges, earliest first:
//
//     t h e   ->   t he   ->   the          by merge 0, "h e", and merge 2, "t he"
//
// The vocabulary writes each byte as one visible letter, as GPT-2 did: a space is Ġ, the end of a line is Ċ.
internal sealed class Tokenizer
{
    private readonly string[] _tokens;                                 // (V), id to token
    private readonly Dictionary<string, int> _ids = [];                // token to id
    private readonly Dictionary<string, int> _specials = [];           // <|endoftext|> and the like, never split
    private readonly Dictionary<(string, string), int> _ranks = [];    // merges, earliest lowest
    private readonly char[] _letters;                                  // (256), byte to visible letter
    public int[] Begin { get; }                                        // what every document begins with: <|endoftext|>

    public Tokenizer(ParameterFile file)
    {
        var kind = (file.Fact<string>("tokenizer.ggml.model", ""), file.Fact<string>("tokenizer.ggml.pre", ""));
        file.Require(kind is ("gpt2", "llama-bpe"), $"has a tokenizer {kind} other than (gpt2, llama-bpe); try --ids");
        var types = file.Fact<double[]>("tokenizer.ggml.token_type"); // 3 control, 4 added by hand
        _tokens = file.Fact<string[]>("tokenizer.ggml.tokens");
        for (var id = 0; id < _tokens.Length; id++)
            (types.ElementAtOrDefault(id) is 3 or 4 ? _specials : _ids)[_tokens[id]] = id;
        foreach (var merge in file.Fact<string[]>("tokenizer.ggml.merges").Select(pair => pair.Split(' ')))
            _ranks.TryAdd((merge[0], merge[^1]), _ranks.Count);
        var begins = file.Fact<double>("tokenizer.ggml.add_bos_token", 1.0) != 0;
        Begin = begins ? [(int)file.Fact<double>("tokenizer.ggml.bos_token_id")] : [];
        var next = 256; // visible bytes stand for themselves, the others take the letters from here on
        _letters = [.. Enumerable.Range(0, 256).Select(b =>
            (char)(b is (>= '!' and <= '~') or (>= '¡' and <= '¬') or >= '®' ? b : next++))];
    }

    public IEnumerable<int> Encode(string text)
    {
        var specials = _specials.Keys.OrderByDescending(name => name.Length).Select(Regex.Escape);
        var parts = _specials.Count == 0 ? [text] : Regex.Split(text, $"({string.Join('|', specials)})");
        return parts.SelectMany(part =>
            _specials.TryGetValue(part, out var special) ? [special] : Words(part).SelectMany(Merge));
    }

    // The bytes of a token. A character may begin in one token and end in the next.
    public byte[] Decode(int id) => _specials.ContainsKey(_tokens[id])
        ? Encoding.UTF8.GetBytes(_tokens[id])
        : [.. _tokens[id].Select(letter => (byte)Array.IndexOf(_letters, letter))];

    // No merge crosses the border of a word: the end of a contraction ('ll), letters and what stands before them (often
    // a space), digits, signs, ends of lines, spaces. .NET keeps rare characters in two halves, neither one a letter;
    // the pattern looks at a copy of the text in which a common letter, digit or sign stands in for each.
    private IEnumerable<string> Words(string text)
    {
        const string Word = @"'([sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" +
            @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
        var runes = text.EnumerateRunes().ToArray();
        var copy = string.Concat(runes.Select(rune => rune.IsBmp ? (char)rune.Value
            : Rune.IsLetter(rune) ? 'ª' : Rune.IsNumber(rune) ? '²' : '☺'));
        return Regex.Matches(copy, Word).Select(word => string.Concat(runes.Skip(word.Index).Take(word.Length)))
            .Select(word => string.Concat(Encoding.UTF8.GetBytes(word).Select(b => _letters[b])));
    }

    private IEnumerable<int> Merge(string word)
    {
        if (_ids.TryGetValue(word, out var whole))
            return [whole];
        var parts = word.Select(letter => letter.ToString()).ToList();
        while (true)
        {
            var (best, at) = (int.MaxValue, -1);
            for (var i = 0; i + 1 < parts.Count; i++)
                if (_ranks.TryGetValue((parts[i], parts[i + 1]), out var rank) && rank < best)
                    (best, at) = (rank, i);
            if (at < 0)
                return parts.Select(part => _ids[part]);
            parts[at] += parts[at + 1];
            parts.RemoveAt(at + 1);
        }
    }
}

// -------------------------------------------------------------------------------------------------- 3. The arithmetic
internal sealed record Matrix(float[] Values, int Rows, int Columns)
{
    public ReadOnlySpan<float> Row(int row) => Values.AsSpan(row * Columns, Columns);

    // y = W·x. Each number is fetched from memory and used once: the memory sets the speed of a model.
    public float[] Times(float[] x)
    {
        var y = new float[Rows];
        Parallel.For(0, Rows, row => y[row] = Dot(Row(row), x));
        return y;
    }

    // Σ aᵢ·bᵢ, as many products at a time as a register of the processor holds.
    public static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var (sums, i) = (Vector<float>.Zero, 0);
        for (; i <= a.Length - Vector<float>.Count; i += Vector<float>.Count)
            sums = Vector.FusedMultiplyAdd(new Vector<float>(a[i..]), new Vector<float>(b[i..]), sums);
        var sum = Vector.Sum(sums);
        for (; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }

    // Scores become probabilities: exp(xᵢ) / Σⱼ exp(xⱼ). The largest is taken off first, since exp(89) overflows.
    public static float[] Softmax(float[] x)
    {
        var max = x.Max();
        float[] powers = [.. x.Select(score => MathF.Exp(score - max))];
        var sum = powers.Sum();
        return [.. powers.Select(power => power / sum)];
    }
}

// ------------------------------------------------------------------------------------------------- 4. The transformer
// Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, as LLaMA (Touvron et al. 2023, arXiv:2302.13971)
// and Qwen3 (Yang et al. 2025, arXiv:2505.09388) build it. A token becomes a vector x of width C. Every layer reads it
// twice and adds what it found:
//
//     x = x + Attention(Norm(x))         what do the tokens before say?
//     x = x + FeedForward(Norm(x))       what follows from that?
//
// In the end x is compared with one vector for each token of the vocabulary. The products are the scores, or logits.
internal sealed class Transformer
{
    private sealed class Layer(ParameterFile file, int i, string name, int C, int F, int H, int K, int D)
    {
        public readonly float[] AttentionNorm = file.Vector($"blk.{i}.attn_norm.weight", C);
        public readonly Matrix Query = file.Matrix($"blk.{i}.attn_q.weight", H * D, C);
        public readonly Matrix Key = file.Matrix($"blk.{i}.attn_k.weight", K * D, C);
        public readonly Matrix Value = file.Matrix($"blk.{i}.attn_v.weight", K * D, C);
        public readonly Matrix Output = file.Matrix($"blk.{i}.attn_output.weight", C, H * D);
        public readonly float[]? QueryNorm = name == "qwen3" ? file.Vector($"blk.{i}.attn_q_norm.weight", D) : null;
        public readonly float[]? KeyNorm = name == "qwen3" ? file.Vector($"blk.{i}.attn_k_norm.weight", D) : null;
        public readonly float[] FeedForwardNorm = file.Vector($"blk.{i}.ffn_norm.weight", C);
        public readonly Matrix Gate = file.Matrix($"blk.{i}.ffn_gate.weight", F, C);
        public readonly Matrix Up = file.Matrix($"blk.{i}.ffn_up.weight", F, C);
        public readonly Matrix Down = file.Matrix($"blk.{i}.ffn_down.weight", C, F);

        // The KV cache: what each token so far offers to later ones, (T, K·D). It saves reading the text again.
        public float[][] Keys = [], Values = [];
    }

    private readonly Matrix _embedding, _head;    // (V, C) both, in small models the same
    private readonly Layer[] _layers;
    private readonly float[] _outputNorm;         // (C)
    private readonly float _epsilon;
    private readonly int _heads, _kvHeads, _headSize;
    private readonly double[] _angles;            // (D/2), by which a pair turns at each position
    private readonly bool _pairsAreNeighbours;
    public int VocabularySize => _embedding.Rows;
    public int ContextLength { get; }

    public Transformer(ParameterFile file)
    {
        var name = file.Fact<string>("general.architecture", "");
        file.Require(name is "qwen3" or "llama", $"is a model of kind '{name}'; this page describes qwen3 and llama");
        file.Require(file.Fact<string>($"{name}.rope.scaling.type", "none") == "none", "scales RoPE, unlike this page");

        int Size(string key, double otherwise = 0) => (int)file.Fact<double>($"{name}.{key}", otherwise);
        int C = Size("embedding_length"), F = Size("feed_forward_length"), H = Size("attention.head_count");
        int K = Size("attention.head_count_kv", H), D = Size("attention.key_length", C / Math.Max(H, 1));
        int V = file.Fact<string[]>("tokenizer.ggml.tokens").Length;
        file.Require(new[] { C, F, H, K, D }.All(size => size is > 0 and <= 1 << 15) && H % K == 0 && D % 2 == 0 &&
            D == Size("rope.dimension_count", D), $"has sizes that do not fit: C {C}, F {F}, H {H}, K {K}, D {D}");
        (_heads, _kvHeads, _headSize, _pairsAreNeighbours) = (H, K, D, name == "llama");
        ContextLength = Size("context_length");
        _epsilon = (float)file.Fact<double>($"{name}.attention.layer_norm_rms_epsilon");

        _embedding = file.Matrix("token_embd.weight", V, C);
        _layers = [.. Enumerable.Range(0, Size("block_count")).Select(i => new Layer(file, i, name, C, F, H, K, D))];
        _outputNorm = file.Vector("output_norm.weight", C);
        _head = file.Has("output.weight") ? file.Matrix("output.weight", V, C) : _embedding;

        // θᵢ = base^(-2i/D). Llama 3 divides them by factors of its own.
        var turns = file.Fact<double>($"{name}.rope.freq_base", 10000.0);
        var factors = file.Has("rope_freqs.weight") ? file.Vector("rope_freqs.weight", D / 2) : null;
        _angles = [.. Enumerable.Range(0, D / 2).Select(i => Math.Pow(turns, -2.0 * i / D) / (factors?[i] ?? 1))];
        file.RequireAllTaken();
    }

    // Reads the token at a position, remembers its keys and values for later ones, and returns x, (C).
    public float[] Read(int token, int position)
    {
        var x = _embedding.Row(token).ToArray();
        foreach (var layer in _layers)
        {
            var a = Norm(x, layer.AttentionNorm);
            var (q, k, v) = (layer.Query.Times(a), layer.Key.Times(a), layer.Value.Times(a)); // (H·D), (K·D), (K·D)
            if (layer.QueryNorm is not null && layer.KeyNorm is not null)
                (q, k) = (Norm(q, layer.QueryNorm), Norm(k, layer.KeyNorm));
            Rotate(q, position);
            Rotate(k, position);
            layer.Keys = [.. layer.Keys.Take(position), k];
            layer.Values = [.. layer.Values.Take(position), v];
            x = Sum(x, layer.Output.Times(Attention(q, layer.Keys, layer.Values)));

            var f = Norm(x, layer.FeedForwardNorm);
            x = Sum(x, layer.Down.Times(SwiGlu(layer.Gate.Times(f), layer.Up.Times(f))));
        }

        return x;
    }

    // How well each token of the vocabulary would come next, (V).
    public float[] Logits(float[] x) => _head.Times(Norm(x, _outputNorm));

    // g ⊙ x / √(mean(x²) + ε): RMSNorm, Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4. A vector longer than g comes
    // in pieces: the heads of a query or key (Henry et al. 2020, arXiv:2010.04245).
    private float[] Norm(float[] x, float[] g) => [.. x.Chunk(g.Length).SelectMany(piece =>
    {
        var scale = 1 / MathF.Sqrt(Matrix.Dot(piece, piece) / g.Length + _epsilon);
        return piece.Zip(g, (value, gain) => gain * value * scale);
    })];

    // RoPE, Su et al. 2021, arXiv:2104.09864, eq. 34: each pair of numbers is a point in the plane and turns by
    // position·θᵢ, so that the product of a query and a key depends on their distance alone. The pairs are neighbours
    // in llama; in qwen3 the first half of a head pairs with the second.
    private void Rotate(float[] heads, int position)
    {
        for (var start = 0; start < heads.Length; start += _headSize)
            for (var i = 0; i < _headSize / 2; i++)
            {
                var (sin, cos) = Math.SinCos(position * _angles[i]);
                var (a, b) = _pairsAreNeighbours ? (2 * i, 2 * i + 1) : (i, i + _headSize / 2);
                var (x, y) = (heads[start + a], heads[start + b]);
                (heads[start + a], heads[start + b]) = ((float)(x * cos - y * sin), (float)(x * sin + y * cos));
            }
    }

    // softmax(q·Kᵀ / √D)·V, Vaswani et al., eq. 1: the query of this token meets the key of every token so far, and the
    // better they match, the more of that token's value is taken. H/K query heads share a key and a value head
    // (Ainslie et al. 2023, arXiv:2305.13245).
    private float[] Attention(float[] q, float[][] keys, float[][] values)
    {
        var (D, y) = (_headSize, new float[q.Length]);
        for (var head = 0; head < _heads; head++)
        {
            var (own, shared) = (head * D, head * _kvHeads / _heads * D);
            var weights = Matrix.Softmax( // (T)
                [.. keys.Select(key => Matrix.Dot(q.AsSpan(own, D), key.AsSpan(shared, D)) / MathF.Sqrt(D))]);
            for (var t = 0; t < weights.Length; t++)
                for (var i = 0; i < D; i++)
                    y[own + i] += weights[t] * values[t][shared + i];
        }

        return y;
    }

    // SiLU(gate) ⊙ up, with SiLU(z) = z / (1 + exp(-z)). Shazeer 2020, arXiv:2002.05202, eq. 5.
    private static float[] SwiGlu(float[] gate, float[] up) => [.. gate.Zip(up, (z, u) => z / (1 + MathF.Exp(-z)) * u)];

    private static float[] Sum(float[] x, float[] found) => [.. x.Zip(found, (a, b) => a + b)];
}

// ------------------------------------------------------------------------------------------------------ 5. The choice
// Always the best token: that is safe and soon goes in circles. So a die is cast, but first the long tail is cut off,
// the many tokens that are each unlikely and together are not:
//
//     top-k    keep the k best                                           Fan et al. 2018, arXiv:1805.04833
//     top-p    keep the best that together have probability p            Holtzman et al. 2020, arXiv:1904.09751
//     min-p    keep what is at least min-p times as likely as the best   Nguyen et al. 2024, arXiv:2407.01082
//
// Then all logits are divided by the temperature: under 1 the die prefers the best still more, over 1 less.
internal sealed class Sampler(double temperature, int topK, double topP, double minP, ulong seed)
{
    private ulong _state = seed;

    public int Pick(float[] logits)
    {
        var best = Enumerable.Range(0, logits.Length).OrderByDescending(id => logits[id]); // of equals, the lower id
        if (temperature == 0)
            return best.First();
        int[] ids = [.. best.Take(topK > 0 ? topK : logits.Length)];
        var (p, kept, max) = (Matrix.Softmax([.. ids.Select(id => logits[id])]), 1, logits[ids[0]]);
        for (double sum = p[0]; kept < p.Length && (topP == 1 || sum < topP) && p[kept] >= minP * p[0]; kept++)
            sum += p[kept];

        ids = [.. ids.Take(kept).Order()];
        p = Matrix.Softmax([.. ids.Select(id => (float)((logits[id] - max) / temperature))]);
        var (die, i) = (Roll(), 0);
        while (i + 1 < kept && (die -= p[i]) >= 0)
            i++;
        return ids[i];
    }

    // A number in [0, 1). SplitMix64, Steele, Lea and Flood 2014: the same everywhere for the same seed.
    private double Roll()
    {
        var z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1L << 53));
    }
}

// -------------------------------------------------------------------------------------------------------- 6. The loop
internal static class Program
{
    private static int Main(string[] arguments)
    {
        try { Write(arguments); return 0; }
        catch (Exception e) { Console.Error.WriteLine(e.Message); return 1; }
    }

    private static void Write(string[] arguments)
    {
        var (options, words) = (new Dictionary<string, string>(), new List<string>());
        for (var i = 0; i < arguments.Length; i++)
            if (arguments[i] is "-m" or "-n" or "-t" or "--top-k" or "--top-p" or "--min-p" or "--seed" or "--ids")
                options[arguments[i]] = arguments.ElementAtOrDefault(++i) ?? "";
            else
                words.Add(!arguments[i].StartsWith('-') ? arguments[i]
                    : throw new ArgumentException($"No option {arguments[i]}; the head of run.cs lists them."));
        T Option<T>(string name, T otherwise, T low, T high) where T : struct, INumber<T> =>
            !options.TryGetValue(name, out var given) ? otherwise
            : T.TryParse(given, null, out var value) && value >= low && value <= high ? value
            : throw new ArgumentException($"{name} takes a number from {low} to {high}, not '{given}'.");

        var (text, limit) = (string.Join(' ', words), Option("-n", 256, 0, int.MaxValue));
        var seed = Option("--seed", (ulong)Random.Shared.NextInt64(), 0UL, ulong.MaxValue);
        var sampler = new Sampler(Option("-t", 0.8, 0, 100), Option("--top-k", 40, 0, int.MaxValue),
            Option("--top-p", 0.95, 0, 1), Option("--min-p", 0.05, 0, 1), seed);

        var here = AppContext.GetData("EntryPointFileDirectoryPath") as string ?? AppContext.BaseDirectory;
        var file = new ParameterFile(options.GetValueOrDefault("-m", Path.Combine(here, "parameters.bin")));
        var transformer = new Transformer(file);
        var tokenizer = options.ContainsKey("--ids") ? null : new Tokenizer(file);
        List<int> tokens = tokenizer is null
            ? [.. options["--ids"].Split(',').Select(id => int.TryParse(id, out var number) ? number : -1)]
            : [.. tokenizer.Begin, .. tokenizer.Encode(text)];
        var (given, room) = (tokens.Count, transformer.ContextLength);
        file.Require(given > 0 && room > 0, $"has room for {room} tokens, and this text has {given}");
        file.Require(tokens.All(id => id >= 0 && id < transformer.VocabularySize), "lacks a token of this text");

        var end = (int)file.Fact<double>("tokenizer.ggml.eos_token_id", -1.0);
        var characters = Encoding.UTF8.GetDecoder(); // holds bytes back until they make a whole character
        var (buffer, clock) = (new char[1 << 16], Stopwatch.StartNew());
        Console.OutputEncoding = Encoding.UTF8;
        Console.Write(options.GetValueOrDefault("--ids", text));
        for (var (start, at) = (0, 0); tokens.Count - given < limit; at++)
        {
            while (tokens.Count - start > room) // no room for one more: the newer half stays, and is read again from 0
                at = start += room - room / 2;
            var x = transformer.Read(tokens[at], at - start);
            if (at + 1 < tokens.Count)
                continue;
            var next = sampler.Pick(transformer.Logits(x));
            if (next == end)
                break;
            tokens.Add(next);
            var bytes = tokenizer?.Decode(next) ?? Encoding.UTF8.GetBytes($",{next}");
            Console.Write(buffer, 0, characters.GetChars(bytes, buffer, flush: false));
        }

        Console.WriteLine(buffer, 0, characters.GetChars([], buffer, flush: true));
        Console.Error.WriteLine($"{given} tokens read, {tokens.Count - given} written, seed {seed}, " +
            $"{tokens.Count / clock.Elapsed.TotalSeconds:f0} tokens a second");
    }
}
