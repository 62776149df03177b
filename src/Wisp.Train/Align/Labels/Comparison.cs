using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Wisp.Train.Align.Conversations;

namespace Wisp.Train.Align.Labels;

/// <summary>An answer to compare, and where it comes from as far as that is known.</summary>
public sealed record Candidate(ConversationTurn Turn)
{
    /// <summary>What a person calls the model.</summary>
    public string? Model { get; init; }

    /// <summary>SHA-256 of the model's file, in hexadecimal.</summary>
    public string? ModelHash { get; init; }

    /// <summary>The seed that it was sampled with.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Whether it ended at the limit of tokens and not by itself.</summary>
    public bool WasCut { get; init; }
}

/// <summary>A prompt, which ends with a turn that wants an answer, and two to four answers that differ.</summary>
public sealed record Comparison
{
    public const int MostCandidates = 4;

    /// <exception cref="ArgumentException">Too few, too many, or two that are the same.</exception>
    public Comparison(Conversation prompt, IReadOnlyList<Candidate> candidates)
    {
        if (candidates.Count is < 2 or > MostCandidates)
            throw new ArgumentException(
                $"{candidates.Count} candidates; two to {MostCandidates} are compared.", nameof(candidates));
        string[] contents = [.. candidates.Select(candidate => ContentOf(candidate.Turn))];
        for (var i = 1; i < contents.Length; i++)
            if (Array.IndexOf(contents, contents[i], 0, i) is >= 0 and var same)
                throw new ArgumentException(
                    $"Candidates {same + 1} and {i + 1} are the same answer.", nameof(candidates));
        (Prompt, Candidates) = (prompt, candidates);
        PromptKey = KeyOf(prompt);
        Key = Hash(PromptKey, contents.Order(StringComparer.Ordinal));
        SourceKey = SourceKeyOf(prompt, candidates.Select(candidate => candidate.ModelHash));
    }

    public Conversation Prompt { get; }

    public IReadOnlyList<Candidate> Candidates { get; }

    /// <summary>The same for the same prompt, whatever answers it.</summary>
    public string PromptKey { get; }

    /// <summary>The same for the same prompt with the same answers, in whatever order they stand.</summary>
    public string Key { get; }

    /// <summary>The same for the same prompt answered by the same models, whatever they say.</summary>
    public string SourceKey { get; }

    /// <param name="models">Hashes of their files.</param>
    public static string SourceKeyOf(Conversation prompt, IEnumerable<string?> models) =>
        Hash(KeyOf(prompt), models.Select(hash => hash ?? "").Distinct().Order(StringComparer.Ordinal));

    public static string KeyOf(Conversation prompt) =>
        Hash(ChatFormat.Messages(prompt).ToJsonString(), [prompt.Tools?.ToJsonString() ?? ""]);

    /// <summary>What two answers have to differ in, to be worth comparing.</summary>
    public static string ContentOf(ConversationTurn turn) =>
        ((JsonObject)ChatFormat.Messages(new Conversation([turn with { Text = turn.Text.Trim() }]))[0]!).ToJsonString();

    private static string Hash(string first, IEnumerable<string> more) => Convert.ToHexStringLower(
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', more.Prepend(first))))[..12]);
}
