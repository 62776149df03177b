using Wisp.Tests.Golden;
using Wisp.Train.Align.Losses;

namespace Wisp.Tests.Train.Align.Losses;

/// <summary>
/// Losses and gradients against libtorch's float64 autograd. The bounds are the golden README's: ten times the error of
/// the same graph in float32, at least 1e-5.
/// </summary>
public class LossGoldenTests
{
    private const double Rtol = 1e-5;

    private static void Number(GoldenFile golden, string name, double actual, double rtol = Rtol) =>
        Check.Close(golden.Floats(name), [(float)actual], rtol, name);

    // Counted tokens of each row: the masks of these files are a beginning of the row.
    private static int[] Lengths(int[] mask, int T) =>
        [.. Enumerable.Range(0, mask.Length / T).Select(n => mask.AsSpan(n * T, T).Count(1))];

    private static float[] Sums(float[] logs, int[] mask, int T) => [.. Enumerable.Range(0, logs.Length / T).Select(n =>
        (float)Enumerable.Range(n * T, T).Sum(i => mask[i] == 1 ? (double)logs[i] : 0))];

    [Theory]
    [InlineData("")]
    [InlineData("margin.")]
    public void Bradley_Terry(string kind)
    {
        var golden = GoldenFile.Open("torch/align_reward_bt.safetensors");
        float[] chosen = golden.Floats("chosen_rewards"), rejected = golden.Floats("rejected_rewards");
        var (losses, dc, dr) = (new float[chosen.Length], new float[chosen.Length], new float[chosen.Length]);
        Number(golden, kind + "loss", BradleyTerry.Loss(
            losses, dc, dr, chosen, rejected, kind == "" ? [] : golden.Floats("margins")));
        Check.Close(golden.Floats(kind + "losses"), losses, Rtol);
        Check.Close(golden.Floats(kind + "grad.chosen_rewards"), dc, Rtol);
        Check.Close(golden.Floats(kind + "grad.rejected_rewards"), dr, Rtol);
        Number(golden, "accuracy", BradleyTerry.Accuracy(chosen, rejected));
    }

    [Theory]
    [InlineData("dpo")]
    [InlineData("cdpo")]
    [InlineData("ipo_sum")]
    [InlineData("ipo_avg")]
    public void Direct_preference(string kind)
    {
        var golden = GoldenFile.Open("torch/align_dpo_ipo.safetensors");
        var T = golden.Shape("chosen_mask")[1];
        int[] chosenMask = golden.Ints("chosen_mask"), rejectedMask = golden.Ints("rejected_mask");
        double Weight(int[] mask, int n) =>
            kind == "ipo_avg" ? 1.0 / mask.AsSpan(n * T, T).Count(1) : 1;
        float[] pc = Sums(golden.Floats("policy_chosen_logps"), chosenMask, T),
            pr = Sums(golden.Floats("policy_rejected_logps"), rejectedMask, T),
            rc = Sums(golden.Floats("ref_chosen_logps"), chosenMask, T),
            rr = Sums(golden.Floats("ref_rejected_logps"), rejectedMask, T);
        float[] h = [.. pc.Select((_, n) => (float)((Weight(chosenMask, n) * ((double)pc[n] - rc[n]))
            - (Weight(rejectedMask, n) * ((double)pr[n] - rr[n]))))];
        Check.Close(golden.Floats($"{kind}.h"), h, Rtol, "h");

        var (losses, dh, beta) = (new float[h.Length], new float[h.Length], golden.Number("beta"));
        Number(golden, $"{kind}.loss", kind switch
        {
            "dpo" => DirectPreference.Dpo(losses, dh, h, beta),
            "cdpo" => DirectPreference.Dpo(losses, dh, h, beta, golden.Number("label_smoothing")),
            _ => DirectPreference.Ipo(losses, dh, h, beta),
        });
        Check.Close(golden.Floats($"{kind}.losses"), losses, Rtol, "losses");
        Check.Close(golden.Floats($"{kind}.grad.policy_chosen_logps"),
            chosenMask.Select((m, i) => (float)(m * dh[i / T] * Weight(chosenMask, i / T))).ToArray(), Rtol, "chosen");
        Check.Close(golden.Floats($"{kind}.grad.policy_rejected_logps"),
            rejectedMask.Select((m, i) => (float)(-m * dh[i / T] * Weight(rejectedMask, i / T))).ToArray(), Rtol,
            "rejected");
    }

    [Theory]
    [InlineData("", "kl_policy_seq")]
    [InlineData("clamped.", "kl_policy_seq_neg")]
    public void Kahneman_Tversky(string kind, string policy)
    {
        var golden = GoldenFile.Open("torch/align_kto.safetensors");
        var T = golden.Shape("mask")[1];
        var mask = golden.Ints("mask");
        float[] p = Sums(golden.Floats("policy_logps"), mask, T), r = Sums(golden.Floats("ref_logps"), mask, T),
            u = [.. p.Zip(r, (a, b) => a - b)];
        Check.Close(golden.Floats(kind + "u"), u, Rtol, "u");
        var z = Kto.Divergence(golden.Floats(policy), golden.Floats("kl_ref_seq"));
        Number(golden, kind + "z", z);
        var (losses, du) = (new float[u.Length], new float[u.Length]);
        Number(golden, kind + "loss", Kto.Loss(
            losses, du, u, golden.Ints("labels").Select(label => label == 1).ToArray(), z, golden.Number("beta"),
            golden.Number("desirable_weight"), golden.Number("undesirable_weight")));
        Check.Close(golden.Floats(kind + "losses"), losses, Rtol, "losses");
        Check.Close(golden.Floats(kind + "grad.policy_logps"),
            mask.Select((m, i) => m * du[i / T]).ToArray(), Rtol, "gradient");
    }

    [Theory]
    [InlineData("whitened")]
    [InlineData("raw")]
    public void Proximal_policy_optimisation(string kind)
    {
        var golden = GoldenFile.Open("torch/align_ppo.safetensors");
        int N = golden.Shape("logits")[0], T = golden.Shape("logits")[1], V = golden.Shape("logits")[2];
        int[] lengths = golden.Ints("lengths"), actions = golden.Ints("actions");
        float[] logits = golden.Floats("logits"), values = golden.Floats("values"), old = golden.Floats("old_logprobs");
        float[] rewards = new float[N * T], advantages = new float[N * T], returns = new float[N * T];

        Advantage.Rewards(rewards, old, golden.Floats("ref_logprobs"), golden.Floats("scores"), lengths, T,
            golden.Number("kl_coef"));
        Check.Close(golden.Floats("rewards"), rewards, 2e-5, "rewards");
        Advantage.Gae(advantages, returns, rewards, golden.Floats("values_old"), lengths, T, golden.Number("gamma"),
            golden.Number("gae_lambda"));
        Check.Close(golden.Floats("advantages"), advantages, 2e-5, "advantages");
        Check.Close(golden.Floats("returns"), returns, 2e-5, "returns");
        if (kind == "whitened")
        {
            Advantage.Whiten(advantages, lengths, T);
            Check.Close(golden.Floats("advantages_whitened"), advantages, 2e-5, "whitened");
        }

        float[] logs = new float[N * T], dLogs = new float[N * T], dValues = new float[N * T];
        var dLogits = new float[N * T * V];
        double entropy = 0, count = lengths.Sum();
        for (var i = 0; i < N * T; i++)
        {
            var row = logits.AsSpan(i * V, V).ToArray();
            logs[i] = (float)(row[actions[i]] - Math.Log(row.Sum(z => Math.Exp(z))));
            if (i % T < lengths[i / T])
                entropy += Ppo.Entropy(
                    dLogits.AsSpan(i * V, V), row, -golden.Number("entropy_coef") / count) / count;
        }

        var policy = Ppo.Policy(dLogs, logs, old, advantages, lengths, T, golden.Number("clip_eps"));
        var value = Ppo.Value(dValues, values, golden.Floats("values_old"), returns, lengths, T,
            golden.Number("value_clip"));
        Number(golden, $"{kind}.policy_loss", policy, 2e-5);
        Number(golden, $"{kind}.value_loss", value, 2e-5);
        Number(golden, $"{kind}.entropy", entropy, 2e-5);
        Number(golden, $"{kind}.loss",
            policy + (golden.Number("vf_coef") * value) - (golden.Number("entropy_coef") * entropy), 2e-5);
        Check.Close(golden.Floats($"{kind}.grad.logprobs"), dLogs, Rtol, "logprobs");
        Check.Close(golden.Floats($"{kind}.grad.values"),
            dValues.Select(d => (float)(golden.Number("vf_coef") * d)).ToArray(), Rtol, "values");

        // ∂ln p_a/∂z = onehot(a) − p, as cross-entropy has it.
        for (var i = 0; i < N * T; i++)
            for (var v = 0; v < V; v++)
            {
                var p = Math.Exp(logits[(i * V) + v]) / logits.AsSpan(i * V, V).ToArray().Sum(z => Math.Exp(z));
                dLogits[(i * V) + v] += (float)(dLogs[i] * ((v == actions[i] ? 1 : 0) - p));
            }

        Check.Close(golden.Floats($"{kind}.grad.logits"), dLogits, Rtol, "logits");
    }

    [Theory]
    [InlineData("grpo", Aggregation.PerAnswer)]
    [InlineData("dapo", Aggregation.PerToken)]
    [InlineData("dr_grpo", Aggregation.PerPlace)]
    public void Group_relative_policy_optimisation(string kind, Aggregation aggregation)
    {
        var golden = GoldenFile.Open("torch/align_grpo.safetensors");
        var T = golden.Shape("logps")[1];
        var rewards = golden.Floats("rewards");
        var advantages = new float[rewards.Length];
        Advantage.Grouped(advantages, rewards, (int)golden.Number("group_size"));
        Check.Close(golden.Floats("advantages"), advantages, Rtol, "advantages");

        var dLogs = new float[golden.Floats("logps").Length];
        var (loss, divergence) = Grpo.Loss(
            dLogs, golden.Floats("logps"), golden.Floats("old_logps"), golden.Floats("ref_logps"), advantages,
            Lengths(golden.Ints("mask"), T), T, golden.Number("clip_eps"), golden.Number("kl_beta"), aggregation);
        Number(golden, $"{kind}.loss", loss);
        Number(golden, $"{kind}.kl", divergence);
        Check.Close(golden.Floats($"{kind}.grad.logps"), dLogs, Rtol, "gradient");
    }
}
