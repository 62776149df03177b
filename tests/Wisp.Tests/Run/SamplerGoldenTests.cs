using System.Globalization;
using System.Text;
using System.Text.Json;
using Wisp.Model;
using Wisp.Run;
using Wisp.Tests.Golden;

namespace Wisp.Tests.Run;

/// <summary>Every case of llama.cpp's samplers: what remains, with which logits and which probabilities.</summary>
public class SamplerGoldenTests
{
    private const string Cases = "golden/llamacpp/sampling/samplers.json";

    // Everything off: each case switches on what it is about.
    private static readonly Sampling s_plain = new()
    {
        Temperature = 1, TopK = 0, TopP = 1, MinP = 0, DryBreakers = [], Order = [],
    };

    // exp(z) turns an absolute error of z into a relative one. |z| < 32 before the temperature and 320 after that of
    // 0.1; four roundings (penalty, quotient, less max, exp) of 2^-24 on each of the two sides.
    private static double Tolerance(Sampling sampling) =>
        2 * 4 * 32 / Math.Clamp(sampling.Temperature, 0.1, 1) * Check.Eps;

    private readonly JsonElement _root = JsonDocument.Parse(
        File.ReadAllBytes(GoldenFile.PathOrSkip(Cases))).RootElement;

    [Fact]
    public void All_cases_agree()
    {
        var seen = new Dictionary<string, int>();
        foreach (var entry in _root.GetProperty("cases").EnumerateArray())
        {
            var kind = entry.GetProperty("sampler").GetString()!;
            seen[kind] = seen.GetValueOrDefault(kind) + 1;
            Compare(new Case(_root, entry));
        }

        string[] kinds =
        [
            "chain", "dist", "dry", "greedy", "logit_bias", "min_p", "mirostat_v1", "mirostat_v2", "penalties", "temp",
            "temp_ext", "top_k", "top_n_sigma", "top_p", "typical", "xtc",
        ];
        Assert.Equal(kinds, seen.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(_root.GetProperty("cases").GetArrayLength(), seen.Values.Sum());
        Assert.Equal(1, _oneFewer);
    }

    // Cases in which one token fewer of equal ones is left; the README counts them as different.
    private int _oneFewer;

    private void Compare(Case given)
    {
        var sampling = Options(given.Kind, given.Options);
        var breakers = sampling.DryBreakers.Count > 0 ? Breakers(sampling.DryBreakers) : null;
        var V = given.Logits.Length;
        var sampler = new Sampler(sampling, 0, V, breakers);
        if (given.Kind == "greedy")
        {
            Assert.Equal(given.Picked, sampler.Pick(given.Logits, given.History));
            return;
        }

        var survivors = sampler.Distribution(given.Logits, given.History);

        // Tokens that a step sent to -∞ are listed there; here they are out.
        // Of equal logits that a cut divides each side keeps others, so there only what they hold compares.
        var divided = given.Name is "ties" or "equal";
        var expected = given.Ids.Zip(given.Probabilities)
            .Where(pair => !float.IsNegativeInfinity(given.ScoreOf(pair.First))).ToDictionary();
        // 38 of 40 equal probabilities are exactly 0.95; the oracle's float32 sum falls short and takes one more.
        if (given.Name == "equal" && sampling.TopP < 1 && survivors.Ids.Length == expected.Count - 1)
        {
            _oneFewer++;
            return;
        }

        Assert.True(expected.Count == survivors.Ids.Length,
            $"{given.Label}: {survivors.Ids.Length} tokens remain and not {expected.Count}");
        float[] actual = [.. survivors.Probabilities], wanted = [.. survivors.Ids.ToArray()
            .Select(id => divided ? 0 : expected[id])];
        if (divided)
        {
            wanted = [.. expected.Values];
            Array.Sort(wanted);
            Array.Sort(actual);
        }

        Check.Close(wanted, actual, Tolerance(sampling), given.Label);
        if (!divided && sampling.Temperature > 0)
            foreach (var id in survivors.Ids)
                // Relative to the largest logit there is, 32.
                Assert.True(Math.Abs(given.ScoreOf(id) - sampler.ScoreOf(id)) <= 32 * Tolerance(sampling),
                    $"{given.Label}: the logit of {id} is {sampler.ScoreOf(id)} and not {given.ScoreOf(id)}");
        if (sampling.Mirostat > 0)
            CompareMirostat(sampler, sampling, given, expected);
    }

    /// <summary>μ moves by the surprise of what was picked, and the next step cuts by it.</summary>
    private static void CompareMirostat(
        Sampler sampler, Sampling sampling, Case given, Dictionary<int, float> expected)
    {
        float Moved(float p) => sampler.Limit - sampling.MirostatEta * (-MathF.Log2(p) - sampling.MirostatTau);

        Assert.Equal(given.Number("mu_before"), sampler.Limit, 1e-6f);
        Assert.Equal(given.Number("mu_after"), Moved(expected[given.Picked]), 1e-5f);
        if (given.Name is not ("ties" or "equal"))
        {
            var before = Moved(1);
            var picked = sampler.Pick(given.Logits, given.History);
            Assert.Equal(before + sampling.MirostatEta * MathF.Log2(expected[picked]), sampler.Limit, 1e-5f);
        }

        sampler.Limit = given.Number("mu_after");
        Assert.Equal(
            (int)given.Number("second_step_n"), sampler.Distribution(given.Logits, given.History).Ids.Length);
    }

    private static Sampling Options(string kind, JsonElement given) => kind switch
    {
        "greedy" => Sampling.Greedy,
        "dist" => s_plain,
        "chain" => given.GetProperty("steps").EnumerateArray()
            .Aggregate(s_plain, (sampling, step) => With(sampling, step[0].GetString()!, step[1])),
        _ => With(s_plain, kind, given),
    };

    private static Sampling With(Sampling sampling, string kind, JsonElement given)
    {
        float Number(string name) => given.TryGetProperty(name, out var value) ? value.GetSingle() : 0;
        Sampling Step(SamplerStep step) => sampling with
        {
            Order = [.. sampling.Order, step],
            MinKeep = Math.Max(sampling.MinKeep, (int)Number("min_keep")),
        };
        return kind switch
        {
            "top_k" => Step(SamplerStep.TopK) with { TopK = (int)Number("k") },
            "top_p" => Step(SamplerStep.TopP) with { TopP = Number("p") },
            "min_p" => Step(SamplerStep.MinP) with { MinP = Number("p") },
            "typical" => Step(SamplerStep.TypicalP) with { TypicalP = Number("p") },
            "top_n_sigma" => Step(SamplerStep.TopNSigma) with { TopNSigma = Number("n") },
            "xtc" => Step(SamplerStep.Xtc) with { XtcProbability = Number("p"), XtcThreshold = Number("t") },
            "temp" => Step(SamplerStep.Temperature) with { Temperature = Number("t") },
            "temp_ext" => Step(SamplerStep.Temperature) with
            {
                Temperature = Number("t"),
                DynamicRange = Number("delta"),
                DynamicExponent = Number("exponent"),
            },
            "penalties" => Step(SamplerStep.Penalties) with
            {
                PenaltyWindow = (int)Number("last_n"),
                RepeatPenalty = Number("repeat"),
                FrequencyPenalty = Number("freq"),
                PresencePenalty = Number("present"),
            },
            "dry" when Number("multiplier") == 0 => sampling,
            "dry" => Step(SamplerStep.Dry) with
            {
                DryMultiplier = Number("multiplier"),
                DryBase = Number("base"),
                DryAllowedLength = (int)Number("allowed_length"),
                DryWindow = (int)Number("penalty_last_n"),
                DryBreakers = [.. given.GetProperty("breakers").EnumerateArray().Select(x => x.GetString()!)],
            },
            "logit_bias" => sampling with
            {
                LogitBias = given.GetProperty("bias").EnumerateArray()
                    .ToDictionary(pair => pair[0].GetInt32(), pair => pair[1].GetSingle()),
            },
            "mirostat_v1" or "mirostat_v2" => sampling with
            {
                Mirostat = kind[^1] - '0',
                MirostatTau = Number("tau"),
                MirostatEta = Number("eta"),
            },
            _ => throw new ArgumentException($"no such sampler: {kind}"),
        };
    }

    // One byte each, so no breaker is spread over two tokens and nothing has to be encoded.
    private SequenceBreakers Breakers(IReadOnlyList<string> breakers)
    {
        using var gguf = Gguf.Open(GoldenFile.PathOrSkip(
            "golden/llamacpp/" + _root.GetProperty("dry_vocab").GetString()));
        var texts = gguf.GetStrings("tokenizer.ggml.tokens");
        return SequenceBreakers.Of(breakers, texts.Length, id => BytesOf(texts[id]), _ => []);
    }

    // As SentencePiece spells them: a space is U+2581, a byte <0x0A>.
    private static byte[] BytesOf(string token) => token is ['<', '0', 'x', var high, var low, '>']
        ? [Convert.ToByte($"{high}{low}", 16)] : Encoding.UTF8.GetBytes(token.Replace('\u2581', ' '));

    /// <summary>One entry of the file, as numbers.</summary>
    private sealed class Case
    {
        private readonly JsonElement _entry;
        private readonly Dictionary<int, float> _scores;

        public Case(JsonElement root, JsonElement entry)
        {
            _entry = entry;
            Kind = entry.GetProperty("sampler").GetString()!;
            Options = entry.GetProperty("params");
            Name = entry.GetProperty("logits").GetString()!;
            Logits = Floats(root.GetProperty("logits").GetProperty(Name));
            History = [.. root.GetProperty("histories").GetProperty(entry.GetProperty("history").GetString()!)
                .EnumerateArray().Select(x => x.GetInt32())];
            Ids = entry.GetProperty("ids") is { ValueKind: JsonValueKind.Array } list
                ? [.. list.EnumerateArray().Select(x => x.GetInt32())]
                : [.. Enumerable.Range(0, Logits.Length)];
            Probabilities = Floats(entry.GetProperty("probs"));
            var after = entry.GetProperty("logits_after");
            _scores = after.ValueKind == JsonValueKind.Array
                ? Ids.Zip(Floats(after)).ToDictionary() : Ids.ToDictionary(id => id, id => Logits[id]);
        }

        public string Kind { get; }

        public string Name { get; }

        public JsonElement Options { get; }

        public float[] Logits { get; }

        public int[] History { get; }

        public int[] Ids { get; }

        public float[] Probabilities { get; }

        public int Picked => _entry.GetProperty("selected_id").GetInt32();

        public string Label => $"{Kind} {Options} {Name}";

        public float ScoreOf(int id) => _scores[id];

        public float Number(string name) => _entry.GetProperty(name).GetSingle();

        // "-inf" stands as text, for JSON has no such number.
        private static float[] Floats(JsonElement list) => [.. list.EnumerateArray().Select(x =>
            x.ValueKind == JsonValueKind.String ? float.Parse(x.GetString()!.Replace("inf", "Infinity"),
                CultureInfo.InvariantCulture) : x.GetSingle())];
    }
}
