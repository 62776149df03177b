using Wisp.Model;

namespace Wisp.Train;

/// <summary>
/// The one dial: from a number of parameters to a sensible model, batch and vocabulary. Every number can be overridden.
/// </summary>
/// <remarks>
/// The rules are those of the evidence on 1 to 50 M parameters (LAB.md): a vocabulary of 2 k below 2 M parameters, 4 k
/// to 20 M and 8 k beyond; width : layers between 32 and 64; F = 8/3·C as in Shazeer 2020, rounded to 32; batches of 8
/// k tokens to 3 M parameters, 16 k to 12 M and 32 k beyond, because at this scale more steps beat better gradients.
/// </remarks>
public static class ModelSize
{
    public const long Smallest = 200_000, Largest = 1_000_000_000;

    /// <summary>Reads "1M", "0.5m", "300K", "1.2M" or a plain number.</summary>
    /// <exception cref="ArgumentException">Not a size, or out of range.</exception>
    public static long Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var (digits, factor) = text.Trim() switch
        {
            [.. var head, 'k' or 'K'] => (head, 1e3),
            [.. var head, 'm' or 'M'] => (head, 1e6),
            [.. var head, 'b' or 'B'] => (head, 1e9),
            var whole => (whole, 1.0),
        };
        if (!double.TryParse(digits, System.Globalization.CultureInfo.InvariantCulture, out var number)
            || !(number * factor is >= Smallest and <= Largest))
            throw new ArgumentException($"Size '{text}' is not between 0.2M and 1B; write it like 1M, 6M or 30M.");
        return (long)(number * factor);
    }

    public static int VocabularyFor(long parameters) => parameters switch
    {
        < 500_000 => 512,
        < 2_000_000 => 2_048,
        < 20_000_000 => 4_096,
        < 80_000_000 => 8_192,
        _ => 32_768,
    };

    public static int ContextFor(long parameters) =>
        parameters < 2_000_000 ? 256 : parameters < 40_000_000 ? 512 : 1_024;

    public static int BatchTokensFor(long parameters) => parameters switch
    {
        < 2_500_000 => 8_192,
        < 12_000_000 => 16_384,
        < 60_000_000 => 32_768,
        _ => 131_072,
    };

    /// <summary>The shape whose parameter count is nearest to the wish, among those the rules allow.</summary>
    public static ModelConfig ConfigFor(long parameters, int vocabulary, int context)
    {
        ModelConfig? best = null;
        for (var C = 64; C <= 4096; C += C < 512 ? 32 : 128)
            for (var L = Math.Max(3, C / 64); L <= Math.Max(3, C / 32); L++)
            {
                var D = C % 64 == 0 && C >= 256 ? 64 : 32;
                var config = new ModelConfig
                {
                    Architecture = Architecture.Qwen3, Vocabulary = vocabulary, Context = context, Width = C,
                    Layers = L,
                    Heads = C / D, KvHeads = C / D, HeadDim = D, FeedForward = (int)Math.Round(C * 8 / 3.0 / 32) * 32,
                    TiedHead = parameters < 40_000_000,
                };
                if (best is null || Distance(config) < Distance(best))
                    best = config;
            }

        return best!;

        double Distance(ModelConfig config) => Math.Abs(Math.Log((double)config.Parameters / parameters));
    }
}
