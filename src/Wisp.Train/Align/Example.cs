using Wisp.Compute;
using Wisp.Train.Align.Conversations;

namespace Wisp.Train.Align;

/// <summary>
/// One conversation as a model trains on it: the token at each position, and the one to be predicted there, or −1 where
/// nothing is learned.
/// </summary>
public sealed record Example(int[] Tokens, int[] Targets)
{
    /// <summary>Positions that count.</summary>
    public int Counted { get; } = Targets.Count(target => target >= 0);

    /// <summary>
    /// Cuts what is longer than the context, and what follows the last target. Null where nothing to learn is left:
    /// such a conversation would only take room.
    /// </summary>
    public static Example? Of(ChatTokens chat, int context)
    {
        var length = Math.Min(chat.Ids.Length - 1, context);
        while (length > 0 && !chat.IsTarget[length])
            length--;
        if (length == 0)
            return null;
        var targets = new int[length];
        for (var i = 0; i < length; i++)
            targets[i] = chat.IsTarget[i + 1] ? chat.Ids[i + 1] : CrossEntropy.Ignored;
        return new Example(chat.Ids[..length], targets);
    }
}
