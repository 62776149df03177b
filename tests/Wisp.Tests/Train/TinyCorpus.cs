using System.Text;
using Wisp.Model;
using Wisp.Tests.Model;
using Wisp.Tests.Train.Data;
using Wisp.Train;
using Wisp.Train.Data;

namespace Wisp.Tests.Train;

/// <summary>A made-up language in a folder: words of two or three syllables, sentences of a fixed order.</summary>
internal sealed class TinyCorpus : IDisposable
{
    private readonly TempFolder _folder = new();

    public TinyCorpus()
    {
        Tokenizer = TinyModel.Tokenizer();
        Train = Write("train.tokens", Documents(120, seed: 1));
        HeldOut = Write("heldout.tokens", Documents(6, seed: 2));
    }

    public string this[string name] => _folder[name];

    public Tokenizer Tokenizer { get; }

    public TokenShards Train { get; }

    public TokenShards HeldOut { get; }

    public PretrainRun.Corpus Corpus => new(Train, HeldOut, Tokenizer, () => new MemoryStream(Encoding.UTF8.GetBytes(
        string.Concat(Documents(6, seed: 2)))));

    /// <summary>A plan that takes milliseconds a step.</summary>
    public static PretrainPlan Plan { get; } = new()
    {
        Architecture = "qwen3", Vocabulary = 281, Context = 32, Width = 32, Layers = 2, Heads = 2, KvHeads = 1,
        HeadDim = 16, FeedForward = 48, TiedHead = true, Rows = 8, Accumulation = 1, Steps = 60, WarmUp = 0.1,
        DataHash = new string('0', 64),
    };

    public static string[] Documents(int count, int seed)
    {
        string[] syllables = ["ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "wu", "pan", "dor"];
        var random = new Random(seed);
        string Word(int kind)
        {
            // Twelve words a part of speech; the common ones are more common.
            var n = Math.Min(random.Next(12), random.Next(12));
            return syllables[n] + syllables[(n * 5 + kind * 3) % 12] + (n % 3 == 0 ? syllables[(n + kind) % 12] : "");
        }

        return [.. Enumerable.Range(0, count).Select(_ => string.Concat(
            Enumerable.Range(0, 3 + random.Next(4)).Select(_ => $"the {Word(0)} {Word(1)} the {Word(2)}. ")))];
    }

    /// <summary>
    /// Entropy of single tokens of the training text, in nats: what a model knows that knows no context.
    /// </summary>
    public double UnigramEntropy()
    {
        var counts = new double[281];
        foreach (var token in Train.Tokens(0, (int)Train.TokenCount))
            counts[token]++;
        return -counts.Where(n => n > 0).Sum(n => n / Train.TokenCount * Math.Log(n / Train.TokenCount));
    }

    private TokenShards Write(string name, string[] documents)
    {
        var vocabulary = TokenizerFile.VocabularyOf(Tokenizer);
        TokenShardWriter.Write(
            _folder[name], [.. documents.Select((text, i) => new Document($"{i}", "", Encoding.UTF8.GetBytes(text)))],
            vocabulary);
        return TokenShards.Open(_folder[name]);
    }

    public void Dispose()
    {
        Train.Dispose();
        HeldOut.Dispose();
        _folder.Dispose();
    }
}
