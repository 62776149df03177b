using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Report;

namespace Wisp.Train.Align;

/// <summary>
/// Whether a model keeps the format of a chat: answers that end by themselves, hold no control token where none
/// belongs, and calls that a program can read.
/// </summary>
/// <param name="Ended">Answers that end with the token that ends a turn, within the limit and without a stray control
/// token.</param>
/// <param name="Called">Calls that are well formed, of the answers that should be calls.</param>
/// <param name="Same">Calls of the same function with the same arguments as the data have.</param>
public sealed record AnswerCheck(Proportion Ended, Proportion Called, Proportion Same)
{
    /// <summary>Tokens after which an answer has not ended: more than any answer of the data that it is for.</summary>
    public const int Limit = 256;

    /// <summary>Answers the first request of each conversation.</summary>
    public static AnswerCheck Measure(
        DecoderWeights weights, Tokenizer tokenizer, IEnumerable<Conversation> conversations, Sampling sampling,
        WorkerPool pool, CancellationToken cancel = default)
    {
        var renderer = new ChatRenderer(tokenizer);
        int ended = 0, all = 0, called = 0, same = 0, calls = 0;
        using var session = new Session(weights, pool);
        foreach (var conversation in conversations)
        {
            cancel.ThrowIfCancellationRequested();
            var before = conversation.Turns.TakeWhile(turn => turn.Role != Role.Assistant).Count();
            var prompt = renderer.Prompt(conversation.Take(before));
            if (prompt.Length + Limit > session.Context)
                continue; // it would run out of the context before the limit
            session.Clear();
            var sampler = new Sampler(sampling, seed: (ulong)all, tokenizer.VocabularySize);
            int[] ids = [.. Generation.Tokens(
                session, sampler, prompt, Limit, new HashSet<int> { renderer.EndOfTurn })];
            all++;
            ended += ids.Length < Limit && Stray(ids, tokenizer) is null ? 1 : 0;
            if (conversation.Turns[before].Calls is not [var wanted, ..])
                continue;
            calls++;
            if (CallIn(ids, tokenizer) is { } made)
                (called, same) = (called + 1, same + (made.Name == wanted.Name
                    && JsonNode.DeepEquals(made.Arguments, wanted.Arguments) ? 1 : 0));
        }

        return new AnswerCheck(new(ended, all), new(called, calls), new(same, calls));
    }

    internal IEnumerable<Setting> Facts(string how)
    {
        if (Ended.Trials > 0)
            yield return new($"answers that end, {how}", Ended.ToString());
        if (Called.Trials > 0)
        {
            yield return new($"calls well formed, {how}", Called.ToString());
            yield return new($"calls as in the data, {how}", Same.ToString());
        }
    }

    /// <summary>The first control token that does not belong into an answer, or null.</summary>
    internal static string? Stray(ReadOnlySpan<int> ids, Tokenizer tokenizer)
    {
        string? open = null; // the end of a call or a thought that has begun
        foreach (var id in ids)
        {
            if (!tokenizer.IsSpecial(id))
                continue;
            var token = tokenizer.Tokens[id];
            if (open is null && token is (ChatFormat.Call or ChatFormat.Think))
                open = token == ChatFormat.Call ? ChatFormat.EndCall : ChatFormat.EndThink;
            else if (token == open)
                open = null;
            else
                return token;
        }

        return open;
    }

    /// <summary>The first call in an answer; null where there is none that a program could read.</summary>
    internal static ToolCall? CallIn(ReadOnlySpan<int> ids, Tokenizer tokenizer) => Next(ref ids, tokenizer);

    /// <summary>All calls in an answer; null where one of them is nothing that a program could read.</summary>
    internal static IReadOnlyList<ToolCall>? CallsIn(ReadOnlySpan<int> ids, Tokenizer tokenizer)
    {
        var calls = new List<ToolCall>();
        while (ids.Contains(tokenizer.IdOf(ChatFormat.Call)))
        {
            if (Next(ref ids, tokenizer) is not { } call)
                return null;
            calls.Add(call);
        }

        return calls;
    }

    // Takes all up to the end of the next call.
    private static ToolCall? Next(ref ReadOnlySpan<int> ids, Tokenizer tokenizer)
    {
        var from = ids.IndexOf(tokenizer.IdOf(ChatFormat.Call));
        if (from < 0)
            return null;
        var length = ids[from..].IndexOf(tokenizer.IdOf(ChatFormat.EndCall));
        if (length < 0)
            return null;
        var text = tokenizer.DecodeText(ids.Slice(from + 1, length - 1));
        ids = ids[(from + length + 1)..];
        return Call(text);
    }

    private static ToolCall? Call(string text)
    {
        try
        {
            return JsonNode.Parse(text) is JsonObject { Count: 2 } call
                && call["name"]?.GetValueKind() == JsonValueKind.String && call["arguments"] is JsonObject arguments
                ? new ToolCall(call["name"]!.GetValue<string>(), arguments) : null;
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }
}
