using System.CommandLine;
using System.Text;
using Wisp.Bench.Peer;
using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Bench;

/// <summary>
/// <c>peer-check -m FILE</c>: one of our model files in llama.cpp and in Wisp side by side: token ids of hostile
/// strings, logits of every position, greedy continuation.
/// </summary>
internal static class PeerModel
{
    private const int RandomStrings = 5_000, GreedyTokens = 64;

    // Logits of a float32 model differ by summation order only: hidden states of size 10 through a few hundred terms.
    // Where the file is quantised llama.cpp quantises the activations too, and its own backends differ by 0.1.
    private const double ExactTolerance = 1e-3, QuantisedTolerance = 0.5;

    // The greedy texts must agree up to the first step at which the two best tokens are closer than this.
    private const double ExactMargin = 2 * ExactTolerance, QuantisedMargin = 2 * QuantisedTolerance;

    private static readonly string[] s_hostile =
    [
        "", " ", "\n", "\r\n\r\n  x", "The little fox", "  two  blanks\tand tabs\n\n\n", "I'LL we'Ve don't 'twas",
        "12345678901234567890 1,000.50",
        "naïve café ŒUVRE ß ﬁ", "日本語のテキスト、漢字。", "👩‍👩‍👧‍👦🏳️‍🌈 flags", "\u00a0\u2003\u3000wide blanks\u200b",
        "e\u0301 combining",
        "<|endoftext|><|im_start|>user", "a\u0000b", "ﷺ ٣٤٥ हिन्दी", "((((((())))))", "___---***///\\\\\\",
        "\ufeffbom", "𝔘𝔫𝔦 𝟙𝟚𝟛",
    ];

    public static Command Create(Option<string?> peerOption, Option<string> modelOption)
    {
        var text = new Option<string>("-p")
        {
            Description = "Text whose logits are compared",
            DefaultValueFactory = _ => "The little fox went into the wood, and there he met an old woman who ",
        };
        var command = new Command("peer-check", "One model file in Wisp and in llama.cpp: ids, logits, greedy text")
        {
            modelOption, text, peerOption,
        };
        command.SetAction(parse =>
        {
            var path = parse.GetRequiredValue(modelOption);
            var native = LlamaNative.Load(PeerPackage.Folder(parse.GetValue(peerOption)));
            using var model = ModelFile.Open(path);
            using var pool = new WorkerPool(2);
            using var peer = new LlamaCpp(native, path, PeerSettings.Golden with { Context = model.Config.Context });
            var tokenizer = model.Tokenizer ?? throw new InvalidDataException($"{path}: holds no tokenizer.");
            var quantised = IsQuantised(path);
            var output = parse.InvocationConfiguration.Output;

            var same = SameIds(output, tokenizer, peer);
            int[] ids = [tokenizer.EndOfText, .. tokenizer.Encode(parse.GetRequiredValue(text))];
            var check = PeerCheck.Of(peer, ids, tokens => Logits(model, pool, tokens));
            var tolerance = quantised ? QuantisedTolerance : ExactTolerance;
            output.WriteLine($"logits: {check}; allowed {tolerance}");
            var greedy = SameGreedy(output, model, pool, peer, ids, quantised ? QuantisedMargin : ExactMargin);
            return same && check.Worst <= tolerance && greedy ? 0 : 1;
        });
        return command;
    }

    private static bool IsQuantised(string path)
    {
        using var gguf = Gguf.Open(path);
        return gguf.Tensors.Any(t => t.DType != DType.F32);
    }

    private static bool SameIds(TextWriter output, Tokenizer tokenizer, LlamaCpp peer)
    {
        var random = new Random(1);
        var different = 0;
        var strings = s_hostile.Concat(Enumerable.Range(0, RandomStrings).Select(_ => RandomText(random))).ToList();
        foreach (var text in strings)
        {
            var utf8 = Encoding.UTF8.GetBytes(text);
            foreach (var parseSpecial in new[] { false, true })
            {
                var ours = new List<int>();
                tokenizer.Encode(utf8, ours, parseSpecial);
                var theirs = peer.Tokenise(utf8, parseSpecial: parseSpecial);
                if (ours.SequenceEqual(theirs))
                    continue;
                if (different++ < 5)
                    output.WriteLine(
                        $"ids differ: {Convert.ToHexString(utf8)}: ours {string.Join(',', ours)}, " +
                        $"llama.cpp {string.Join(',', theirs)}");
            }
        }

        output.WriteLine($"ids: {strings.Count} strings, with and without special tokens: {different} differ");
        return different == 0;
    }

    // Runs of ASCII, letters of many scripts, digits, blanks and signs: where splits go wrong.
    private static string RandomText(Random random)
    {
        var text = new StringBuilder();
        for (var length = random.Next(1, 24); length > 0; length--)
            text.Append(random.Next(6) switch
            {
                0 => new Rune(random.Next(0x20, 0x7f)).ToString(),
                1 => new Rune(random.Next(0xa0, 0x2000)).ToString(),
                2 => new Rune(random.Next(0x2000, 0xd800)).ToString(),
                3 => new Rune(random.Next(0x1f000, 0x20000)).ToString(),
                4 => " \t\n\r  "[random.Next(6)].ToString(),
                _ => "0123456789'stdm"[random.Next(15)].ToString(),
            });
        return text.ToString();
    }

    private static float[] Logits(ModelFile model, WorkerPool pool, int[] tokens)
    {
        using var session = new Run.Session(model.Weights, pool);
        var logits = new float[tokens.Length * model.Config.Vocabulary];
        session.FeedEvery(tokens, logits);
        return logits;
    }

    private static bool SameGreedy(TextWriter output, ModelFile model, WorkerPool pool, LlamaCpp peer, int[] prompt,
        double margin)
    {
        using var session = new Run.Session(model.Weights, pool);
        peer.Clear();
        var theirs = peer.Greedy(prompt, GreedyTokens);
        var logits = session.Feed(prompt);
        for (var i = 0; i < theirs.Length; i++)
        {
            var best = LlamaCpp.ArgMax(logits);
            if (best != theirs[i])
            {
                var gap = logits[best] - logits[theirs[i]];
                output.WriteLine($"greedy: the same {i} tokens, then ours is ahead by {gap:g3} (allowed {margin})");
                return gap < margin;
            }

            logits = session.Feed([best]);
        }

        output.WriteLine($"greedy: the same {theirs.Length} tokens");
        return true;
    }
}
