using Wisp.Memory;
using Wisp.Run;

namespace Wisp.Kernel.Cores;

/// <summary>
/// A model as a processor: one step takes tokens of many sequences through it and picks one token for each that wants
/// one. Between two steps any sequence may be left out, forked, cut or freed.
/// </summary>
/// <remarks>Not thread-safe: the kernel's thread steps it.</remarks>
public interface ITokenCore : IDisposable
{
    /// <summary>The memory of its sequences.</summary>
    KvCache Kv { get; }

    PromptCodec Codec { get; }

    /// <summary>Tokens of one sequence.</summary>
    int Context { get; }

    /// <summary>Rows of one step: tokens fed, over all sequences.</summary>
    int Rows { get; }

    /// <summary>
    /// Feeds each job's tokens to its sequence, computes them, and picks a token for each job that asks for one. There
    /// is room for all of them: the kernel has looked.
    /// </summary>
    void Step(IReadOnlyList<StepJob> jobs);

    /// <summary>Whether this token ends a turn.</summary>
    bool Ends(int token);

    /// <summary>The text of tokens.</summary>
    string Text(IReadOnlyList<int> tokens);
}

/// <summary>One sequence's part of a step.</summary>
public sealed class StepJob(Pid pid, int turn, KvSequence sequence, Sampling sampling, ulong seed)
{
    public Pid Pid { get; } = pid;

    /// <summary>The number of the turn in its process, from 0 on.</summary>
    public int Turn { get; } = turn;

    public KvSequence Sequence { get; } = sequence;

    public Sampling Sampling { get; } = sampling;

    /// <summary>Of this turn: the same seed and prompt give the same tokens.</summary>
    public ulong Seed { get; } = seed;

    /// <summary>Tokens to append now.</summary>
    public ReadOnlyMemory<int> Feed { get; set; }

    /// <summary>Whether a token is wanted after them.</summary>
    public bool Picks { get; set; }

    /// <summary>Tokens written in this turn, the last one not fed yet.</summary>
    public List<int> Written { get; } = [];

    /// <summary>What the core keeps for this turn, such as a sampler.</summary>
    internal object? State { get; set; }

    /// <summary>The token that was picked.</summary>
    public int Picked { get; set; }
}
