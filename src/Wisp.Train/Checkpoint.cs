using Wisp.Compute;
using Wisp.Model;

namespace Wisp.Train;

/// <summary>
/// A run frozen between two steps, as one GGUF file written atomically: weights, optimizer state, plan and step.
/// Batches are a function of the step, so nothing else is needed to go on with the same bits. Without its optimizer
/// tensors it is a model file like any other.
/// </summary>
public static class Checkpoint
{
    public const string FileName = "checkpoint.gguf";

    private const string PlanKey = "wisp.plan", StepKey = "wisp.step",
        First = ModelFile.CheckpointPrefix + "first_moment", Second = ModelFile.CheckpointPrefix + "second_moment";

    public static void Save(
        string path, PretrainPlan plan, int step, Parameters weights, Optimizer optimizer, Tokenizer tokenizer)
    {
        ModelFile.Writer(weights, tokenizer, DType.F32, "wisp checkpoint")
            .AddString(PlanKey, plan.ToJson())
            .AddUInt(StepKey, step)
            .AddTensor(First, [optimizer.FirstMoment.Length], DType.F32,
                (from, values) => optimizer.FirstMoment.Slice((int)from, values.Length).CopyTo(values))
            .AddTensor(Second, [optimizer.SecondMoment.Length], DType.F32,
                (from, values) => optimizer.SecondMoment.Slice((int)from, values.Length).CopyTo(values))
            .Write(path);
    }

    /// <summary>The plan and the step of a checkpoint, its tensors unread.</summary>
    public static (PretrainPlan Plan, int Step) Peek(string path)
    {
        using var gguf = Gguf.Open(path);
        return Read(gguf);
    }

    /// <summary>Fills weights and optimizer, and returns the step at which to go on.</summary>
    /// <exception cref="InvalidDataException">Damaged, or of another plan: the message names the first
    /// difference.</exception>
    public static int Load(string path, PretrainPlan plan, Parameters weights, Optimizer optimizer)
    {
        using var gguf = Gguf.Open(path);
        var (stored, step) = Read(gguf);
        if (stored != plan)
            throw OtherRun(path, stored.ToJson(), plan.ToJson());
        foreach (var tensor in weights.Map.All)
            Fill(gguf, tensor.Name, weights.Of(tensor));
        Fill(gguf, First, optimizer.FirstMoment);
        Fill(gguf, Second, optimizer.SecondMoment);
        return step;
    }

    /// <summary>Reads a tensor that must have as many numbers as there is room for.</summary>
    /// <exception cref="InvalidDataException">It is missing or of another size.</exception>
    internal static void Fill(Gguf gguf, string name, Span<float> to)
    {
        var tensor = gguf.Tensor(name);
        if (tensor.Elements != to.Length)
            throw new InvalidDataException(
                $"{gguf.Path}: tensor {name} has {tensor.Elements} numbers, expected {to.Length}.");
        gguf.ReadFloats(tensor, to);
    }

    /// <summary>The error of a checkpoint whose plan is another: it names the first difference of the two.</summary>
    /// <param name="stored">The plan of the checkpoint as JSON.</param>
    internal static InvalidDataException OtherRun(string path, string stored, string wanted)
    {
        var (was, now) = stored.Split(',').Zip(wanted.Split(',')).FirstOrDefault(pair => pair.First != pair.Second);
        return new InvalidDataException(
            $"{path}: belongs to another run: the checkpoint has {Plain(was)}, this run {Plain(now)}. Resume with " +
            "the options it was started with, or choose another --out folder.");

        static string Plain(string? json) => (json ?? "").Trim('{', '}')
            .Replace("\"", "", StringComparison.Ordinal).Replace(":", " ", StringComparison.Ordinal);
    }

    private static (PretrainPlan Plan, int Step) Read(Gguf gguf)
    {
        if (!gguf.TryGetString(PlanKey, out var json) || !gguf.Has(StepKey))
            throw new InvalidDataException($"{gguf.Path}: is a model, not a checkpoint: it holds no training plan to " +
                "resume.");
        var plan = PretrainPlan.FromJson(json, gguf.Path);
        var step = gguf.GetUInt(StepKey);
        return step <= plan.Steps
            ? (plan, (int)step)
            : throw new InvalidDataException($"{gguf.Path}: stands at step {step} of {plan.Steps}.");
    }
}
