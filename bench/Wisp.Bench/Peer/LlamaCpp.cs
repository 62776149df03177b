using System.Runtime.InteropServices;

namespace Wisp.Bench.Peer;

/// <summary>How the peer computes.</summary>
/// <param name="ExactKv">F32 keys and values, where llama.cpp would choose F16.</param>
/// <param name="FlashAttention">Null leaves it to llama.cpp.</param>
/// <param name="Repack">Whether weights may be rearranged for speed, which changes the order of sums.</param>
/// <param name="MicroBatch">Tokens computed at once; 0 means as many as the context holds.</param>
/// <param name="Sequences">Sequences that share the context in equal parts.</param>
internal sealed record PeerSettings(
    int Context = 256, int Threads = 1, bool ExactKv = true, bool? FlashAttention = false, bool Repack = false,
    bool VocabOnly = false, int MicroBatch = 0, int Sequences = 1)
{
    /// <summary>As the golden values were made: the arithmetic that can be compared.</summary>
    public static readonly PeerSettings Golden = new();

    /// <summary>Its vocabulary alone, for files that have no tensors.</summary>
    public static readonly PeerSettings Vocabulary = new(VocabOnly: true);

    /// <summary>Its own defaults but for the threads: for benches of speed.</summary>
    public static PeerSettings Fast(int context, int threads, int sequences = 1) =>
        new(context, threads, ExactKv: false, FlashAttention: null, Repack: true, MicroBatch: 512,
            Sequences: sequences);
}

/// <summary>
/// One model in llama.cpp; all but <see cref="Step"/> is about sequence 0. Not for use by two threads.
/// </summary>
internal sealed unsafe class LlamaCpp : IDisposable
{
    private readonly LlamaNative _native;
    private readonly nint _vocabulary;
    private readonly int _capacity, _sequences;
    private nint _model;
    private nint _context;

    public LlamaCpp(LlamaNative native, string path, PeerSettings settings)
    {
        if (!File.Exists(path))
            throw new FileNotFoundException($"{path}: there is no such file.", path);
        _native = native;
        (_capacity, _sequences) = (settings.Context, settings.Sequences);
        var m = native.ModelDefaults();
        m.VocabOnly = settings.VocabOnly ? (byte)1 : (byte)0;
        m.UseExtraBuffers = settings.Repack ? (byte)1 : (byte)0;
        var name = Marshal.StringToCoTaskMemUTF8(path);
        _model = native.LoadModel((byte*)name, m);
        Marshal.FreeCoTaskMem(name);
        if (_model == 0)
            throw new InvalidDataException($"{path}: llama.cpp does not load this file.");
        _vocabulary = native.Vocabulary(_model);
        VocabularySize = native.VocabularySize(_vocabulary);
        if (settings.VocabOnly)
            return;

        var c = native.ContextDefaults();
        c.Context = c.Batch = (uint)settings.Context; // a whole prompt goes in at once
        c.MicroBatch = (uint)(settings.MicroBatch == 0 ? settings.Context : settings.MicroBatch);
        c.Sequences = (uint)settings.Sequences;
        c.Threads = c.BatchThreads = settings.Threads;
        c.FlashAttention = settings.FlashAttention switch { null => -1, true => 1, false => 0 };
        c.TypeK = c.TypeV = settings.ExactKv ? LlamaNative.TypeF32 : LlamaNative.TypeF16;
        _context = native.NewContext(_model, c);
        if (_context == 0)
        {
            native.FreeModel(_model);
            throw new InvalidDataException(
                $"{path}: llama.cpp gives no context of {settings.Context} tokens for this file.");
        }
    }

    public int VocabularySize { get; }

    /// <summary>Forgets all sequences.</summary>
    public void Clear() => _native.ClearMemory(_native.Memory(_context), 1);

    /// <summary>Logits after every token of a fresh sequence, (T, V), whole prompt in one batch.</summary>
    public float[] Logits(ReadOnlySpan<int> tokens)
    {
        Clear();
        Decode(tokens, everyPosition: true);
        var V = VocabularySize;
        var logits = new float[tokens.Length * V];
        for (var t = 0; t < tokens.Length; t++)
            At(t).CopyTo(logits.AsSpan(t * V));
        return logits;
    }

    /// <summary>
    /// Appends to the sequence and shows the logits after the last token, (V); valid until the next call.
    /// </summary>
    public ReadOnlySpan<float> Append(ReadOnlySpan<int> tokens)
    {
        Decode(tokens, everyPosition: false);
        return At(-1); // counted from the end
    }

    /// <summary>Appends one token to each of the first sequences and computes the logits of all.</summary>
    public void Step(ReadOnlySpan<int> tokens)
    {
        Check(tokens);
        if (tokens.Length > _sequences)
            throw new ArgumentException($"{tokens.Length} tokens for {_sequences} sequences.");
        int* counts = stackalloc int[tokens.Length], numbers = stackalloc int[tokens.Length];
        var lists = stackalloc int*[tokens.Length];
        var wanted = stackalloc byte[tokens.Length];
        for (var i = 0; i < tokens.Length; i++)
        {
            (counts[i], numbers[i], wanted[i]) = (1, i, 1);
            lists[i] = numbers + i;
        }

        fixed (int* start = tokens)
            Decode(new LlamaNative.Batch
            {
                Count = tokens.Length, Tokens = start, SequenceCounts = counts, Sequences = lists, Logits = wanted,
            });
        At(tokens.Length - 1); // waits for the result
    }

    /// <summary>The argmax continuation of a fresh sequence, one token at a time; ties go to the lower id.</summary>
    public int[] Greedy(ReadOnlySpan<int> prompt, int count)
    {
        Clear();
        var picked = new int[count];
        var next = prompt.ToArray();
        for (var i = 0; i < count; i++)
        {
            picked[i] = ArgMax(Append(next));
            next = [picked[i]];
        }

        return picked;
    }

    /// <summary>Token ids of any bytes, UTF-8 or not.</summary>
    public int[] Tokenise(ReadOnlySpan<byte> text, bool addSpecial = false, bool parseSpecial = false)
    {
        var tokens = new int[text.Length + 8]; // no token is empty; a few specials may come on top
        fixed (byte* start = text)
            while (true)
                fixed (int* into = tokens)
                {
                    byte none = 0; // an empty span has no address
                    var count = _native.Tokenize(
                        _vocabulary, start is null ? &none : start, text.Length, into, tokens.Length,
                        addSpecial ? (byte)1 : (byte)0, parseSpecial ? (byte)1 : (byte)0);
                    if (count >= 0)
                        return tokens[..count];
                    if (count == int.MinValue)
                        throw new InvalidOperationException($"llama.cpp cannot tokenise {text.Length} bytes.");
                    tokens = new int[-count]; // as many as it asks for
                }
    }

    public byte[] Detokenise(ReadOnlySpan<int> tokens, bool removeSpecial = false, bool unparseSpecial = true)
    {
        var text = new byte[16 * tokens.Length + 16];
        fixed (int* start = tokens)
            while (true)
                fixed (byte* into = text)
                {
                    var none = 0;
                    var count = _native.Detokenize(
                        _vocabulary, start is null ? &none : start, tokens.Length, into, text.Length,
                        removeSpecial ? (byte)1 : (byte)0, unparseSpecial ? (byte)1 : (byte)0);
                    if (count >= 0)
                        return text[..count];
                    text = new byte[-count];
                }
    }

    public static int ArgMax(ReadOnlySpan<float> logits)
    {
        var best = 0;
        for (var v = 1; v < logits.Length; v++)
            if (logits[v] > logits[best])
                best = v;
        return best;
    }

    private void Decode(ReadOnlySpan<int> tokens, bool everyPosition)
    {
        Check(tokens);
        var wanted = new byte[tokens.Length];
        wanted.AsSpan().Fill(1);
        fixed (int* start = tokens)
        fixed (byte* flags = wanted)
            Decode(new LlamaNative.Batch
            {
                Count = tokens.Length,
                Tokens = start,
                Logits = everyPosition ? flags : null,
            });
    }

    // llama.cpp answers some of these with an abort of the process.
    private void Check(ReadOnlySpan<int> tokens)
    {
        if (_context == 0)
            throw new InvalidOperationException("the peer was opened for its vocabulary alone, or is closed.");
        if (tokens.Length == 0 || tokens.Length > _capacity)
            throw new ArgumentException($"{tokens.Length} tokens; the peer's context takes 1 to {_capacity}.");
        foreach (var token in tokens)
            if ((uint)token >= (uint)VocabularySize)
                throw new ArgumentException($"token {token} is not in the vocabulary of {VocabularySize}.");
    }

    private void Decode(LlamaNative.Batch batch)
    {
        var result = _native.Decode(_context, batch);
        if (result != 0)
            throw new InvalidOperationException(
                $"llama_decode answered {result}: the context of {_capacity} tokens may be full.");
    }

    private ReadOnlySpan<float> At(int position)
    {
        var logits = _native.LogitsAt(_context, position);
        return logits is null
            ? throw new InvalidOperationException($"llama.cpp has no logits at position {position}.")
            : new ReadOnlySpan<float>(logits, VocabularySize);
    }

    public void Dispose()
    {
        if (_context != 0)
            _native.FreeContext(_context);
        if (_model != 0)
            _native.FreeModel(_model);
        (_context, _model) = (0, 0);
    }
}
