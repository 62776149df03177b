using System.Security.Cryptography;
using System.Text;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Data;
using Wisp.Train.Report;

namespace Wisp.Train.Align.Pairs;

/// <summary>
/// Pairs ready to learn from: rendered, shortened to the context, and some held out. Of a conversation that is too long
/// the oldest exchanges go first, since the answer is what is judged.
/// </summary>
public sealed class PairText
{
    /// <param name="stage">A reward reads the end of the answer; a policy predicts its tokens.</param>
    /// <exception cref="InvalidDataException">There is nothing to learn.</exception>
    public PairText(
        IReadOnlyList<PreferencePair> pairs, Tokenizer tokenizer, TuningStage stage, int context, double heldOutShare,
        ulong seed)
    {
        Tokenizer = tokenizer;
        var renderer = new ChatRenderer(tokenizer);
        var all = new List<PairTokens>();
        foreach (var pair in pairs)
        {
            var tokens = new PairTokens(
                Side(renderer, pair.Chosen, stage, context), Side(renderer, pair.Rejected, stage, context));
            // Answers that differ behind the context only are one and the same here.
            if (tokens.Chosen.Tokens.AsSpan().SequenceEqual(tokens.Rejected.Tokens)
                && tokens.Chosen.Targets.AsSpan().SequenceEqual(tokens.Rejected.Targets))
                Alike++;
            else
                all.Add(tokens);
        }

        if (all.Count < 2)
            throw new InvalidDataException(
                $"There are {all.Count} pairs to learn from ({Alike} alike within {context} tokens); two are the " +
                "least, one of them held out.");
        var order = new int[all.Count];
        Shuffle.Permutation(order, Shuffle.Key(seed, stream: 6, epoch: 0));
        var held = Math.Clamp((int)Math.Round(all.Count * heldOutShare), 1, all.Count / 2);
        HeldOut = [.. order.Take(held).Select(i => all[i])];
        Train = [.. order.Skip(held).Order().Select(i => all[i])];
        Hash = HashOf(Train, HeldOut);
    }

    /// <summary>Pairs that are tokens already.</summary>
    internal PairText(IReadOnlyList<PairTokens> train, IReadOnlyList<PairTokens> heldOut, Tokenizer tokenizer)
    {
        (Train, HeldOut, Tokenizer) = (train, heldOut, tokenizer);
        Hash = HashOf(train, heldOut);
    }

    public Tokenizer Tokenizer { get; }

    public IReadOnlyList<PairTokens> Train { get; }

    public IReadOnlyList<PairTokens> HeldOut { get; }

    /// <summary>Pairs whose answers are the same up to the context.</summary>
    public int Alike { get; private set; }

    /// <summary>Conversations that lost their oldest exchanges or the end of the answer.</summary>
    public int Cut { get; private set; }

    /// <summary>SHA-256 of all tokens and targets and of the side they are on.</summary>
    public string Hash { get; }

    /// <summary>How much text of the answers a side has: of a reward, whole conversations.</summary>
    internal TextCount CountOf(IReadOnlyList<PairTokens> side) => new(
        side.Count, side.Sum(pair => Bytes(pair.Chosen) + Bytes(pair.Rejected)),
        side.Sum(pair => (long)pair.Chosen.Tokens.Length + pair.Rejected.Tokens.Length));

    internal IReadOnlyList<Setting> Facts =>
        [new("left out", $"{Alike} pairs alike within the context; {Cut} conversations were shortened")];

    private long Bytes(Example example) => example.Tokens.Sum(id => (long)Tokenizer.BytesOf(id).Length);

    /// <summary>The tokens of a conversation as a reward model reads it: up to the end of the last turn.</summary>
    internal static int[] ForReward(ChatTokens chat, int context) =>
        chat.Ids[..Math.Min(Array.LastIndexOf(chat.IsTarget, true) + 1, context)];

    private Example Side(ChatRenderer renderer, Conversation conversation, TuningStage stage, int context)
    {
        var head = conversation.Turns[0].Role == Role.System ? 1 : 0;
        var wasCut = false;
        ChatTokens chat;
        while ((chat = renderer.Render(conversation)).Ids.Length > context
            && NextExchange(conversation, head) is > 0 and var next)
        {
            wasCut = true;
            conversation = conversation with
            {
                Turns = [.. conversation.Turns.Take(head), .. conversation.Turns.Skip(next)],
            };
        }

        Cut += wasCut || chat.Ids.Length - 2 > context ? 1 : 0;
        if (stage == TuningStage.Reward)
        {
            var ids = ForReward(chat, context);
            return new Example(ids, [.. Enumerable.Repeat(CrossEntropy.Ignored, ids.Length)]);
        }

        // Only the last turn is compared; what was said before is the same on both sides.
        var from = renderer.Prompt(conversation.Take(conversation.Turns.Count - 1)).Length;
        bool[] last = [.. chat.IsTarget.Select((target, i) => target && i >= from)];
        return Example.Of(chat with { IsTarget = last }, context)
            ?? new Example(chat.Ids[..1], [CrossEntropy.Ignored]); // the prompt alone fills the context
    }

    // The second turn of the user, where the conversation may begin as well; 0 where there is none.
    private static int NextExchange(Conversation conversation, int head)
    {
        for (var i = head + 1; i < conversation.Turns.Count - 1; i++)
            if (conversation.Turns[i].Role == Role.User)
                return i;
        return 0;
    }

    private static string HashOf(params ReadOnlySpan<IReadOnlyList<PairTokens>> sides)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var side in sides)
        {
            foreach (var pair in side)
                foreach (var answer in (Example[])[pair.Chosen, pair.Rejected])
                    hash.AppendData(Encoding.ASCII.GetBytes(
                        $"{string.Join(' ', answer.Tokens)}/{string.Join(' ', answer.Targets)}\n"));
            hash.AppendData("----\n"u8);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
