using Wisp.Compute;
using Wisp.Kernel.Events;
using Wisp.Memory;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Kernel.Cores;

/// <summary>
/// A core that writes what a journal says was written. It keeps its sequences in memory of the same number of blocks,
/// so prompts take the same steps; the model itself is not needed, only its codec.
/// </summary>
internal sealed class ReplayCore : ITokenCore
{
    private const int End = -1, Filler = 0;

    private readonly Dictionary<int, List<(int[] Tokens, float[]? Attention)>> _turns = [];
    private readonly Dictionary<string, string> _texts = [];

    /// <param name="entries">The whole journal.</param>
    public ReplayCore(Booted setup, IEnumerable<JournalEntry> entries, PromptCodec codec)
    {
        (Context, Rows, Codec) = (setup.Context, setup.Rows, codec);
        foreach (var entry in entries)
            switch (entry.Event)
            {
                case Turned e:
                    Add(e.Pid, e.Tokens, e.Text, e.Attention);
                    break;
                case Faulted e:
                    Add(e.Pid, e.Tokens, e.Text, e.Attention);
                    break;
            }

        Kv = new KvCache(new ModelConfig
        {
            Architecture = Architecture.Llama, Vocabulary = 1, Context = setup.Context, Width = 8, Layers = 1,
            Heads = 1,
            KvHeads = 1, HeadDim = 2, FeedForward = 8, TiedHead = true, RopeTheta = 10_000f, NormEpsilon = 1e-5f,
        }, setup.Blocks, KvType.F32);
    }

    public KvCache Kv { get; }

    public PromptCodec Codec { get; }

    public int Context { get; }

    public int Rows { get; }

    public bool Ends(int token) => token == End;

    /// <summary>The same tokens have the same text wherever they stand.</summary>
    public string Text(IReadOnlyList<int> tokens) => _texts.GetValueOrDefault(string.Join(' ', tokens), "");

    public void Step(IReadOnlyList<StepJob> jobs)
    {
        foreach (var job in jobs)
        {
            job.Sequence.Append(job.Feed.Span);
            job.Sequence.Computed();
            // A turn that the journal does not have was still under way at its end.
            var turns = Turns(job.Pid.Number);
            var (tokens, attention) = job.Turn < turns.Count ? turns[job.Turn] : (null, null);
            if (attention is not null)
            {
                job.Sequence.TakeAttention(); // of the whole turn, at each of its steps: any may be the last
                job.Sequence.Attended(attention.AsSpan(0, Math.Min(attention.Length, job.Sequence.Blocks.Length)));
            }

            if (job.Picks)
                job.Picked = tokens is null ? Filler
                    : job.Written.Count < tokens.Length ? tokens[job.Written.Count] : End;
        }
    }

    public void Dispose() => Kv.Dispose();

    private void Add(int pid, int[] tokens, string text, float[]? attention)
    {
        Turns(pid).Add((tokens, attention));
        _texts[string.Join(' ', tokens)] = text;
    }

    private List<(int[] Tokens, float[]? Attention)> Turns(int pid)
    {
        if (!_turns.TryGetValue(pid, out var turns))
            _turns[pid] = turns = [];
        return turns;
    }
}
