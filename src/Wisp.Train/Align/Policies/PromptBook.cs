using System.Security.Cryptography;
using System.Text;
using Wisp.Model;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Tasks;
using Wisp.Train.Data;

namespace Wisp.Train.Align.Policies;

/// <summary>
/// What a policy is asked, as a pure function of (seed, step), and what is kept to test it with: problems of a task, or
/// the beginnings of conversations.
/// </summary>
public sealed class PromptBook
{
    private readonly IReadOnlyList<Problem> _train;
    private readonly ChatRenderer _renderer;
    private readonly ulong _seed;

    /// <param name="heldOut">How many problems to test with.</param>
    public PromptBook(VerifiableTask task, Tokenizer tokenizer, int heldOut, ulong seed)
    {
        (Task, Tokenizer, _renderer, _seed, _train) = (task, tokenizer, new ChatRenderer(tokenizer), seed, []);
        HeldOut = task.HeldOut(heldOut);
        LongestPrompt = HeldOut.Max(problem => Prompt(problem).Length);
        // The problems themselves are code; these witness that the code is still the same.
        Hash = HashOf(HeldOut.Concat(Enumerable.Range(0, 100).Select(i => task.Draw(seed, (ulong)i, heldOut: false))));
    }

    /// <param name="conversations">Each asks what stands before its first answer; repeated ones ask once.</param>
    /// <param name="heldOutShare">At least one is held out, and at most half of them.</param>
    /// <exception cref="InvalidDataException">There are fewer than two prompts that fit.</exception>
    public PromptBook(
        IReadOnlyList<Conversation> conversations, Tokenizer tokenizer, int longestPrompt, double heldOutShare,
        ulong seed)
    {
        (Tokenizer, _renderer, _seed) = (tokenizer, new ChatRenderer(tokenizer), seed);
        var problems = new Dictionary<string, Problem>(StringComparer.Ordinal);
        foreach (var conversation in conversations)
        {
            var before = conversation.Turns.TakeWhile(turn => turn.Role != Role.Assistant).Count();
            var prompt = conversation.Take(before);
            var key = ChatFormat.Messages(prompt).ToJsonString();
            var problem = new Problem(prompt, key, "");
            if (Prompt(problem).Length > longestPrompt)
                TooLong++;
            else
                problems.TryAdd(key, problem);
        }

        if (problems.Count < 2)
            throw new InvalidDataException(
                $"There are {problems.Count} different prompts of at most {longestPrompt} tokens ({TooLong} longer); " +
                "two are the least, one of them held out. A larger --context or a smaller --max-tokens makes room.");
        Problem[] all = [.. problems.Values];
        var order = new int[all.Length];
        Shuffle.Permutation(order, Shuffle.Key(seed, stream: 11, epoch: 0));
        var held = Math.Clamp((int)Math.Round(all.Length * heldOutShare), 1, all.Length / 2);
        HeldOut = [.. order.Take(held).Select(i => all[i])];
        _train = [.. order.Skip(held).Order().Select(i => all[i])];
        LongestPrompt = all.Max(problem => Prompt(problem).Length);
        Hash = HashOf(HeldOut.Concat(_train));
    }

    /// <summary>What judges the answers; null where nothing but a model or a person can.</summary>
    public VerifiableTask? Task { get; }

    public Tokenizer Tokenizer { get; }

    /// <summary>Tokens of the longest prompt that was seen; a task may draw one longer by a token or two.</summary>
    public int LongestPrompt { get; }

    /// <summary>Prompts that left no room for an answer.</summary>
    public int TooLong { get; }

    public IReadOnlyList<Problem> HeldOut { get; }

    /// <summary>SHA-256 of what is asked and of the side it is on.</summary>
    public string Hash { get; }

    /// <summary>The token that ends an answer.</summary>
    public int EndOfTurn => _renderer.EndOfTurn;

    /// <summary>What the model reads before it answers.</summary>
    public int[] Prompt(Problem problem) => _renderer.Prompt(problem.Prompt);

    /// <summary>The problems of a step, from 0: new ones for a task, each prompt once an epoch otherwise.</summary>
    public IReadOnlyList<Problem> Draw(long step, int count)
    {
        var problems = new Problem[count];
        var order = new int[_train.Count];
        var last = -1L;
        for (var i = 0; i < count; i++)
        {
            var index = (step * count) + i;
            if (Task is not null)
            {
                problems[i] = Task.Draw(_seed, (ulong)index, heldOut: false);
                continue;
            }

            var (epoch, draw) = Math.DivRem(index, _train.Count);
            if (epoch != last)
                Shuffle.Permutation(order, Shuffle.Key(_seed, stream: 12, (ulong)epoch));
            (last, problems[i]) = (epoch, _train[order[draw]]);
        }

        return problems;
    }

    private string HashOf(IEnumerable<Problem> problems)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var problem in problems)
            hash.AppendData(Encoding.UTF8.GetBytes(
                $"{Task?.Name}/{problem.Key}/{problem.Solution}/{string.Join(' ', Prompt(problem))}\n"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
