using System.Text;
using Wisp.Run;
using Wisp.Train.Align;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Data;

namespace Wisp.Train.Eval;

/// <summary>
/// Questions with choices: the one that the model finds likeliest is its answer. Nothing is generated, so a model that
/// cannot yet follow an instruction can be examined.
/// </summary>
internal sealed class ChoiceExam(EvalModel model, EvalOptions options)
{
    private int _cut;

    public TaskResult Run(ChoiceTask task, Action<string, long, long> progress, CancellationToken cancel)
    {
        using var scorer = new ContinuationScorer(model.Weights, model.Pool, model.Context);
        var (items, header) = Examples(task);
        var asked = items.Select((item, i) => Ask(item, header(item), Order(item, i, round: 0), withStem: true));
        double[][][] scores = Scores(scorer, [.. asked], s => progress(task.Name, s.Done, s.All), cancel);

        // What each choice has without the question: the prior of the choices, and of their letters.
        var hasPrior = items.All(item => item.Form != ChoiceForm.Beginning);
        double[][][]? prior = hasPrior ? Scores(scorer,
            [.. items.Select((item, i) => Ask(item, "", Order(item, i, round: 0), withStem: false))],
            s => progress($"{task.Name}, question withheld", s.Done, s.All), cancel) : null;

        var metrics = new List<Metric>();
        double[] quoted = [];
        foreach (var kind in Kinds(task))
        {
            var hits = Hits(items, scores, prior, kind);
            if (kind == task.Quoted)
                quoted = hits;
            var metric = Metric.Of(NameOf(kind), Share(hits));
            metrics.Insert(kind == task.Quoted ? 0 : metrics.Count, metric);
        }

        var controls = new List<Metric>();
        if (prior is not null)
            controls.Add(Metric.Of("question withheld", Share(Hits(items, prior, null,
                task.Quoted == ChoiceScore.Gained ? ChoiceScore.Raw : task.Quoted))));
        Letters(controls, scorer, (task, items, header), scores, progress, cancel);
        return new TaskResult(task.Name, "choice", task.Source, task.Hash, items.Count)
        {
            Metrics = metrics,
            Chance = items.Average(item => 1.0 / item.Choices.Count),
            Controls = controls,
            Groups = Groups(items, quoted, metrics[0].Name),
            Notes = _cut == 0 ? [] : [$"{_cut} prompts were cut at the left to the context of {model.Context} tokens"],
            PerItem = quoted,
        };
    }

    // The same letters over choices in another order: who knows the answer finds it wherever it stands.
    private void Letters(
        List<Metric> controls, ContinuationScorer scorer,
        (ChoiceTask Task, IReadOnlyList<ChoiceItem> Items, Func<ChoiceItem, string> Header) exam, double[][][] scores,
        Action<string, long, long> progress, CancellationToken cancel)
    {
        if (exam.Items.Any(item => item.Form != ChoiceForm.Letters))
            return;
        var all = new List<double>();
        for (var round = 1; round <= options.Shuffles; round++)
        {
            var orders = exam.Items.Select((item, i) => Order(item, i, round)).ToList();
            double[][][] shuffled = Scores(scorer,
                [.. exam.Items.Select((item, i) => Ask(item, exam.Header(item), orders[i], withStem: true))],
                s => progress($"{exam.Task.Name}, choices shuffled", s.Done, s.All), cancel);
            // The hit is where the right choice went to.
            all.AddRange(exam.Items.Select((item, i) =>
                Best(shuffled[i][0]) == Array.IndexOf(orders[i], item.Gold) ? 1.0 : 0));
        }

        if (all.Count > 0)
            controls.Add(Metric.Of("choices shuffled", Share(all)));
        var picks = scores.GroupBy(item => Best(item[0])).MaxBy(group => group.Count())!;
        controls.Add(Metric.Of($"answers that are {(char)('A' + picks.Key)}", new Proportion(
            picks.Count(), scores.Length)));
    }

    /// <summary>Prefix and suffix of each choice, in the order asked for, with the bytes of the choice.</summary>
    private List<(Continuation Text, int Bytes)> Ask(ChoiceItem item, string header, int[] order, bool withStem)
    {
        var asked = new List<(Continuation, int)>();
        if (item.Form == ChoiceForm.Beginning)
        {
            var suffix = " " + item.Stem;
            foreach (var i in order)
                asked.Add(Fitting(model.Begin(header + item.Choices[i]), model.More(suffix), suffix));
            return asked;
        }

        // Without the question a continuation begins as an answer does; letters keep their list.
        var prompt = item.Form == ChoiceForm.Letters
            ? (withStem ? item.Stem + "\n" : "") + Listed(item, order) + "\nAnswer:"
            : withStem ? item.Stem : "Answer:";
        var chat = options.AsChat ? model.Chat : null;
        int[] prefix = chat is not null
            ? chat.Prompt(new Conversation([new ConversationTurn(Role.User, header + prompt)]))
            : model.Begin(header + prompt);
        for (var i = 0; i < order.Length; i++)
        {
            var text = item.Form == ChoiceForm.Letters ? $"{(char)('A' + i)}" : item.Choices[order[i]];
            // After a line break, and at the beginning of a turn, no blank is written.
            var suffix = chat is not null || prompt.EndsWith('\n') ? text : " " + text;
            asked.Add(Fitting(prefix, model.More(suffix), suffix));
        }

        return asked;
    }

    private (Continuation, int) Fitting(int[] prefix, int[] suffix, string text)
    {
        var room = model.Context - Math.Min(suffix.Length, model.Context - 1);
        if (prefix.Length > room)
        {
            _cut++;
            prefix = prefix[^room..];
        }

        if (suffix.Length > model.Context - 1)
            suffix = suffix[..(model.Context - 1)];
        return (new Continuation(prefix, suffix), Encoding.UTF8.GetByteCount(text.TrimStart(' ')));
    }

    private static string Listed(ChoiceItem item, int[] order) =>
        string.Join('\n', order.Select((choice, i) => $"{(char)('A' + i)}. {item.Choices[choice]}"));

    // By item three lists of scores: raw, by byte and by token, a number for each choice.
    private static double[][][] Scores(
        ContinuationScorer scorer, List<(Continuation Text, int Bytes)>[] asked,
        Action<(long Done, long All)> progress, CancellationToken cancel)
    {
        var flat = asked.SelectMany(item => item).ToList();
        var found = scorer.Score([.. flat.Select(one => one.Text)], (done, all) => progress((done, all)), cancel);
        var at = 0;
        return [.. asked.Select(item =>
        {
            var from = at;
            at += item.Count;
            return (double[][])
            [
                [.. item.Select((_, i) => found[from + i].LogProbability)],
                [.. item.Select((one, i) => found[from + i].LogProbability / Math.Max(1, one.Bytes))],
                [.. item.Select((one, i) => found[from + i].LogProbability / one.Text.Suffix.Count)],
            ];
        })];
    }

    private static double[] Hits(
        IReadOnlyList<ChoiceItem> items, double[][][] scores, double[][][]? prior, ChoiceScore kind) =>
        [.. items.Select((item, i) => Best(kind == ChoiceScore.Gained
            ? [.. scores[i][0].Zip(prior![i][0], (with, without) => with - without)]
            : scores[i][(int)kind]) == item.Gold ? 1.0 : 0)];

    private static IEnumerable<ChoiceScore> Kinds(ChoiceTask task) =>
        task.Items.All(item => item.Form == ChoiceForm.Continuation)
            ? Enum.GetValues<ChoiceScore>() : [task.Quoted];

    private static string NameOf(ChoiceScore kind) => kind switch
    {
        ChoiceScore.Raw => "acc",
        ChoiceScore.PerByte => "acc_norm",
        ChoiceScore.PerToken => "acc_token",
        _ => "acc_pmi",
    };

    private static Dictionary<string, Metric> Groups(IReadOnlyList<ChoiceItem> items, double[] hits, string name) =>
        items.Zip(hits).Where(pair => pair.First.Group.Length > 0).GroupBy(pair => pair.First.Group)
            .ToDictionary(group => group.Key, group => Metric.Of(name, Share([.. group.Select(pair => pair.Second)])));

    private static Proportion Share(IReadOnlyList<double> hits) => new(hits.Count(hit => hit > 0.5), hits.Count);

    private static int Best(double[] scores) => Array.IndexOf(scores, scores.Max());

    private int[] Order(ChoiceItem item, int index, int round)
    {
        var order = Enumerable.Range(0, item.Choices.Count).ToArray();
        if (round > 0)
            Shuffle.Permutation(order, Shuffle.Key(options.Seed + (ulong)round, stream: 9, (ulong)index));
        return order;
    }

    // Solved items come from their own split where there is one; else some of the test are taken out of it.
    private (IReadOnlyList<ChoiceItem> Items, Func<ChoiceItem, string> Header) Examples(ChoiceTask task)
    {
        var items = task.Items;
        IReadOnlyList<ChoiceItem> worked = task.Worked;
        if (options.Shots > 0 && worked.Count == 0)
            (worked, items) = ([.. items.Take(options.Shots)], [.. items.Skip(options.Shots)]);
        if (items.Count == 0)
            throw new InvalidDataException($"{task.Name}: no item is left beside {options.Shots} examples.");
        var headers = new Dictionary<string, string>();
        return (items, item =>
        {
            if (headers.TryGetValue(item.Group, out var known))
                return known;
            var text = new StringBuilder();
            // Hendrycks et al. 2021 name the subject above their questions.
            if (item.Group.Length > 0)
                text.Append("The following are multiple choice questions (with answers) about ")
                    .Append(item.Group.Replace('_', ' ')).Append(".\n\n");
            foreach (var one in worked.Where(one => one.Group == item.Group).Take(options.Shots))
                text.Append(Solved(one)).Append("\n\n");
            return headers[item.Group] = text.ToString();
        }
        );
    }

    private static string Solved(ChoiceItem item) => item.Form switch
    {
        ChoiceForm.Beginning => $"{item.Choices[item.Gold]} {item.Stem}",
        ChoiceForm.Letters =>
            $"{item.Stem}\n{Listed(item, [.. Enumerable.Range(0, item.Choices.Count)])}\nAnswer: " +
            (char)('A' + item.Gold),
        _ => item.Stem + (item.Stem.EndsWith('\n') ? "" : " ") + item.Choices[item.Gold],
    };
}
