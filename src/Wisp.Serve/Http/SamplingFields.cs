using System.Globalization;
using System.Text.Json;
using Wisp.Run;

namespace Wisp.Serve.Http;

/// <summary>
/// How tokens are picked, under OpenAI's names and, for what OpenAI does not have, llama.cpp's. What a request leaves
/// out has Wisp's defaults.
/// </summary>
internal static class SamplingFields
{
    /// <exception cref="ApiException">A value of the wrong type or outside its range.</exception>
    public static Sampling Read(Fields fields, Sampling defaults, int vocabulary) => defaults with
    {
        Temperature = fields.Number("temperature", 0, 100) ?? defaults.Temperature,
        TopP = fields.Number("top_p", 0, 1) ?? defaults.TopP,
        TopK = fields.Count("top_k", 0) ?? defaults.TopK,
        MinP = fields.Number("min_p", 0, 1) ?? defaults.MinP,
        TypicalP = fields.Number("typical_p", 0, 1) ?? defaults.TypicalP,
        TopNSigma = fields.Number("top_n_sigma") ?? defaults.TopNSigma,
        XtcProbability = fields.Number("xtc_probability", 0, 1) ?? defaults.XtcProbability,
        XtcThreshold = fields.Number("xtc_threshold", 0, 1) ?? defaults.XtcThreshold,
        MinKeep = fields.Count("min_keep", 0) ?? defaults.MinKeep,
        RepeatPenalty = fields.Number("repeat_penalty", 1e-6) ?? defaults.RepeatPenalty,
        PenaltyWindow = Window(fields, "repeat_last_n") ?? defaults.PenaltyWindow,
        FrequencyPenalty = fields.Number("frequency_penalty", -2, 2) ?? defaults.FrequencyPenalty,
        PresencePenalty = fields.Number("presence_penalty", -2, 2) ?? defaults.PresencePenalty,
        DryMultiplier = fields.Number("dry_multiplier", 0) ?? defaults.DryMultiplier,
        DryBase = fields.Number("dry_base", 1) ?? defaults.DryBase,
        DryAllowedLength = fields.Count("dry_allowed_length", 0) ?? defaults.DryAllowedLength,
        DryWindow = Window(fields, "dry_penalty_last_n") ?? defaults.DryWindow,
        DryBreakers = fields.TextOrTexts("dry_sequence_breakers") ?? defaults.DryBreakers,
        DynamicRange = fields.Number("dynatemp_range", 0) ?? defaults.DynamicRange,
        DynamicExponent = fields.Number("dynatemp_exponent", 1e-6) ?? defaults.DynamicExponent,
        Mirostat = fields.Count("mirostat", 0, 2) ?? defaults.Mirostat,
        MirostatTau = fields.Number("mirostat_tau", 0) ?? defaults.MirostatTau,
        MirostatEta = fields.Number("mirostat_eta", 0, 1) ?? defaults.MirostatEta,
        LogitBias = Biases(fields, vocabulary) ?? defaults.LogitBias,
    };

    /// <summary>Whole numbers, negative ones too; a seed of any size is one.</summary>
    public static ulong? Seed(Fields fields) => fields.Whole("seed") is { } seed ? unchecked((ulong)seed) : null;

    /// <summary>At most 16, so that a request cannot make every character dear.</summary>
    public static List<string> Stops(Fields fields)
    {
        const int Most = 16;
        var stops = fields.TextOrTexts("stop") ?? [];
        if (stops.Count > Most)
            throw ApiException.Invalid($"'{fields.PathOf("stop")}' holds {stops.Count} strings; at most {Most} end " +
                "an answer.", fields.PathOf("stop"), "array_above_max_length");
        return stops.Contains("") ? throw ApiException.Invalid($"'{fields.PathOf("stop")}' holds an empty string, " +
            "which would end every answer before it begins.", fields.PathOf("stop"), "invalid_value") : stops;
    }

    private static int? Window(Fields fields, string name) => fields.Count(name, -1) is { } tokens
        ? tokens == -1 ? int.MaxValue : tokens : null;

    // OpenAI's form is an object of ids and numbers from -100, which forbids, to 100; llama.cpp has lists of pairs too.
    private static Dictionary<int, float>? Biases(Fields fields, int vocabulary)
    {
        const string Name = "logit_bias";
        if (fields.Any(Name) is not { } given)
            return null;
        var path = fields.PathOf(Name);
        var biases = new Dictionary<int, float>();
        if (given.ValueKind == JsonValueKind.Array)
            foreach (var (pair, at) in fields.List(Name)!)
            {
                if (pair.ValueKind != JsonValueKind.Array || pair.GetArrayLength() != 2)
                    throw Fields.WrongType(at, "a pair of a token id and a number", pair);
                Add(pair[0].ValueKind == JsonValueKind.Number ? pair[0].GetRawText() : "", pair[1], at);
            }
        else
            foreach (var bias in given.ValueKind == JsonValueKind.Object ? given.EnumerateObject()
                : throw Fields.WrongType(path, "an object", given))
                Add(bias.Name, bias.Value, $"{path}['{bias.Name}']");
        return biases;

        void Add(string key, JsonElement value, string at)
        {
            if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var id) || id >= vocabulary)
                throw ApiException.Invalid($"Invalid key in '{path}': {(key.Length > 0 ? key : value.GetRawText())} " +
                    $"is no token id of this model, which has {vocabulary} tokens.", path, "invalid_value");
            biases[id] = value.ValueKind == JsonValueKind.False ? float.NegativeInfinity
                : value.ValueKind != JsonValueKind.Number || !value.TryGetSingle(out var bias)
                    ? throw Fields.WrongType(at, "a number", value)
                : bias <= -100 ? float.NegativeInfinity
                : float.IsFinite(bias) ? bias : throw Fields.WrongType(at, "a number of float32", value);
        }
    }
}
