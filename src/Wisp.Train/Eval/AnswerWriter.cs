using Wisp.Compute;
using Wisp.Run;

namespace Wisp.Train.Eval;

/// <summary>What a model wrote, and whether it ended by itself.</summary>
internal sealed record WrittenAnswer(int[] Ids, bool Ended);

/// <summary>Answers many prompts at once by the engine, which shares what they begin alike with.</summary>
internal sealed class AnswerWriter : IDisposable
{
    // Fewer than these are no answer; a prompt that leaves no more room does not fit.
    private const int FewestTokens = 8;

    private const int MaxRequests = 64, Rows = 512;

    private readonly EvalModel _model;
    private readonly Engine _engine;

    public AnswerWriter(EvalModel model)
    {
        _model = model;
        _engine = new Engine(model.Weights, new EngineOptions
        {
            Context = model.Context, CacheTokens = Math.Max(16_384, 4 * model.Context), Kv = KvType.F32,
            MaxRequests = MaxRequests, Rows = Rows,
        }, model.Pool);
    }

    /// <summary>An answer for each prompt, in order; null for one that does not fit the context.</summary>
    public WrittenAnswer?[] Write(
        IReadOnlyList<int[]> prompts, int maxTokens, IReadOnlySet<int> end, Action<long, long> progress,
        CancellationToken cancel) =>
        WriteAsync(prompts, maxTokens, end, progress, cancel).GetAwaiter().GetResult();

    private async Task<WrittenAnswer?[]> WriteAsync(
        IReadOnlyList<int[]> prompts, int maxTokens, IReadOnlySet<int> end, Action<long, long> progress,
        CancellationToken cancel)
    {
        var streams = prompts.Select(prompt => Math.Min(maxTokens, _model.Context - prompt.Length) is var room
            && room >= Math.Min(FewestTokens, maxTokens) ? _engine.Start(new EngineRequest
            {
                Prompt = prompt, MaxTokens = room, Sampling = Sampling.Greedy, End = end,
            }, cancel) : null).ToList();
        var answers = new WrittenAnswer?[prompts.Count];
        for (var i = 0; i < answers.Length; i++)
        {
            if (streams[i] is not { } stream)
                continue;
            var ids = new List<int>();
            await foreach (var token in stream.ReadAllAsync(cancel).ConfigureAwait(false))
                ids.Add(token.Id);
            cancel.ThrowIfCancellationRequested();
            answers[i] = new WrittenAnswer([.. ids], stream.End == GenerationEnd.EndToken);
            progress(i + 1, answers.Length);
        }

        return answers;
    }

    public void Dispose() => _engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
}
