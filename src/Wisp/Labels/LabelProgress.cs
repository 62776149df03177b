using System.Text.Json.Nodes;
using Wisp.Train.Align.Labels;

namespace Wisp.Labels;

/// <summary>How far a labeller has come, and how far they agree with themself and with others of the file.</summary>
/// <param name="keys">Keys of what is to be judged.</param>
/// <param name="file">Where the judgments go.</param>
internal sealed class LabelProgress(
    LabelDesk desk, string labeller, IReadOnlySet<string> keys, string file)
{
    private int _passed;

    /// <summary>Prompts that turned out to be of no use.</summary>
    public int Passed => _passed;

    /// <summary>One more of them; returns how many there are.</summary>
    public int Pass() => Interlocked.Increment(ref _passed);

    public Task<JsonObject> ReadAsync() => desk.ReadAsync(reading =>
    {
        LabelRecord[] own = [.. reading.Live.Where(record => record.Labeller == labeller)];
        var done = LabelDesk.DoneBy(labeller, reading).Count(keys.Contains);
        var figures = LabelFigures.Of(reading);
        var self = figures.Labellers.FirstOrDefault(one => one.Name == labeller)?.WithSelf;
        return new JsonObject
        {
            ["labeller"] = labeller, ["file"] = Path.GetFileName(file),
            ["done"] = done,
            ["total"] = keys.Count - _passed,
            ["judgments"] = own.Count(record => record.Kind == LabelKind.Judgment),
            ["skips"] = own.Count(record => record.Kind == LabelKind.Skip),
            ["canUndo"] = own.Length > 0,
            ["self"] = self is null ? null : LabelJson.Of(self),
            ["others"] = new JsonArray([.. figures.Shared
                .Where(shared => shared.One == labeller || shared.Other == labeller)
                .Select(shared =>
                {
                    var json = LabelJson.Of(shared.Agreement);
                    json["name"] = shared.One == labeller ? shared.Other : shared.One;
                    return (JsonNode)json;
                })]),
        };
    });
}
