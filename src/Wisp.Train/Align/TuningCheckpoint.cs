using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Train.Align;

/// <summary>
/// A tuning run frozen between two steps, as one GGUF file written atomically: weights, optimizer state, adapters and
/// head, plan and step. Batches are a function of the step, so nothing else is needed to go on with the same bits.
/// </summary>
internal static class TuningCheckpoint
{
    private const string PlanKey = "wisp.tuning", StepKey = "wisp.step";

    public static void Save(
        string path, TuningPlan plan, int step, Tuner tuner, Tokenizer tokenizer,
        IEnumerable<(string Name, FloatBuffer Values)> more)
    {
        var writer = ModelFile.Writer(tuner.Kept, tokenizer, DType.F32, "wisp checkpoint")
            .AddString(PlanKey, plan.ToJson())
            .AddUInt(StepKey, step);
        foreach (var (name, state) in tuner.State.Concat(more))
            writer.AddTensor(ModelFile.CheckpointPrefix + name, [state.Length], DType.F32,
                (from, values) => state.Slice((int)from, values.Length).CopyTo(values));
        writer.Write(path);
    }

    /// <summary>The plan and the step of a checkpoint, its tensors unread.</summary>
    public static (TuningPlan Plan, int Step) Peek(string path)
    {
        using var gguf = Gguf.Open(path);
        return Read(gguf);
    }

    /// <summary>Fills the tuner and the rest, and returns the step at which to go on.</summary>
    /// <exception cref="InvalidDataException">Damaged, or of another plan.</exception>
    public static int Load(
        string path, TuningPlan plan, Tuner tuner, IEnumerable<(string Name, FloatBuffer Values)> more)
    {
        using var gguf = Gguf.Open(path);
        var (stored, step) = Read(gguf);
        if (stored != plan)
            throw Checkpoint.OtherRun(path, stored.ToJson(), plan.ToJson());
        foreach (var tensor in tuner.Kept.Map.All)
            Checkpoint.Fill(gguf, tensor.Name, tuner.Kept.Of(tensor));
        foreach (var (name, state) in tuner.State.Concat(more))
            Checkpoint.Fill(gguf, ModelFile.CheckpointPrefix + name, state.Span);
        tuner.Restored();
        return step;
    }

    private static (TuningPlan Plan, int Step) Read(Gguf gguf)
    {
        if (!gguf.TryGetString(PlanKey, out var json) || !gguf.Has(StepKey))
            throw new InvalidDataException($"{gguf.Path}: holds no tuning plan to resume.");
        var plan = TuningPlan.FromJson(json, gguf.Path);
        var step = gguf.GetUInt(StepKey);
        return step <= plan.Steps
            ? (plan, (int)step)
            : throw new InvalidDataException($"{gguf.Path}: stands at step {step} of {plan.Steps}.");
    }
}
