using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Wisp.Run;

namespace Wisp.Ai;

/// <summary>The entries of ChatOptions.AdditionalProperties, named as in llama.cpp's server.</summary>
internal static class AdditionalOptions
{
    private delegate WispChatOptions Setter(WispChatOptions options, Entry entry);

    private static readonly Dictionary<string, Setter> s_known = new(StringComparer.OrdinalIgnoreCase)
    {
        ["chat_template_kwargs"] = (o, e) => o with { TemplateVariables = e.Object },
        ["dry_allowed_length"] = Sampler((s, e) => s with { DryAllowedLength = e.Count }),
        ["dry_base"] = Sampler((s, e) => s with { DryBase = e.Number }),
        ["dry_multiplier"] = Sampler((s, e) => s with { DryMultiplier = e.Number }),
        ["dry_penalty_last_n"] = Sampler((s, e) => s with { DryWindow = e.Window }),
        ["dynatemp_exponent"] = Sampler((s, e) => s with { DynamicExponent = e.Number }),
        ["dynatemp_range"] = Sampler((s, e) => s with { DynamicRange = e.Number }),
        ["grammar"] = (o, e) => o with { Grammar = e.Text },
        ["logit_bias"] = Sampler((s, e) => s with { LogitBias = e.Biases }),
        ["logprobs"] = (o, e) => o with { LogProbabilities = e.Flag ? o.LogProbabilities ?? 0 : null },
        ["min_keep"] = Sampler((s, e) => s with { MinKeep = e.Count }),
        ["min_p"] = Sampler((s, e) => s with { MinP = e.Number }),
        ["mirostat"] = Sampler((s, e) => s with { Mirostat = e.Count }),
        ["mirostat_eta"] = Sampler((s, e) => s with { MirostatEta = e.Number }),
        ["mirostat_tau"] = Sampler((s, e) => s with { MirostatTau = e.Number }),
        ["repeat_last_n"] = Sampler((s, e) => s with { PenaltyWindow = e.Window }),
        ["repeat_penalty"] = Sampler((s, e) => s with { RepeatPenalty = e.Number }),
        ["top_logprobs"] = (o, e) => o with { LogProbabilities = e.Count },
        ["top_n_sigma"] = Sampler((s, e) => s with { TopNSigma = e.Number }),
        ["typical_p"] = Sampler((s, e) => s with { TypicalP = e.Number }),
        ["xtc_probability"] = Sampler((s, e) => s with { XtcProbability = e.Number }),
        ["xtc_threshold"] = Sampler((s, e) => s with { XtcThreshold = e.Number }),
    };

    /// <exception cref="ArgumentException">An entry that is not known, or with a value that is none for it.</exception>
    public static WispChatOptions Apply(WispChatOptions options, AdditionalPropertiesDictionary? entries)
    {
        // Sorted, so that top_logprobs comes after logprobs and wins.
        foreach (var (name, value) in (entries ?? []).OrderBy(entry => entry.Key, StringComparer.OrdinalIgnoreCase))
        {
            if (!s_known.TryGetValue(name, out var apply))
                throw new ArgumentException($"ChatOptions.AdditionalProperties['{name}'] is not known; known are " +
                    $"{string.Join(", ", s_known.Keys.Order(StringComparer.Ordinal))}.");
            if (value is not null)
                options = apply(options, new Entry(name, value));
        }

        return options;
    }

    private static Setter Sampler(Func<Sampling, Entry, Sampling> apply) =>
        (options, entry) => options with { Sampling = apply(options.Sampling!, entry) };

    /// <summary>A value as the caller wrote it, or as JSON brought it.</summary>
    private readonly struct Entry(string name, object value)
    {
        public string Text => value as string
            ?? (Element.ValueKind == JsonValueKind.String ? Element.GetString() : null) ?? throw Fault("a string");

        public bool Flag => value as bool? ?? (Element.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? Element.ValueKind == JsonValueKind.True : throw Fault("true or false"));

        public float Number => (float)Double(value, "a number");

        public int Count => Double(value, "a whole number from 0") is >= 0 and <= int.MaxValue and var count
            && count == Math.Floor(count) ? (int)count : throw Fault("a whole number from 0");

        /// <summary>-1 is the whole history.</summary>
        public int Window => Double(value, "a whole number, -1 being all tokens") == -1 ? int.MaxValue : Count;

        public JsonObject Object => value as JsonObject
            ?? (Element.ValueKind == JsonValueKind.Object ? JsonObject.Create(Element) : null)
            ?? throw Fault("a JSON object");

        public Dictionary<int, float> Biases
        {
            get
            {
                const string Wanted = "an object of token ids and numbers, false or -Infinity forbidding one";
                if (value is IReadOnlyDictionary<int, float> given)
                    return given.ToDictionary();
                var biases = new Dictionary<int, float>();
                foreach (var (key, bias) in Object)
                {
                    if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
                        throw Fault(Wanted);
                    biases[id] = bias?.GetValueKind() == JsonValueKind.False ? float.NegativeInfinity
                        : (float)Double(bias ?? throw Fault(Wanted), Wanted);
                }

                return biases;
            }
        }

        private JsonElement Element => ElementOf(value);

        private static JsonElement ElementOf(object found) => found as JsonElement?
            ?? (found is JsonValue json ? JsonElement.Parse(json.ToJsonString()) : default);

        private double Double(object found, string wanted) => found switch
        {
            double or float or decimal or int or long or short or byte or uint or ulong or ushort or sbyte =>
                Convert.ToDouble(found, CultureInfo.InvariantCulture),
            _ => ElementOf(found) is { ValueKind: JsonValueKind.Number } element ? element.GetDouble()
                : throw Fault(wanted),
        };

        private ArgumentException Fault(string wanted) => new(
            $"ChatOptions.AdditionalProperties['{name}'] is {value} ({value.GetType().Name}); it must be {wanted}.");
    }
}
