using System.Globalization;
using System.Text;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Lessons;
using Wisp.Train.Data;

namespace Wisp.Train.Eval.Tasks;

/// <summary>
/// Tasks that the project makes itself, so that a model can be examined where there are no test sets. They are of the
/// kind of the lessons, from a seed that no lessons have; a model that learned lessons has seen their like.
/// </summary>
public static class SampleSets
{
    // Lessons have small seeds; nobody counts up to this one.
    private const ulong Seed = 0xE7A1_0000_0000_0001;

    private const int Count = 200;

    public static IReadOnlyList<string> Names { get; } =
        ["sample_facts", "sample_letters", "sample_sums", "sample_format", "sample_tales"];

    public static EvalTask Open(string name) => name switch
    {
        "sample_facts" => new ChoiceTask(name, "made by wisp", [.. Facts(ChoiceForm.Continuation)]),
        "sample_letters" => new ChoiceTask(name, "made by wisp", [.. Facts(ChoiceForm.Letters)]),
        "sample_sums" => new NumberTask(name, "made by wisp", [.. Sums()]),
        "sample_format" => new FormatTask(name, "made by wisp", [.. LessonBook.Read(Count, Seed)]),
        "sample_tales" => new TextTask(name, "made by wisp", Tales()),
        _ => throw new ArgumentException($"There is no sample task {name}.", nameof(name)),
    };

    private static IEnumerable<ChoiceItem> Facts(ChoiceForm form)
    {
        var facts = Errands.Facts;
        for (var i = 0; i < facts.Count; i++)
        {
            var choose = new Chooser(Shuffle.Key(Seed, stream: 5, (ulong)i));
            string[] others = choose.Some(3, [.. facts.Select(fact => fact.Answer).Where(answer =>
                answer != facts[i].Answer)]);
            var gold = choose.Below(4);
            var question = "Question: " + facts[i].Question;
            yield return new ChoiceItem(
                form == ChoiceForm.Letters ? question : question + "\nAnswer:",
                [.. others[..gold], facts[i].Answer, .. others[gold..]], gold, form);
        }
    }

    private static IEnumerable<NumberItem> Sums()
    {
        for (var i = 0UL; i < Count; i++)
        {
            ConversationTurn[] turns = [.. Align.Lessons.Sums.Lesson(new Chooser(Shuffle.Key(Seed, stream: 5, i)))];
            yield return new NumberItem(
                turns[0].Text, decimal.Parse(turns[2].Text, CultureInfo.InvariantCulture), turns[^1].Text);
        }
    }

    private static byte[] Tales()
    {
        var text = new StringBuilder();
        for (var i = 0UL; i < Count / 2; i++)
            foreach (var turn in Align.Lessons.Tales.Lesson(new Chooser(Shuffle.Key(Seed, stream: 5, i))))
                if (turn.Role == Role.Assistant)
                    text.Append(turn.Text).Append("\n\n");
        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
