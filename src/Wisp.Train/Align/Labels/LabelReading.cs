using Wisp.Train.Align.Conversations;

namespace Wisp.Train.Align.Labels;

/// <summary>The records of a label file as they come, and which of them still hold.</summary>
public sealed class LabelReading
{
    private readonly List<LabelRecord> _all = [];
    private readonly Dictionary<string, LabelRecord> _known = [];
    private readonly HashSet<string> _undone = [];

    /// <summary>Every record, the undone ones and the undoing too.</summary>
    public IReadOnlyList<LabelRecord> All => _all;

    /// <summary>Judgments and skips that nobody took back, oldest first.</summary>
    public IEnumerable<LabelRecord> Live =>
        _all.Where(record => record.Kind != LabelKind.Undo && !_undone.Contains(record.Id));

    /// <summary>All records of a file.</summary>
    /// <exception cref="InvalidDataException">A line is none; the message names the file and the line.</exception>
    public static LabelReading Of(string path) => Of(JsonRecord.Read(path));

    internal static LabelReading Of(IEnumerable<JsonRecord> records)
    {
        var reading = new LabelReading();
        foreach (var record in records)
            if (!record.Reading(r => reading.Take(r)))
                throw record.Fault(
                    $"is no line of a label file: the fields are {record.Names}. `wisp label` writes such files.");
        return reading;
    }

    /// <exception cref="ArgumentException">It undoes what is not there, or has the id of another.</exception>
    public void Add(LabelRecord record)
    {
        if (record.Kind == LabelKind.Undo)
        {
            if (!_known.TryGetValue(record.Undone!, out var target) || target.Labeller != record.Labeller)
                throw new ArgumentException($"undoes '{record.Undone}', which is no earlier record of this labeller.");
            if (!_undone.Add(record.Undone!))
                throw new ArgumentException($"undoes '{record.Undone}', which was undone before.");
        }
        else if (!_known.TryAdd(record.Id, record))
        {
            throw new ArgumentException($"has the id '{record.Id}' of an earlier record.");
        }

        _all.Add(record);
    }

    /// <summary>Adds a record if it is one of a label file.</summary>
    internal bool Take(JsonRecord record)
    {
        if (!record.Fields.ContainsKey(LabelRecord.Mark))
            return false;
        var label = LabelRecord.Of(record);
        try
        {
            Add(label);
        }
        catch (ArgumentException e)
        {
            throw record.Fault(e.Message);
        }

        return true;
    }
}
