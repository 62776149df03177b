using System.Security.Cryptography;
using System.Text;
using Wisp.Model;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Data;

namespace Wisp.Train.Align;

/// <summary>
/// Conversations ready to learn from: rendered, cut to the context, repeated ones dropped, and some held out.
/// </summary>
public sealed class SftText
{
    private const int SamplePrompts = 4;

    /// <param name="conversations">In the order of their files; the order decides who is held out.</param>
    /// <param name="heldOutShare">At least one conversation is held out, and at most half of them.</param>
    /// <exception cref="InvalidDataException">There is nothing to learn.</exception>
    public SftText(
        IReadOnlyList<Conversation> conversations, Tokenizer tokenizer, int context, double heldOutShare, ulong seed)
    {
        Tokenizer = tokenizer;
        var renderer = new ChatRenderer(tokenizer);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var examples = new List<(Example Example, Conversation Conversation)>();
        foreach (var conversation in conversations)
        {
            var chat = renderer.Render(conversation);
            if (!seen.Add(Key(chat.Ids)))
                Repeated++;
            else if (Example.Of(chat, context) is not { } example)
                Empty++;
            else
            {
                // The line break behind the last turn is nothing that a cut could lose.
                Cut += chat.IsTarget.AsSpan(example.Tokens.Length + 1).Contains(true) ? 1 : 0;
                examples.Add((example, conversation));
            }
        }

        if (examples.Count < 2)
            throw new InvalidDataException(
                $"There are {examples.Count} conversations to learn from ({Repeated} repeated, {Empty} without an " +
                $"answer within {context} tokens); two are the least, one of them held out.");
        var order = new int[examples.Count];
        Shuffle.Permutation(order, Shuffle.Key(seed, stream: 4, epoch: 0));
        var held = Math.Clamp((int)Math.Round(examples.Count * heldOutShare), 1, examples.Count / 2);
        HeldOutConversations = [.. order.Take(held).Select(i => examples[i].Conversation)];
        HeldOut = [.. order.Take(held).Select(i => examples[i].Example)];
        Train = [.. order.Skip(held).Order().Select(i => examples[i].Example)];
        (TrainBytes, HeldOutBytes) = (BytesOf(Train), BytesOf(HeldOut));
        Prompts = [.. HeldOutConversations.Take(SamplePrompts).Select(conversation =>
        {
            var before = conversation.Turns.TakeWhile(turn => turn.Role != Role.Assistant).Count();
            var prompt = conversation.Take(before);
            return (renderer.Prompt(prompt), prompt.Turns[^1].Text.Trim());
        })];
        Hash = HashOf(Train, HeldOut);
    }

    public Tokenizer Tokenizer { get; }

    public IReadOnlyList<Example> Train { get; }

    public IReadOnlyList<Example> HeldOut { get; }

    public IReadOnlyList<Conversation> HeldOutConversations { get; }

    /// <summary>Bytes of what the assistant wrote.</summary>
    public long TrainBytes { get; }

    public long HeldOutBytes { get; }

    /// <summary>Beginnings of held-out conversations, as tokens and as a person sees them.</summary>
    public IReadOnlyList<(int[] Tokens, string Shown)> Prompts { get; }

    /// <summary>Conversations that were seen before, word for word.</summary>
    public int Repeated { get; }

    /// <summary>Conversations whose first answer begins behind the context.</summary>
    public int Empty { get; }

    /// <summary>Conversations that lost their end to the context.</summary>
    public int Cut { get; }

    /// <summary>SHA-256 of all tokens and targets and of the side they are on.</summary>
    public string Hash { get; }

    private long BytesOf(IEnumerable<Example> examples) =>
        examples.Sum(e => e.Targets.Sum(target => target < 0 ? 0L : Tokenizer.BytesOf(target).Length));

    private static string Key(int[] ids) =>
        Convert.ToHexString(SHA256.HashData(Encoding.Unicode.GetBytes(string.Join(' ', ids))));

    private static string HashOf(params ReadOnlySpan<IReadOnlyList<Example>> sides)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var side in sides)
        {
            foreach (var example in side)
                hash.AppendData(Encoding.ASCII.GetBytes(
                    $"{string.Join(' ', example.Tokens)}/{string.Join(' ', example.Targets)}\n"));
            hash.AppendData("----\n"u8);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
