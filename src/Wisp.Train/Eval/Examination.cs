using System.Diagnostics;
using Wisp.Run;
using Wisp.Train.Align;
using Wisp.Train.Eval.Scoring;

namespace Wisp.Train.Eval;

/// <summary>Holds examinations of a model, and looks for their items in its training text.</summary>
public sealed class Examination(EvalModel model, EvalOptions options)
{
    private const int TextContext = 512; // as `wisp perplexity` has it

    /// <param name="progress">Stage, done, total.</param>
    public TaskResult Run(EvalTask task, Action<string, long, long> progress, CancellationToken cancel = default)
    {
        var start = Stopwatch.GetTimestamp();
        var answers = new AnswerExams(model, options);
        var result = task switch
        {
            ChoiceTask choices => new ChoiceExam(model, options).Run(choices, progress, cancel),
            NumberTask numbers => answers.Run(numbers, progress, cancel),
            PassageTask passages => answers.Run(passages, progress, cancel),
            CallTask calls => answers.Run(calls, progress, cancel),
            FormatTask format => answers.Run(format, progress, cancel),
            TextTask text => Run(text, progress, cancel),
            _ => throw new UnreachableException(task.Name),
        };
        return result with { Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds };
    }

    private TaskResult Run(TextTask task, Action<string, long, long> progress, CancellationToken cancel)
    {
        var tokens = new List<int>();
        model.Tokenizer.Encode(task.Text.Span, tokens);
        if (tokens.Count < 2)
            throw new InvalidDataException($"{task.Source}: {tokens.Count} tokens; two are the fewest to judge by.");
        var begin = model.Begin("") is [var token] ? token : -1;
        var found = Perplexity.Of(
            model.Weights, model.Pool, [.. tokens], Math.Min(TextContext, model.Config.Context), begin,
            (done, all) => progress(task.Name, done, all), cancel);
        var bits = found.BitsPerByte(task.Text.Length);
        return new TaskResult(task.Name, "text", task.Source, task.Hash, 1)
        {
            Metrics =
            [
                new Metric("bits a byte", bits, bits, bits, task.Text.Length, "none"),
                new Metric("perplexity", found.Value, found.Value, found.Value, found.Tokens, "none"),
            ],
        };
    }

    /// <summary>
    /// Adds to results how much of each test a training text holds, and, where it holds some, the first metric of the
    /// rest.
    /// </summary>
    /// <param name="tasks">In the order of the results.</param>
    /// <param name="documents">The training text.</param>
    public static IReadOnlyList<TaskResult> WithOverlap(
        IReadOnlyList<EvalTask> tasks, IReadOnlyList<TaskResult> results,
        IEnumerable<ReadOnlyMemory<byte>> documents, Action<string, long, long> progress,
        CancellationToken cancel = default)
    {
        var overlap = new NgramOverlap();
        List<List<int>> items = [.. tasks.Select(task => task.Texts.Select(overlap.Add).ToList())];
        var read = 0L;
        foreach (var document in documents)
        {
            cancel.ThrowIfCancellationRequested();
            overlap.See(document.Span);
            progress("looking for the tests in the training text", read += document.Length, 0);
        }

        return [.. results.Select((result, t) =>
        {
            var judged = items[t].Count(overlap.IsJudged);
            var seen = items[t].Count(overlap.IsFound);
            var with = result with { Overlap = new OverlapResult(NgramOverlap.Words, judged, seen) };
            // Examples taken out of a test stand first in it.
            var skipped = items[t].Count - result.PerItem.Count;
            if (seen == 0 || result.PerItem.Count == 0 || skipped < 0)
                return with;
            double[] clean = [.. result.PerItem.Where((_, i) => !overlap.IsFound(items[t][i + skipped]))];
            return with with
            {
                Controls = [.. with.Controls, result.Metrics[0].How == "bootstrap"
                    ? Bootstrap.Mean("items not in the training text", clean, 1)
                    : Metric.Of("items not in the training text", new Proportion(
                        clean.Count(hit => hit > 0.5), clean.Length))],
            };
        })];
    }
}
