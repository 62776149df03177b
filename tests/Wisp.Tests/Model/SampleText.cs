using System.Text;
using Wisp.Model;
using Wisp.Train;

namespace Wisp.Tests.Model;

/// <summary>Seeded texts with all that a split must tell apart, and a vocabulary trained on one.</summary>
internal static class SampleText
{
    private static readonly string[] Bits =
    [
        "the", "The", " the", " and", "ing", "ed", "er", " of", " a", "a", "I", "'s", "'S", "'ll", "'LL", "'re",
        "'x", "'", "''", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n", "\u00a0", "\u0085", "\u2028", "\u3000",
        "\u200b", "1", "12", "1234", "٣", "½", "Ⅷ", ".", ",", "!", "?!", "...", " --", "=", "_", "#", "é", "e\u0301",
            "ß", "Привет",
        "κόσμε", "שלום", "中文", "日本", "한국", "ſ", "İ",
    ];

    private static readonly string[] Wide = ["😀", "👍🏽", "𠀀", "𝟘", "\U000e0041", "\U0010ffff"];

    public static string Text(Random random, int bits, bool wide = false)
    {
        var text = new StringBuilder();
        for (var i = 0; i < bits; i++)
        {
            // The square makes the first bits common, as words are.
            var pick = random.NextDouble();
            var bit = Bits[(int)(pick * pick * Bits.Length)];
            text.Append(wide && random.Next(8) == 0 ? Wide[random.Next(Wide.Length)] : bit);
        }

        return text.ToString();
    }

    /// <summary>Bytes of all kinds: noise, text, and text with broken places.</summary>
    public static byte[] Bytes(Random random, int size)
    {
        var bytes = new byte[size];
        random.NextBytes(bytes);
        if (random.Next(3) == 0)
            return bytes;
        var text = Encoding.UTF8.GetBytes(Text(random, size, wide: true));
        text.AsSpan(0, Math.Min(size, text.Length)).CopyTo(bytes);
        for (var i = 0; random.Next(3) != 0 && i < size; i += 1 + random.Next(20))
            bytes[i] = (byte)random.Next(256);
        return bytes;
    }

    public static ByteLevelBpe Trained(int vocabularySize = 700) =>
        BpeTrainer.Train([Encoding.UTF8.GetBytes(Text(new Random(1), 60_000, wide: true))], vocabularySize, threads: 1);
}
