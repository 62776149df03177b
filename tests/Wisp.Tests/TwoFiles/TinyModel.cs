using System.Text;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Train;

namespace Wisp.Tests.TwoFiles;

/// <summary>
/// A model of random weights with a vocabulary that was learnt from a few made-up lines: small enough to write hundreds
/// of tokens in no time, and lively enough not to repeat one token for ever.
/// </summary>
internal static class TinyModel
{
    public const int Context = 40;

    /// <summary>Lines of invented words, which a small vocabulary can be learnt from.</summary>
    public static string Text(int lines, int seed = 1)
    {
        string[] syllables = ["ba", "lo", "ri", "ten", "sha", "mu", "ker", "no", "fi", "ost", "el", "ung", "tra", "pi",
            "ä", "wu"];
        var random = new Random(seed);
        var text = new StringBuilder();
        for (var line = 0; line < lines; line++)
            for (var word = 9; word > 0; word--)
            {
                for (var i = random.Next(1, 4); i > 0; i--)
                    text.Append(syllables[random.Next(syllables.Length)]);
                text.Append(word > 1 ? " " : ".\n");
            }

        return text.ToString();
    }

    public static void Write(string path, DType type)
    {
        var tokenizer = BpeTrainer.Train([Encoding.UTF8.GetBytes(Text(400))], 512, threads: 1);
        var map = new ParameterMap(new ModelConfig
        {
            Architecture = Architecture.Qwen3, Vocabulary = 512, Context = Context, Width = 64, Layers = 3, Heads = 4,
            KvHeads = 2, HeadDim = 16, FeedForward = 96, TiedHead = false,
        });
        using var weights = Parameters.Initialize(map, seed: 5);
        // Fresh weights leave the residual stream as it is, and the model would repeat itself.
        var seed = 0;
        foreach (var tensor in map.All.Where(t => t.IsMatrix))
            Sample.Normal(tensor.Length, seed++, 2 / MathF.Sqrt(tensor.Columns)).CopyTo(weights.Of(tensor));
        ModelFile.Writer(weights, tokenizer, type, "tiny").Write(path);
    }

    /// <summary>The least distance between the best and the second best logit on the way of a greedy text.</summary>
    public static float LeastMargin(string path, string prompt, int count)
    {
        using var model = ModelFile.Open(path);
        using var pool = new WorkerPool(1);
        using var session = new Session(model.Weights, pool);
        int[] next = [.. Generation.Prompt(model.Tokenizer!, prompt, parseSpecial: true)];
        var least = float.MaxValue;
        for (var i = 0; i < count; i++)
        {
            var logits = session.Feed(next);
            int best = 0, second = -1;
            for (var id = 1; id < logits.Length; id++)
            {
                if (logits[id] > logits[best])
                    (best, second) = (id, best);
                else if (second < 0 || logits[id] > logits[second])
                    second = id;
            }

            least = Math.Min(least, logits[best] - logits[second]);
            next = [best];
        }

        return least;
    }
}
