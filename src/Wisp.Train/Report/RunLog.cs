using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Wisp.Train.Report;

/// <summary>One line of a run's log. Step counts finished optimizer steps, so the first step's record says 1.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(StepRecord), "step")]
[JsonDerivedType(typeof(EvalRecord), "eval")]
[JsonDerivedType(typeof(SampleRecord), "sample")]
[JsonDerivedType(typeof(FigureRecord), "figure")]
[JsonDerivedType(typeof(WatchRecord), "watch")]
public abstract record LogRecord(int Step);

/// <param name="Loss">Mean training loss of the step, nats a token.</param>
/// <param name="GradientNorm">Global norm before clipping.</param>
/// <param name="Seconds">Wall time of the step.</param>
public sealed record StepRecord(
    int Step, float Loss, float LearningRate, float GradientNorm, double Seconds, int Tokens) : LogRecord(Step)
{
    [JsonIgnore]
    public double TokensPerSecond => Seconds > 0 ? Tokens / Seconds : 0;
}

/// <param name="LossNats">Held-out loss, nats a token.</param>
/// <param name="BitsPerByte">The same loss over the raw bytes of the held-out text.</param>
public sealed record EvalRecord(int Step, double LossNats, double BitsPerByte) : LogRecord(Step);

public sealed record SampleRecord(int Step, string Prompt, string Text) : LogRecord(Step);

/// <summary>
/// A figure that only some runs have, such as the accuracy on held-out pairs. Figures whose names are the same up to a
/// colon belong into one chart.
/// </summary>
public record FigureRecord(int Step, string Name, double Value) : LogRecord(Step);

/// <summary>A figure of every step, to be watched while a run goes on.</summary>
public sealed record WatchRecord(int Step, string Name, double Value) : FigureRecord(Step, Name, Value);

/// <summary>All that a log holds, in the order of its steps.</summary>
public sealed record RunRecords(
    IReadOnlyList<StepRecord> Steps, IReadOnlyList<EvalRecord> Evals, IReadOnlyList<SampleRecord> Samples)
{
    /// <summary>Those of looks and those of every step.</summary>
    public IReadOnlyList<FigureRecord> Figures { get; init; } = [];

    public static RunRecords Of(IReadOnlyCollection<LogRecord> records) => new(
        [.. records.OfType<StepRecord>()], [.. records.OfType<EvalRecord>()], [.. records.OfType<SampleRecord>()])
    {
        Figures = [.. records.OfType<FigureRecord>()],
    };
}

/// <summary>
/// The log of a run: <c>log.jsonl</c> in its folder, one JSON object a line. A line reaches the operating system before
/// Append returns, so kill -9 costs at most the line being written, and whoever reads next drops a torn last line.
/// </summary>
public sealed class RunLog : IDisposable
{
    public const string FileName = "log.jsonl";

    private readonly FileStream _file;
    private readonly ArrayBufferWriter<byte> _line = new(512);
    private readonly Utf8JsonWriter _json;
    private readonly int _resumedAt;
    private readonly HashSet<(string Kind, string? Prompt)> _standing = [];

    /// <summary>Opens the log of a run that stands at <paramref name="step"/>; 0 starts a new one.</summary>
    /// <remarks>
    /// Records after the step are cut away: they belong to steps that the checkpoint has not seen, and those steps will
    /// run again. What stands at the very step is kept, and appending it a second time does nothing.
    /// </remarks>
    public RunLog(string folder, int step = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, FileName);
        _resumedAt = step;
        if (File.Exists(path))
        {
            var records = ReadLines(path);
            var kept = records.Where(r => r.Step <= step).ToList();
            if (step == 0)
                kept.Clear();
            foreach (var record in kept.Where(r => r.Step == step))
                _standing.Add(Key(record));
            // Rewritten even when nothing is cut: this also drops a torn tail, which a new line would be glued to.
            AtomicFile.Write(path, output =>
            {
                using var json = new Utf8JsonWriter(output, LogJson.Writing);
                foreach (var record in kept)
                {
                    JsonSerializer.Serialize(json, record, LogJson.Default.LogRecord);
                    json.Flush();
                    output.WriteByte((byte)'\n');
                    json.Reset();
                }
            });
        }

        _file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        _json = new Utf8JsonWriter(_line, LogJson.Writing);
    }

    public void Append(LogRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        if (record.Step <= _resumedAt && _standing.Contains(Key(record)))
            return;

        _line.ResetWrittenCount();
        _json.Reset();
        JsonSerializer.Serialize(_json, record, LogJson.Default.LogRecord);
        _json.Flush();
        _line.Write("\n"u8);
        _file.Write(_line.WrittenSpan); // one system call a line: either the line is there or the tail is torn
    }

    /// <summary>Reads a run's log; a folder without one gives an empty list.</summary>
    public static RunRecords Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        return RunRecords.Of(File.Exists(path) ? ReadLines(path) : []);
    }

    public void Dispose()
    {
        _json.Dispose();
        _file.Dispose();
    }

    private static (string Kind, string? Prompt) Key(LogRecord record) =>
        (record.GetType().Name, (record as SampleRecord)?.Prompt ?? (record as FigureRecord)?.Name);

    private static List<LogRecord> ReadLines(string path)
    {
        var records = new List<LogRecord>();
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file, Encoding.UTF8);
        JsonException? torn = null;
        for (var number = 1; reader.ReadLine() is { } line; number++)
        {
            // Only the last line can be torn by a kill; damage further up means that someone else wrote into the file.
            if (torn is not null)
                throw new InvalidDataException(
                    $"{path}, line {number - 1}: not a record of this log ({torn.Message.ReplaceLineEndings(" ")}). " +
                    "Remove that line, or move the file away to go on without the older curves.");
            if (line.Length == 0)
                continue;
            try
            {
                records.Add(JsonSerializer.Deserialize(line, LogJson.Default.LogRecord)
                    ?? throw new JsonException("the line is null"));
            }
            catch (Exception e) when (e is JsonException or NotSupportedException)
            {
                torn = e as JsonException ?? new JsonException("it has no known kind");
            }
        }

        return records;
    }
}

// NaN and infinities are written by name: a run that diverged has to be readable afterwards.
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    AllowOutOfOrderMetadataProperties = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(LogRecord))]
internal sealed partial class LogJson : JsonSerializerContext
{
    // The log is read by people and never placed in a page, so letters stay letters.
    public static JsonWriterOptions Writing => new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
