using System.CommandLine;
using System.Text;
using Wisp.Bench.Peer;
using Wisp.Model;

namespace Wisp.Bench;

/// <summary>
/// <c>peer-splits [-m FILE]</c>: ids and texts of random strings in Wisp and in llama.cpp. Without a file, those of a
/// vocabulary in which any two bytes merge, so that every border of a piece shows, under each name of a split that is
/// known here. Exit code 1 where one differs.
/// </summary>
internal static class PeerSplits
{
    // What splits turn on, beside single characters from everywhere.
    private static readonly string[] s_fragments =
    [
        " ", "  ", "   ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u2028", "'s", "'LL", "'re", "'T", "'", "’s", "12",
        "1234567", "٣٤", "½", "五", "Hello", "world", "ABC", "aBc", "ÉCOLE", "école", "e\u0301", "\u0301", "中文",
        "かな", "カナ", "한글", "ไทย", "हिन्दी", "!", "...", "://", "/", "\n/", "~", "$5", "a+b", "_x", "،", "。", "“", "…",
        "🙂", "👩‍👩‍👧", "\u200b", "\ufffd", "\ufeff", "豈", "㐀", "ㄅ", "ㄱ", "\0", "<|im_end|>", "<s>", "</s>",
        "<sentinel:12>", "IMGIMGABZ", "    ", " .", " ' ", " 's", "▁", "<0x41>",
    ];

    public static Command Create(Option<string?> peerOption)
    {
        var model = new Option<string?>("-m") { Description = "A GGUF file with a vocabulary" };
        var count = new Option<int>("--count") { Description = "Random strings", DefaultValueFactory = _ => 5_000 };
        var seed = new Option<int>("--seed") { Description = "Of the strings", DefaultValueFactory = _ => 1 };
        var command = new Command("peer-splits", "Token ids and texts of random strings in Wisp and in llama.cpp")
        {
            model, count, seed, peerOption,
        };
        command.SetAction(parse =>
        {
            var native = LlamaNative.Load(PeerPackage.Folder(parse.GetValue(peerOption)));
            var texts = Texts(parse.GetValue(seed), parse.GetValue(count));
            var output = parse.InvocationConfiguration.Output;
            if (parse.GetValue(model) is { } path)
                return Compare(output, native, path, path, texts) ? 0 : 1;

            var same = true;
            var file = Path.GetTempFileName();
            foreach (var pre in PreTokenizer.Known)
            {
                WriteAllPairs(file, pre);
                same &= Compare(output, native, file, pre, texts);
            }

            File.Delete(file);
            return same ? 0 : 1;
        });
        return command;
    }

    private static void WriteAllPairs(string path, string pre)
    {
        const int Odd = 40_503; // times it, modulo 2^16, puts all pairs in a wild order
        var bytes = Enumerable.Range(0, 256).Select(value => ByteText.Encode([(byte)value])).ToArray();
        (string Left, string Right)[] pairs = [.. Enumerable.Range(0, 1 << 16).Select(i => i * Odd & 0xFFFF)
            .Select(i => (bytes[i >> 8], bytes[i & 0xFF]))];
        Tokenizer.FromVocabulary(pre, [.. bytes, .. pairs.Select(pair => pair.Left + pair.Right), "<|im_end|>"],
                [.. pairs.Select(pair => $"{pair.Left} {pair.Right}")],
                [.. Enumerable.Repeat((int)TokenType.Normal, 256 + pairs.Length), (int)TokenType.Control])
            .Write(new GgufWriter().AddString("general.architecture", "llama")).Write(path);
    }

    private static bool Compare(TextWriter output, LlamaNative native, string path, string name, List<byte[]> texts)
    {
        using var peer = new LlamaCpp(native, path, PeerSettings.Vocabulary);
        using var gguf = Gguf.Open(path);
        var tokenizer = Tokenizer.Read(gguf)!;
        var different = 0;
        foreach (var text in texts)
        {
            for (var way = 0; way < 4; way++)
            {
                bool add = (way & 1) != 0, parse = (way & 2) != 0;
                var ours = tokenizer.Encode(text, add, parse);
                var theirs = peer.Tokenise(text, add, parse);
                if (!ours.AsSpan().SequenceEqual(theirs))
                    Differs("ids", text, Pieces(tokenizer, ours), Pieces(tokenizer, theirs));
                var shown = tokenizer.Detokenize(theirs, add, parse);
                var wanted = peer.Detokenise(theirs, add, parse);
                if (!shown.AsSpan().SequenceEqual(wanted))
                    Differs("texts", text, Encoding.UTF8.GetString(shown), Encoding.UTF8.GetString(wanted));
            }
        }

        output.WriteLine($"{name}: {texts.Count} strings in 4 ways, {different} differ");
        return different == 0;

        void Differs(string what, byte[] text, string ours, string theirs)
        {
            if (different++ < 2)
                output.WriteLine($"{name}: {what} of {Convert.ToHexString(text)}: ours {ours}, llama.cpp {theirs}");
        }
    }

    private static string Pieces(Tokenizer tokenizer, int[] ids) =>
        string.Join('|', ids.Select(id => Encoding.UTF8.GetString(tokenizer.BytesOf(id)).ReplaceLineEndings("\\n")));

    private static List<byte[]> Texts(int seed, int count)
    {
        var random = new Random(seed);
        var texts = new List<byte[]>();
        for (var i = 0; i < count; i++)
        {
            var text = new List<byte>();
            for (var length = random.Next(1, 20); length > 0; length--)
                text.AddRange(random.Next(8) switch
                {
                    < 5 => Encoding.UTF8.GetBytes(s_fragments[random.Next(s_fragments.Length)]),
                    5 => [(byte)random.Next(0x20, 0x7F)],
                    6 => Encoding.UTF8.GetBytes(new Rune(random.Next(0xA0, 0xD800)).ToString()),
                    // Bytes that are no UTF-8 in one string of ten; F8 and above would crash the peer's WordPiece.
                    _ when i % 10 == 0 => [(byte)random.Next(0x80, 0xF5)],
                    _ => Encoding.UTF8.GetBytes(new Rune(random.Next(0x10000, 0x110000)).ToString()),
                });
            texts.Add([.. text]);
        }

        return texts;
    }
}
