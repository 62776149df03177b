using System.Globalization;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Align.Labels;

namespace Wisp.Tests.Train.Align.Labels;

/// <summary>Comparisons and judgments in few words.</summary>
internal static class Judged
{
    private static int s_ids;

    /// <summary>Answers named "model:text" have that model.</summary>
    public static Comparison Comparison(string prompt, params string[] answers) => new(
        new Conversation([new ConversationTurn(Role.User, prompt)]), [.. answers.Select(answer =>
            answer.Split(':') is [var model, var text] && model.All(char.IsAsciiLetterOrDigit)
                ? Answer(text) with { Model = model, ModelHash = $"{model}0123456789" }
                : Answer(answer))]);

    /// <param name="ranking">Candidates from best to worst, such as "1>0" or "0=1".</param>
    public static LabelRecord Record(
        Comparison comparison, string labeller, string ranking, bool repeat = false) => new()
        {
            Kind = LabelKind.Judgment, Id = $"id{Interlocked.Increment(ref s_ids)}", Labeller = labeller,
            Time = new DateTimeOffset(2026, 3, 14, 15, 9, 26, 535, TimeSpan.Zero), Seconds = 2.5,
            Comparison = comparison, Shown = [.. Enumerable.Range(0, comparison.Candidates.Count).Reverse()],
            IsRepeat = repeat,
            Ranking = [.. ranking.Split('>').Select(group => (IReadOnlyList<int>)
            [.. group.Split('=').Select(place => int.Parse(place, CultureInfo.InvariantCulture))])],
        };

    public static LabelRecord Undo(LabelRecord record) => new()
    {
        Kind = LabelKind.Undo, Id = $"id{Interlocked.Increment(ref s_ids)}", Labeller = record.Labeller,
        Time = record.Time, Undone = record.Id,
    };

    private static Candidate Answer(string text) => new(new ConversationTurn(Role.Assistant, text));

    public static LabelReading Reading(params IEnumerable<LabelRecord> records)
    {
        var reading = new LabelReading();
        foreach (var record in records)
            reading.Add(record);
        return reading;
    }
}
