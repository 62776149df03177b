using Wisp.Train.Align.Conversations;

namespace Wisp.Train.Align.Lessons;

/// <summary>
/// Plain text with the words of the lessons, to pretrain the smallest of models on where there is no other text: what
/// was said in some conversations, paragraph by paragraph, without who said it. A seed's texts share no conversation
/// with its lessons.
/// </summary>
public static class LessonText
{
    private const int ConversationsPerText = 8;

    // Lessons of the seed count from 0; nobody has this many.
    private const ulong First = 1UL << 40;

    public static IEnumerable<string> Read(int count, ulong seed) => Enumerable.Range(0, count).Select(i =>
        string.Join("\n\n", Enumerable.Range(0, ConversationsPerText)
            .SelectMany(c => LessonBook.Of(seed, First + ((ulong)i * ConversationsPerText) + (ulong)c).Turns)
            .Where(turn => turn.Role is Role.User or Role.Assistant && turn.Text.Length > 0)
            .Select(turn => turn.Text)));
}
