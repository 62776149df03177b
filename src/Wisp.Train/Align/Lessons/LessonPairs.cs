using Wisp.Train.Align.Conversations;
using Wisp.Train.Data;

namespace Wisp.Train.Align.Lessons;

/// <summary>
/// Pairs made from lessons: the lesson's own answer against one that a person would like less, since it answers
/// something else, repeats itself, gives up, or guesses where the calculator knows. Number i of a seed is always the
/// same pair.
/// </summary>
public static class LessonPairs
{
    private static readonly string[] s_givingUp =
        ["I am sorry, I do not know that.", "I cannot do that.", "That is more than I can do."];

    private static readonly string[] s_guesses = ["It is {0}.", "The answer is {0}.", "That is {0}."];

    public static IEnumerable<PreferencePair> Read(int count, ulong seed)
    {
        var made = 0;
        for (var i = 0UL; made < count; i++)
        {
            if (Pair(seed, i) is not { } pair)
                continue; // the lesson itself says what the worse answer would have said
            made++;
            yield return pair;
        }
    }

    private static PreferencePair? Pair(ulong seed, ulong index)
    {
        var choose = new Chooser(Shuffle.Key(seed, stream: 10, index));
        var lesson = LessonBook.Of(seed, 2 * index);
        var before = lesson.Turns.TakeWhile(turn => turn.Role != Role.Assistant).Count();
        var chosen = lesson.Take(before + 1);
        var answer = chosen.Turns[before];
        var worse = choose.Below(4) switch
        {
            _ when answer.Calls.Count > 0 && choose.Chance(0.6) =>
                string.Format(choose.Of(s_guesses), choose.From(2, 999)),
            0 => choose.Of(s_givingUp),
            1 when answer.Text.Length > 0 => Stuttered(answer.Text, choose),
            _ => LessonBook.Of(seed, (2 * index) + 1).Turns.Last(turn => turn.Role == Role.Assistant).Text,
        };
        return worse.Length == 0 || worse == answer.Text ? null : new PreferencePair(chosen, chosen with
        {
            Turns = [.. chosen.Turns.Take(before), new ConversationTurn(Role.Assistant, worse)],
        });
    }

    // The same few words again and again, which is how small models go wrong.
    private static string Stuttered(string text, Chooser choose)
    {
        var words = text.Split(' ');
        var from = choose.Below(Math.Max(1, words.Length - 2));
        var part = string.Join(' ', words.Skip(from).Take(choose.From(1, 3)));
        return string.Join(' ', words.Take(from).Concat(Enumerable.Repeat(part, choose.From(4, 9))));
    }
}
