using System.Text.Json;
using Wisp.Ai.Arithmetic;
using Wisp.Train.Align;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Eval.Scoring;

namespace Wisp.Train.Eval;

/// <summary>Tasks that are answered in words or calls: the model writes greedily, and that is judged.</summary>
internal sealed class AnswerExams(EvalModel model, EvalOptions options)
{
    // Longer than the answers of the sets; a model that does not come to an end is not waited for.
    private const int NumberTokens = 160, PassageTokens = 48, CallTokens = 160;

    // Calls of the calculator in one answer.
    private const int MaxRounds = 4;

    public TaskResult Run(NumberTask task, Action<string, long, long> progress, CancellationToken cancel)
    {
        using var writer = new AnswerWriter(model);
        var (notes, metrics) = (new List<string>(), new List<Metric>());
        double[] first = [];
        if (model.Chat is { } chat)
        {
            var (hits, called, unfit) = WithCalculator(task, writer, chat, progress, cancel);
            first = hits;
            metrics.Add(Exact("exact, with the calculator", hits));
            notes.Add($"{called} of {task.Count} answers called the calculator in a form that could be read");
            Unfit(notes, unfit);
            var answers = writer.Write(
                [.. task.Items.Select(item => chat.Prompt(Asked(item.Question, null)))], NumberTokens,
                new HashSet<int> { chat.EndOfTurn }, (d, a) => progress($"{task.Name}, without", d, a), cancel);
            metrics.Add(Exact("exact, without", Judge(task, answers.Select(Text))));
        }
        else
        {
            var header = string.Concat(task.Worked.Take(options.Shots)
                .Select(item => $"Question: {item.Question}\nAnswer: {item.Worked}\n\n"));
            var answers = writer.Write(
                [.. task.Items.Select(item => model.Begin($"{header}Question: {item.Question}\nAnswer:"))],
                options.Shots > 0 ? NumberTokens : PassageTokens, model.Tokenizer.EndOfGeneration,
                (d, a) => progress(task.Name, d, a), cancel);
            Unfit(notes, answers.Count(answer => answer is null));
            first = Judge(task, answers.Select(answer => Cut(Text(answer), "\nQuestion:")));
            metrics.Add(Exact("exact", first));
            notes.Add("no chat format, so no calculator");
        }

        return Result(task, "number", metrics, notes, first);
    }

    public TaskResult Run(PassageTask task, Action<string, long, long> progress, CancellationToken cancel)
    {
        using var writer = new AnswerWriter(model);
        var cut = 0;
        var answers = writer.Write([.. task.Items.Select(Prompt)], PassageTokens,
            model.Chat is { } chat ? new HashSet<int> { chat.EndOfTurn } : model.Tokenizer.EndOfGeneration,
            (d, a) => progress(task.Name, d, a), cancel);
        // A model that only continues text goes on with the next question; its answer is the first line.
        string[] texts = [.. answers.Select(answer => model.Chat is null ? Cut(Text(answer), "\n") : Text(answer))];
        double[] f1 = [.. task.Items.Zip(texts, (item, text) => SquadScore.F1(text, item.Answers))];
        double[] exact = [.. task.Items.Zip(
            texts, (item, text) => SquadScore.ExactMatch(text, item.Answers) ? 1.0 : 0)];
        // The passage itself as the answer: what copying without reading reaches.
        double[] copied = [.. task.Items.Select(item => SquadScore.F1(item.Passage, item.Answers))];
        List<string> notes = cut == 0 ? [] : [$"{cut} passages were cut at the left to the context"];
        return Result(task, "passage",
            [Bootstrap.Mean("f1", f1, options.Seed), Exact("exact match", exact)], notes, f1) with
        {
            Controls = [Bootstrap.Mean("f1 of the whole passage", copied, options.Seed)],
        };

        int[] Prompt(PassageItem item)
        {
            var passage = item.Passage;
            for (var first = true; ; first = false)
            {
                int[] ids = model.Chat is { } chat
                    ? chat.Prompt(Asked($"{passage}\n\n{item.Question}", null))
                    : model.Begin($"{passage}\n\nQuestion: {item.Question}\nAnswer:");
                var over = ids.Length + PassageTokens - model.Context;
                if (over <= 0 || passage.Length == 0)
                    return ids;
                cut += first ? 1 : 0;
                // About four letters a token; what is still too long goes round again.
                passage = passage[Math.Min(passage.Length, Math.Max(8, over * 3))..];
            }
        }
    }

    public TaskResult Run(CallTask task, Action<string, long, long> progress, CancellationToken cancel)
    {
        if (model.Chat is not { } chat)
            return new TaskResult(task.Name, "calls", task.Source, task.Hash, task.Count)
            {
                Notes = ["not asked: the model has no chat format, so it has no calls"],
            };
        using var writer = new AnswerWriter(model);
        var answers = writer.Write([.. task.Items.Select(item => chat.Prompt(item.Asked))], CallTokens,
            new HashSet<int> { chat.EndOfTurn }, (d, a) => progress(task.Name, d, a), cancel);
        var calls = answers.Select(answer =>
            answer is null ? null : AnswerCheck.CallsIn(answer.Ids, model.Tokenizer)).ToList();
        double[] hits = [.. task.Items.Zip(calls, (item, made) =>
            made is not null && CallMatch.All(made, item.Expected) ? 1.0 : 0)];
        var named = task.Items.Zip(calls).Where(pair => pair.First.Expected.Count > 0).Select(pair =>
            pair.Second is { Count: > 0 } made && made[0].Name == pair.First.Expected[0].Name ? 1.0 : 0).ToList();
        List<string> notes = [];
        Unfit(notes, answers.Count(answer => answer is null));
        return Result(task, "calls", [Exact("calls right", hits), Exact("function right", named)], notes, hits) with
        {
            Groups = task.Items.Zip(hits).Where(pair => pair.First.Group.Length > 0)
                .GroupBy(pair => pair.First.Group).ToDictionary(
                    group => group.Key, group => Exact("calls right", [.. group.Select(pair => pair.Second)])),
        };
    }

    public TaskResult Run(FormatTask task, Action<string, long, long> progress, CancellationToken cancel)
    {
        if (model.Chat is not { } chat)
            return new TaskResult(task.Name, "format", task.Source, task.Hash, task.Count)
            {
                Notes = ["not asked: the model has no chat format"],
            };
        using var writer = new AnswerWriter(model);
        List<int> before = [.. task.Items.Select(item =>
            item.Turns.TakeWhile(turn => turn.Role != Role.Assistant).Count())];
        var answers = writer.Write([.. task.Items.Select((item, i) => chat.Prompt(item.Take(before[i])))],
            AnswerCheck.Limit, new HashSet<int> { chat.EndOfTurn }, (d, a) => progress(task.Name, d, a), cancel);
        double[] kept = [.. answers.Select(answer =>
            answer is { Ended: true } && AnswerCheck.Stray(answer.Ids, model.Tokenizer) is null ? 1.0 : 0)];
        List<(double Formed, double Same)> calls = [];
        for (var i = 0; i < task.Count; i++)
        {
            if (task.Items[i].Turns[before[i]].Calls is not [var wanted, ..])
                continue;
            var made = answers[i] is null ? null : AnswerCheck.CallsIn(answers[i]!.Ids, model.Tokenizer);
            calls.Add((made is { Count: > 0 } ? 1 : 0, made is [var one, ..] && one.Name == wanted.Name
                && System.Text.Json.Nodes.JsonNode.DeepEquals(one.Arguments, wanted.Arguments) ? 1 : 0));
        }

        return Result(task, "format",
            [
                Exact("answers that end, format kept", kept),
                Exact("calls well formed", [.. calls.Select(call => call.Formed)]),
                Exact("calls right", [.. calls.Select(call => call.Same)]),
            ], [], kept);
    }

    // As a program would: the model calls, the calculator answers, the model goes on.
    private (double[] Hits, int Called, int Unfit) WithCalculator(
        NumberTask task, AnswerWriter writer, ChatRenderer chat, Action<string, long, long> progress,
        CancellationToken cancel)
    {
        var tools = Align.Lessons.Sums.Tools();
        var chats = task.Items.Select(item => Asked(item.Question, tools)).ToList();
        var texts = new string[chats.Count];
        Array.Fill(texts, "");
        var (called, unfit) = (0, 0);
        List<int> open = [.. Enumerable.Range(0, chats.Count)];
        for (var round = 0; open.Count > 0 && round <= MaxRounds; round++)
        {
            var answers = writer.Write([.. open.Select(i => chat.Prompt(chats[i]))], NumberTokens,
                new HashSet<int> { chat.EndOfTurn }, (d, a) => progress($"{task.Name}, with the calculator", d, a),
                cancel);
            var next = new List<int>();
            foreach (var (i, answer) in open.Zip(answers))
            {
                unfit += round == 0 && answer is null ? 1 : 0;
                texts[i] = Text(answer);
                if (answer is null || AnswerCheck.CallsIn(answer.Ids, model.Tokenizer) is not { Count: > 0 } calls)
                    continue;
                called += round == 0 ? 1 : 0;
                chats[i] = chats[i] with
                {
                    Turns = [.. chats[i].Turns, new ConversationTurn(Role.Assistant, "") { Calls = calls },
                        .. calls.Select(call => new ConversationTurn(Role.Tool, Answer(call)))],
                };
                next.Add(i);
            }

            open = next;
        }

        return (Judge(task, texts), called, unfit);
    }

    private static string Answer(ToolCall call) => call.Name != "calculator"
        ? $"error: there is no function '{call.Name}'"
        : Calculator.Reply(call.Arguments["expression"] is { } given && given.GetValueKind() == JsonValueKind.String
            ? given.GetValue<string>() : null);

    private static Conversation Asked(string text, System.Text.Json.Nodes.JsonArray? tools) =>
        new([new ConversationTurn(Role.User, text)]) { Tools = tools };

    private static double[] Judge(NumberTask task, IEnumerable<string> texts) =>
        [.. task.Items.Zip(texts, (item, text) => NumberAnswer.Same(NumberAnswer.In(text), item.Answer) ? 1.0 : 0)];

    private string Text(WrittenAnswer? answer) =>
        answer is null ? "" : model.Tokenizer.DecodeText(answer.Ids, withSpecial: false);

    private static string Cut(string text, string stop)
    {
        text = text.TrimStart();
        var at = text.IndexOf(stop, StringComparison.Ordinal);
        return at < 0 ? text : text[..at];
    }

    private static Metric Exact(string name, IReadOnlyList<double> hits) =>
        Metric.Of(name, new Proportion(hits.Count(hit => hit > 0.5), hits.Count));

    private static void Unfit(List<string> notes, int count)
    {
        if (count > 0)
            notes.Add($"{count} prompts do not fit the context and count as wrong");
    }

    private static TaskResult Result(
        EvalTask task, string kind, IReadOnlyList<Metric> metrics, IReadOnlyList<string> notes,
        IReadOnlyList<double> perItem) =>
        new(task.Name, kind, task.Source, task.Hash, task.Count)
        {
            Metrics = metrics, Notes = notes, PerItem = perItem,
        };
}
