using Wisp.Train.Align.Conversations;
using Wisp.Train.Data;

namespace Wisp.Train.Align.Lessons;

/// <summary>
/// Conversations that the project makes itself, for the smallest of assistants: greet, answer a simple question, tell a
/// short story, and leave sums to the calculator. Number i of a seed is always the same conversation.
/// </summary>
public static class LessonBook
{
    private static readonly string[] s_systems =
        ["You are Wisp, a small and helpful assistant.", "You are a helpful assistant.", "Answer briefly.",
            "You are Wisp. Be kind and brief."];

    public static IEnumerable<Conversation> Read(int count, ulong seed) =>
        Enumerable.Range(0, count).Select(i => Of(seed, (ulong)i));

    /// <summary>One conversation of a seed.</summary>
    internal static Conversation Of(ulong seed, ulong index)
    {
        var choose = new Chooser(Shuffle.Key(seed, stream: 5, index));
        // A request that needs no calculator comes with one as often as not: whether to call depends on the request
        // and not on what stands at the top.
        var withTools = choose.Chance(0.7);
        var turns = new List<ConversationTurn>();
        if (choose.Chance(0.4))
            turns.Add(new ConversationTurn(Role.System, choose.Of(s_systems)));
        for (var exchanges = choose.Of(1, 1, 1, 2, 2, 3); exchanges > 0; exchanges--)
            turns.AddRange(choose.Below(100) switch
            {
                < 45 when withTools => Sums.Lesson(choose),
                < 15 => Sums.Declined(choose),
                < 57 => SmallTalk.Lesson(choose),
                < 65 => SmallTalk.Declined(choose),
                < 87 => Errands.Lesson(choose),
                _ => Tales.Lesson(choose),
            });
        return new Conversation(turns) { Tools = withTools ? Sums.Tools() : null };
    }
}
