using System.Text;
using Wisp.Compute;
using Wisp.Memory;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Kernel.Cores;

/// <summary>
/// A core without a model: a function says what is answered to a prompt, and every byte of it is a token. It keeps its
/// sequences in the same memory as a model does, so forks, prefixes and limits are real.
/// </summary>
public sealed class ScriptedCore : ITokenCore
{
    /// <summary>The token that ends a part and a turn.</summary>
    public const int End = 256;

    // 256 bytes, the end, and one mark a role.
    private const int FirstRole = 257, Vocabulary = 261;

    private readonly Func<Pid, string, string> _script;

    /// <param name="script">The answer to a process and its prompt, in which each part stands as [role] text.</param>
    /// <param name="blocks">Memory, in blocks of 16 tokens.</param>
    public ScriptedCore(Func<Pid, string, string> script, int blocks = 4096, int context = 1 << 16, int rows = 256)
    {
        (_script, Context, Rows) = (script, context, rows);
        Kv = new KvCache(new ModelConfig
        {
            Architecture = Architecture.Llama, Vocabulary = Vocabulary, Context = context, Width = 8, Layers = 1,
            Heads = 1, KvHeads = 1, HeadDim = 2, FeedForward = 8, TiedHead = true, RopeTheta = 10_000f,
            NormEpsilon = 1e-5f,
        }, blocks, KvType.F32);
    }

    public KvCache Kv { get; }

    public int Context { get; }

    public int Rows { get; }

    /// <summary>Rows that steps have taken.</summary>
    public long ComputedRows { get; private set; }

    public PromptCodec Codec { get; } = new(
        (role, text) => [FirstRole + (int)role, .. Encoding.UTF8.GetBytes(text).Select(b => (int)b), End],
        [FirstRole + (int)PromptRole.Assistant], [End]);

    public bool Ends(int token) => token == End;

    public string Text(IReadOnlyList<int> tokens) =>
        Encoding.UTF8.GetString([.. tokens.Where(token => token < End).Select(token => (byte)token)]);

    public void Step(IReadOnlyList<StepJob> jobs)
    {
        foreach (var job in jobs)
        {
            job.Sequence.Append(job.Feed.Span);
            job.Sequence.Computed();
            ComputedRows += job.Feed.Length;
            if (!job.Picks)
                continue;
            if (job.State is not byte[] answer)
                job.State = answer = Encoding.UTF8.GetBytes(_script(job.Pid, Prompt(job)));
            job.Picked = job.Written.Count < answer.Length ? answer[job.Written.Count] : End;
        }
    }

    public void Dispose() => Kv.Dispose();

    private static string Prompt(StepJob job)
    {
        var tokens = job.Sequence.CopyOfTokens();
        var text = new StringBuilder();
        var bytes = new List<byte>();
        foreach (var token in tokens)
        {
            if (token < End)
            {
                bytes.Add((byte)token);
                continue;
            }

            text.Append(Encoding.UTF8.GetString([.. bytes]));
            bytes.Clear();
            text.Append(token == End ? "\n" : $"[{((PromptRole)(token - FirstRole)).ToString().ToLowerInvariant()}] ");
        }

        return text.ToString();
    }
}
