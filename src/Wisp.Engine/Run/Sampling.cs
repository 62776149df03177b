using System.Collections.Frozen;

namespace Wisp.Run;

/// <summary>How to pick the next token: the options of a chain of steps, in llama.cpp's default order.</summary>
/// <remarks>
/// First <see cref="LogitBias"/> is added. Then, in the order of <see cref="Order"/>:
/// 1. Penalties lower the logits of tokens among the last <see cref="PenaltyWindow"/>. Keskar et al. 2019,
///    arXiv:1909.05858, section 4.1.
/// 2. DRY lowers the logit of a token that would continue a repetition. p-e-w 2024, text-generation-webui #5677.
/// 3. Top-nσ keeps logits within n standard deviations of the largest. Tang et al. 2024, arXiv:2411.07641.
/// 4. Top-k keeps the k largest logits. Fan, Lewis and Dauphin 2018, arXiv:1805.04833, section 5.
/// 5. Typical-p keeps tokens of about the expected surprise. Meister et al. 2023, arXiv:2202.00666.
/// 6. Top-p keeps the most likely tokens until their probabilities reach p; the one that crosses p stays.
///    Holtzman et al. 2020, arXiv:1904.09751, section 3.1.
/// 7. Min-p keeps tokens at least MinP times as likely as the most likely. Nguyen et al. 2024, arXiv:2407.01082.
/// 8. XTC, "exclude top choices", drops the obvious tokens now and then. p-e-w 2024, text-generation-webui #6335.
/// 9. Temperature divides what is left: softmax(z / T), where T may follow the entropy. Because it comes last, the cuts
///    do not depend on it.
/// Last a token is drawn. <see cref="Mirostat"/> replaces all steps but the bias and the temperature, which then comes
/// first. Basu et al. 2021, arXiv:2007.14966.
/// </remarks>
public sealed record Sampling
{
    // Stands first, because Greedy is made with it.
    public static IReadOnlyList<string> DefaultBreakers { get; } = ["\n", ":", "\"", "*"];

    /// <summary>Always the largest logit, as the model gives it.</summary>
    public static Sampling Greedy { get; } = new() { Temperature = 0 };

    /// <summary>0 is argmax of the biased and penalised logits: no cut and no seed matters then.</summary>
    public float Temperature { get; init; } = 0.8f;

    /// <summary>The temperature moves by at most so much up and down with the entropy; 0 keeps it fixed.</summary>
    public float DynamicRange { get; init; }

    /// <summary>Above 1 the temperature rises late, below 1 early.</summary>
    public float DynamicExponent { get; init; } = 1;

    /// <summary>0 keeps all tokens.</summary>
    public int TopK { get; init; } = 40;

    /// <summary>1 keeps all tokens, 0 only the most likely one.</summary>
    public float TopP { get; init; } = 0.95f;

    /// <summary>0 keeps all tokens, 1 only those as likely as the most likely one.</summary>
    public float MinP { get; init; } = 0.05f;

    /// <summary>1 keeps all tokens.</summary>
    public float TypicalP { get; init; } = 1;

    /// <summary>0 and less keep all tokens.</summary>
    public float TopNSigma { get; init; }

    /// <summary>How often XTC acts; 0 is never.</summary>
    public float XtcProbability { get; init; }

    /// <summary>From which probability on a token is obvious; above 0.5 XTC does nothing.</summary>
    public float XtcThreshold { get; init; } = 0.1f;

    /// <summary>Typical-p, top-p, min-p and XTC leave at least so many tokens.</summary>
    public int MinKeep { get; init; }

    /// <summary>1 is off; under 1 it rewards repetition.</summary>
    public float RepeatPenalty { get; init; } = 1;

    public float FrequencyPenalty { get; init; }

    public float PresencePenalty { get; init; }

    /// <summary>How many tokens of the history the penalties see; 0 is off, int.MaxValue the whole history.</summary>
    public int PenaltyWindow { get; init; } = 64;

    /// <summary>0 is off.</summary>
    public float DryMultiplier { get; init; }

    public float DryBase { get; init; } = 1.75f;

    /// <summary>Repetitions up to this length cost nothing but the multiplier, shorter ones not even that.</summary>
    public int DryAllowedLength { get; init; } = 2;

    /// <summary>How many tokens of the history DRY sees; 0 is off, int.MaxValue the whole history.</summary>
    public int DryWindow { get; init; } = int.MaxValue;

    /// <summary>Strings that end a repetition; a sampler gets them as <see cref="SequenceBreakers"/>.</summary>
    public IReadOnlyList<string> DryBreakers { get; init; } = DefaultBreakers;

    /// <summary>0 is off, 1 and 2 the versions.</summary>
    public int Mirostat { get; init; }

    /// <summary>The target τ: bits of surprise a token.</summary>
    public float MirostatTau { get; init; } = 5;

    /// <summary>The learning rate η.</summary>
    public float MirostatEta { get; init; } = 0.1f;

    /// <summary>Added to the logits of these tokens; -∞ forbids one.</summary>
    public IReadOnlyDictionary<int, float> LogitBias { get; init; } = FrozenDictionary<int, float>.Empty;

    /// <summary>The steps, each with its options above; one that is left out does nothing.</summary>
    public IReadOnlyList<SamplerStep> Order { get; init; } = SamplerOrder.Default;

    /// <summary>Whether every step is argmax, with no draw.</summary>
    internal bool IsGreedy => Temperature == 0 && DynamicRange == 0;

    internal bool HasPenalties => Uses(SamplerStep.Penalties) && PenaltyWindow > 0
        && (RepeatPenalty != 1 || FrequencyPenalty != 0 || PresencePenalty != 0);

    internal bool HasDry => Uses(SamplerStep.Dry) && DryMultiplier > 0 && DryWindow > 0;

    private bool Uses(SamplerStep step) => Mirostat == 0 && Order.Contains(step);

    /// <summary>Throws an <see cref="ArgumentException"/> that names the first option outside its range.</summary>
    public void Check()
    {
        const string Finite = "a number; 0 is off";
        const string Share = "between 0 and 1";

        // Written so that a NaN fails each test.
        Require(Temperature is >= 0 and <= float.MaxValue, nameof(Temperature), Temperature, "0 (argmax) or more");
        Require(DynamicRange is >= 0 and <= float.MaxValue, nameof(DynamicRange), DynamicRange, "0 (off) or more");
        Require(DynamicExponent is > 0 and <= float.MaxValue, nameof(DynamicExponent), DynamicExponent, "above 0");
        Require(TopK >= 0, nameof(TopK), TopK, "0 (all tokens) or more");
        Require(TopP is >= 0 and <= 1, nameof(TopP), TopP, "between 0 and 1 (all tokens)");
        Require(MinP is >= 0 and <= 1, nameof(MinP), MinP, "between 0 (all tokens) and 1");
        Require(TypicalP is >= 0 and <= 1, nameof(TypicalP), TypicalP, "between 0 and 1 (all tokens)");
        Require(float.IsFinite(TopNSigma), nameof(TopNSigma), TopNSigma, Finite);
        Require(XtcProbability is >= 0 and <= 1, nameof(XtcProbability), XtcProbability, "between 0 (off) and 1");
        Require(XtcThreshold is >= 0 and <= 1, nameof(XtcThreshold), XtcThreshold, Share);
        Require(MinKeep >= 0, nameof(MinKeep), MinKeep, "0 or more tokens");
        Require(RepeatPenalty is > 0 and <= float.MaxValue, nameof(RepeatPenalty), RepeatPenalty, "above 0; 1 is off");
        Require(float.IsFinite(FrequencyPenalty), nameof(FrequencyPenalty), FrequencyPenalty, Finite);
        Require(float.IsFinite(PresencePenalty), nameof(PresencePenalty), PresencePenalty, Finite);
        Require(PenaltyWindow >= 0, nameof(PenaltyWindow), PenaltyWindow, "0 (no penalties) or more tokens");
        Require(DryMultiplier is >= 0 and <= float.MaxValue, nameof(DryMultiplier), DryMultiplier, "0 (off) or more");
        Require(DryBase is >= 1 and <= float.MaxValue, nameof(DryBase), DryBase, "1 or more");
        Require(DryAllowedLength >= 0, nameof(DryAllowedLength), DryAllowedLength, "0 or more tokens");
        Require(DryWindow >= 0, nameof(DryWindow), DryWindow, "0 (off) or more tokens");
        Require(Mirostat is 0 or 1 or 2, nameof(Mirostat), Mirostat, "0 (off), 1 or 2");
        Require(MirostatTau is >= 0 and <= float.MaxValue, nameof(MirostatTau), MirostatTau, "0 or more bits");
        Require(MirostatEta is >= 0 and <= 1, nameof(MirostatEta), MirostatEta, Share);
        foreach (var (id, bias) in LogitBias)
            Require(bias <= float.MaxValue, nameof(LogitBias), bias, $"a number or -inf for token {id}");
    }

    private static void Require(bool fine, string option, float found, string wanted)
    {
        if (!fine)
            throw new ArgumentOutOfRangeException(option, $"{option} is {found}; it must be {wanted}.");
    }
}
