using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Run;

/// <summary>
/// Texts as vectors, and pairs of texts as scores: an encoder such as BERT, or a decoder whose rows are pooled. Calls
/// from several threads wait for one another.
/// </summary>
/// <remarks>
/// A text's vector depends on the text and the weights alone: it is the same to the bit whatever else is embedded with
/// it, in any order, on any number of threads.
/// </remarks>
public sealed class TextEmbedder : IDisposable
{
    // Tokens of texts that are read together, so that weights are fetched once for many; a longer text goes alone.
    private const int TokensAtOnce = 512;

    private readonly IDisposable _file;
    private readonly ITextReader _reader;
    private readonly TokenFrame? _frame;
    private readonly EmbedderOptions _options;
    private readonly Pooling _pooling;
    private readonly Lock _lock = new();
    private float[] _rows = [];
    private bool _disposed;

    private TextEmbedder(
        Gguf gguf, IDisposable file, ITextReader reader, bool canScore, Tokenizer? tokenizer, EmbedderOptions options)
    {
        (Path, _file, _reader, _options, CanScore) = (gguf.Path, file, reader, options, canScore);
        Name = gguf.TryGetString("general.name", out var name) && name.Length > 0
            ? name : System.IO.Path.GetFileNameWithoutExtension(Path);
        _frame = tokenizer is null ? null : new TokenFrame(tokenizer);
        _pooling = options.Pooling ?? Stated(gguf);
    }

    public string Path { get; }

    /// <summary>What the file calls the model, or the name of the file.</summary>
    public string Name { get; }

    /// <summary>Length of a vector.</summary>
    public int Width => _reader.Width;

    /// <summary>The longest text, in tokens, those around it included.</summary>
    public int Context => _reader.Context;

    /// <summary>How rows become a vector; Rank where the model gives scores only.</summary>
    public Pooling Pooling => _pooling;

    /// <summary>Whether the model has the head of a reranker.</summary>
    public bool CanScore { get; }

    /// <param name="pool">Threads to compute with; nobody else uses it while a call runs.</param>
    /// <exception cref="InvalidDataException">The file is damaged or of a kind that is not read here.</exception>
    /// <exception cref="ArgumentException">The options do not fit the model.</exception>
    public static TextEmbedder Open(string path, WorkerPool pool, EmbedderOptions? options = null)
    {
        options ??= new EmbedderOptions();
        if (options.Pooling is not (null or Pooling.Mean or Pooling.Cls or Pooling.Last))
            throw new ArgumentException(
                $"Vectors are pooled by mean, cls or last, not {options.Pooling}.", nameof(options));
        var encodes = false;
        using (var head = Gguf.Open(path))
            encodes = IsEncoder(head);
        return encodes ? OpenEncoder(path, pool, options) : OpenDecoder(path, pool, options);
    }

    /// <summary>Whether a file holds an encoder, which gives vectors and writes no text.</summary>
    public static bool IsEncoder(Gguf gguf) => EncoderConfig.Describes(gguf.GetString("general.architecture"));

    private static TextEmbedder OpenEncoder(string path, WorkerPool pool, EmbedderOptions options)
    {
        var gguf = Gguf.Open(path);
        try
        {
            var weights = new EncoderWeightsReader(gguf, EncoderConfig.Read(gguf)).Read();
            var tokenizer = ModelFile.ReadTokenizer(gguf);
            if (tokenizer is not null && tokenizer.VocabularySize != weights.Config.Vocabulary)
                throw new InvalidDataException(
                    $"{path}: the tokenizer has {tokenizer.VocabularySize} tokens and the embedding " +
                    $"{weights.Config.Vocabulary} rows.");
            return new TextEmbedder(
                gguf, gguf, new Encoder(weights, pool), weights.Rank is not null, tokenizer, options);
        }
        catch
        {
            gguf.Dispose();
            throw;
        }
    }

    private static TextEmbedder OpenDecoder(string path, WorkerPool pool, EmbedderOptions options)
    {
        if (options.Pooling == Pooling.Cls)
            throw new ArgumentException(
                $"{path}: is a decoder, whose first row has seen the first token only. Pool by mean or last.");
        var file = ModelFile.Open(path);
        try
        {
            var causal = $"{file.Config.Architecture.Name}.attention.causal";
            if (file.Source.TryGetBool(causal, out var value) && !value)
                throw new InvalidDataException(
                    $"{path}: {causal} is false; decoders whose tokens see what follows them are not supported.");
            if (options.Pooling is null && Stated(file.Source) is var stated and (Pooling.Cls or Pooling.Rank))
                throw new InvalidDataException(
                    $"{path}: pooling_type is {stated}, which a decoder is not pooled by here. Choose mean or last.");
            return new TextEmbedder(
                file.Source, file, new DecoderReader(file.Weights, pool), false, file.Tokenizer, options);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static Pooling Stated(Gguf gguf)
    {
        var key = $"{gguf.GetString("general.architecture")}.pooling_type";
        if (!gguf.TryGetUInt(key, out var stated))
            return Pooling.Mean;
        return stated switch
        {
            (uint)Pooling.None => Pooling.Mean,
            <= (uint)Pooling.Rank => (Pooling)stated,
            _ => throw new InvalidDataException($"{gguf.Path}: {key} is {stated}; known are 0 to 4."),
        };
    }

    /// <summary>The tokens of a text as the model reads them, with those that open and close it.</summary>
    /// <exception cref="PromptTooLongException">It is longer than the context, and not to be truncated.</exception>
    public int[] Tokenize(string text) => Tokenize(text, _options.Truncate);

    /// <inheritdoc cref="Tokenize(string)"/>
    /// <param name="truncate">Whether the end of a text that is too long is left out.</param>
    public int[] Tokenize(string text, bool truncate) => Frame.Lay(text, Context, truncate);

    /// <summary>The tokens of a query and a document as a reranker reads them.</summary>
    /// <exception cref="ArgumentException">They are longer than the context, and not to be truncated.</exception>
    public int[] TokenizePair(string query, string document) =>
        Frame.LayPair(query, document, Context, _options.Truncate);

    /// <summary>The vector of a text, (Width).</summary>
    public float[] Embed(string text) => Embed([text])[0];

    /// <summary>The vector of a text's tokens.</summary>
    public float[] Embed(int[] tokens) => Embed([tokens])[0];

    public float[][] Embed(IReadOnlyList<string> texts, CancellationToken cancel = default) =>
        EmbedCounted(texts, cancel).Vectors;

    /// <summary>The same, and how many tokens the model read.</summary>
    public (float[][] Vectors, long Tokens) EmbedCounted(
        IReadOnlyList<string> texts, CancellationToken cancel = default)
    {
        var tokens = Tokens(texts.Count, i => Tokenize(texts[i]));
        return (Embed(tokens, cancel), tokens.Sum(text => (long)text.Length));
    }

    /// <exception cref="ArgumentException">Tokens that the model cannot read; nothing was embedded.</exception>
    public float[][] Embed(IReadOnlyList<int[]> texts, CancellationToken cancel = default) => _pooling == Pooling.Rank
        ? throw new ArgumentException(
            $"{Path}: is a reranker, which scores pairs of texts. Choose a pooling to have vectors all the same.")
        : Read(texts, Pooled, cancel);

    /// <summary>How relevant a document is to a query: a number without bounds, the higher the more.</summary>
    public float Score(string query, string document) => Score(query, [document])[0];

    /// <summary>The relevance of each document to a query.</summary>
    public float[] Score(string query, IReadOnlyList<string> documents, CancellationToken cancel = default)
    {
        RequireRankHead();
        return Score(Tokens(documents.Count, i => TokenizePair(query, documents[i])), cancel);
    }

    /// <summary>The relevance of pairs given as tokens.</summary>
    public float[] Score(IReadOnlyList<int[]> pairs, CancellationToken cancel = default)
    {
        RequireRankHead();
        var encoder = (Encoder)_reader;
        return Read(pairs, rows => encoder.Score(rows), cancel);
    }

    /// <summary>The rows of all tokens of a text, (N, Width), as they are before pooling.</summary>
    public float[] Rows(int[] tokens) => Read([tokens], rows => rows.ToArray(), default)[0];

    private TokenFrame Frame => _frame ?? throw new InvalidDataException(
        $"{Path}: holds no tokenizer, so it can read token ids only.");

    private void RequireRankHead()
    {
        if (!CanScore)
            throw new ArgumentException(
                $"{Path}: has no head that ranks (tensor cls.output.weight). Use a reranker, such as bge-reranker.");
    }

    // Faults name the text where there are several.
    private static int[][] Tokens(int count, Func<int, int[]> tokenize)
    {
        var tokens = new int[count][];
        for (var i = 0; i < count; i++)
        {
            try
            {
                tokens[i] = tokenize(i);
            }
            catch (ArgumentException e) when (count > 1)
            {
                throw new ArgumentException($"Text {i + 1} of {count}: {e.Message}", e);
            }
        }

        return tokens;
    }

    private delegate T Pooler<T>(ReadOnlySpan<float> rows);

    private T[] Read<T>(IReadOnlyList<int[]> texts, Pooler<T> pool, CancellationToken cancel)
    {
        for (var i = 0; i < texts.Count; i++)
            Check(texts[i], texts.Count > 1 ? $"Text {i + 1} of {texts.Count}" : "The text");
        var results = new T[texts.Count];
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var group = new List<int[]>();
            for (var from = 0; from < texts.Count; from += group.Count)
            {
                cancel.ThrowIfCancellationRequested();
                group.Clear();
                var tokens = 0;
                while (from + group.Count < texts.Count && texts[from + group.Count] is var next
                    && (group.Count == 0 || tokens + next.Length <= TokensAtOnce))
                {
                    group.Add(next);
                    tokens += next.Length;
                }

                if (_rows.Length < (long)tokens * Width)
                    _rows = new float[checked(tokens * Width)];
                _reader.Read(_rows, group, cancel);
                var row = 0;
                for (var i = 0; i < group.Count; row += group[i++].Length)
                    results[from + i] = pool(_rows.AsSpan(row * Width, group[i].Length * Width));
            }
        }

        return results;
    }

    private void Check(int[] tokens, string what)
    {
        if (tokens.Length == 0)
            throw new ArgumentException($"{what} has no token, and so no vector.");
        if (tokens.Length > Context)
            throw new ArgumentException($"{what} has {tokens.Length:N0} tokens; the model reads {Context:N0}.");
        foreach (var token in tokens)
            if ((uint)token >= (uint)_reader.Vocabulary)
                throw new ArgumentException(
                    $"{what} holds token {token}, which is outside the vocabulary of {_reader.Vocabulary}.");
    }

    // Sums run in float64: a long text adds up many rows.
    private float[] Pooled(ReadOnlySpan<float> rows)
    {
        var C = Width;
        var sum = new double[C];
        var (first, end) = _pooling switch
        {
            Pooling.Cls => (0, C),
            Pooling.Last => (rows.Length - C, rows.Length),
            _ => (0, rows.Length),
        };
        for (var row = first; row < end; row += C)
            for (var c = 0; c < C; c++)
                sum[c] += rows[row + c];
        var scale = (double)C / (end - first);
        if (_options.Normalise)
        {
            var length = Math.Sqrt(sum.Sum(z => z * z));
            scale = length > 0 ? 1 / length : 0;
        }

        return [.. sum.Select(z => (float)(z * scale))];
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
            _reader.Dispose();
            _file.Dispose();
        }
    }
}
