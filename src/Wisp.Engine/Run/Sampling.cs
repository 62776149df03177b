namespace Wisp.Run;

/// <summary>How to pick the next token. The steps apply in this order, which is also llama.cpp's default:</summary>
/// <remarks>
/// 1. Penalties lower the logits of tokens among the last <see cref="PenaltyWindow"/>. A token seen n times there gets
///    z / RepeatPenalty where z is positive and z · RepeatPenalty otherwise (Keskar et al. 2019, CTRL,
///    arXiv:1909.05858, section 4.1), then loses n · FrequencyPenalty + PresencePenalty.
/// 2. Top-k keeps the k largest logits. Fan, Lewis and Dauphin 2018, arXiv:1805.04833, section 5.
/// 3. Top-p keeps the most likely tokens until their probabilities reach p; the one that crosses p stays.
///    Holtzman et al. 2020, arXiv:1904.09751, section 3.1.
/// 4. Min-p keeps tokens at least MinP times as likely as the most likely. Nguyen et al. 2024, arXiv:2407.01082.
/// 5. Temperature divides what is left: softmax(z / T). Because it comes last, the cuts do not depend on it.
/// </remarks>
public readonly record struct Sampling
{
    public Sampling()
    {
    }

    /// <summary>Always the largest logit, as the model gives it.</summary>
    public static Sampling Greedy => new() { Temperature = 0 };

    /// <summary>0 is argmax: no cut and no seed matters then.</summary>
    public float Temperature { get; init; } = 0.8f;

    /// <summary>0 keeps all tokens.</summary>
    public int TopK { get; init; } = 40;

    /// <summary>1 keeps all tokens, 0 only the most likely one.</summary>
    public float TopP { get; init; } = 0.95f;

    /// <summary>0 keeps all tokens, 1 only those as likely as the most likely one.</summary>
    public float MinP { get; init; } = 0.05f;

    /// <summary>1 is off; under 1 it rewards repetition.</summary>
    public float RepeatPenalty { get; init; } = 1;

    public float FrequencyPenalty { get; init; }

    public float PresencePenalty { get; init; }

    /// <summary>How many tokens of the history the penalties see; 0 is off, int.MaxValue the whole history.</summary>
    public int PenaltyWindow { get; init; } = 64;

    internal bool HasPenalties =>
        PenaltyWindow > 0 && (RepeatPenalty != 1 || FrequencyPenalty != 0 || PresencePenalty != 0);

    /// <summary>Throws an <see cref="ArgumentException"/> that names the first option outside its range.</summary>
    public void Check()
    {
        // Written so that a NaN fails each test.
        Require(Temperature is >= 0 and <= float.MaxValue, nameof(Temperature), Temperature, "0 (argmax) or more");
        Require(TopK >= 0, nameof(TopK), TopK, "0 (all tokens) or more");
        Require(TopP is >= 0 and <= 1, nameof(TopP), TopP, "between 0 and 1 (all tokens)");
        Require(MinP is >= 0 and <= 1, nameof(MinP), MinP, "between 0 (all tokens) and 1");
        Require(RepeatPenalty is > 0 and <= float.MaxValue, nameof(RepeatPenalty), RepeatPenalty, "above 0; 1 is off");
        Require(float.IsFinite(FrequencyPenalty), nameof(FrequencyPenalty), FrequencyPenalty, "finite; 0 is off");
        Require(float.IsFinite(PresencePenalty), nameof(PresencePenalty), PresencePenalty, "finite; 0 is off");
        Require(PenaltyWindow >= 0, nameof(PenaltyWindow), PenaltyWindow, "0 (no penalties) or more tokens");
    }

    private static void Require(bool fine, string option, float found, string wanted)
    {
        if (!fine)
            throw new ArgumentOutOfRangeException(option, $"{option} is {found}; it must be {wanted}.");
    }
}
