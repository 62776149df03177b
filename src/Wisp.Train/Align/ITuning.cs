using Wisp.Compute;
using Wisp.Model;
using Wisp.Train.Report;

namespace Wisp.Train.Align;

/// <summary>What one optimizer step did.</summary>
/// <param name="Loss">Mean loss of what the step counted.</param>
/// <param name="Tokens">Tokens that went through the model.</param>
public sealed record TuningStep(double Loss, double GradientNorm, int Tokens)
{
    /// <summary>What the stage watches at every step beside the loss.</summary>
    public IReadOnlyList<(string Name, double Value)> Watched { get; init; } = [];
}

/// <summary>One stage of tuning, advanced step by step; <see cref="TuningRun"/> gives it a folder.</summary>
public interface ITuning : IDisposable
{
    TuningPlan Plan { get; }

    Tuner Tuner { get; }

    /// <summary>Optimizer steps done.</summary>
    int Step { get; set; }

    /// <summary>What a checkpoint has to keep beside the tuner's state.</summary>
    IEnumerable<(string Name, FloatBuffer Values)> State => [];

    /// <summary>Why the run must not go on; null while it may.</summary>
    string? Halt => null;

    /// <summary>Before the first step of a run, and not when one goes on.</summary>
    void Begin()
    {
    }

    TuningStep Advance();

    /// <summary>Figures and samples of the model as it is now, none of which changes the run.</summary>
    IEnumerable<LogRecord> Look(CancellationToken cancel);

    /// <summary>Adds what the finished model's file says of this stage.</summary>
    void Describe(GgufWriter writer)
    {
    }

    /// <summary>What the report tells of the data and the result.</summary>
    /// <param name="written">The finished model as its file has it, quantised or not.</param>
    (TextCount Training, TextCount HeldOut, IReadOnlyList<Setting> Facts) Summary(
        DecoderWeights written, CancellationToken cancel);
}
