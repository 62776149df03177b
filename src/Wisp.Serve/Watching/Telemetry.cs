using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace Wisp.Serve.Watching;

/// <summary>
/// Traces and metrics by OpenTelemetry's conventions for generative AI, version 0.1.0, under the name
/// <see cref="Name"/>; nothing is computed for them where nobody listens. Text of messages is in neither, and in logs
/// only where <see cref="ServeOptions.LogContent"/> asks for it.
/// </summary>
internal sealed class Telemetry : IDisposable
{
    /// <summary>Of the ActivitySource and of the Meter.</summary>
    public const string Name = "Wisp.Serve";

    /// <summary>The value of gen_ai.provider.name.</summary>
    public const string Provider = "wisp";

    private static readonly double[] s_seconds =
        [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

    private readonly Meter _meter;

    public Telemetry(IMeterFactory meters, ServeOptions options, ILogger<Telemetry> log)
    {
        (Log, LogsContent, Time) = (log, options.LogContent, options.Time);
        _meter = meters.Create(Name);
        Duration = Seconds("gen_ai.server.request.duration", "Time until the last token of a request", s_seconds);
        FirstToken = Seconds("gen_ai.server.time_to_first_token", "Time until the first token of a request",
            [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]);
        PerToken = Seconds("gen_ai.server.time_per_output_token", "Time of each token after the first",
            [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5]);
        Tokens = _meter.CreateHistogram<long>("gen_ai.client.token.usage", "{token}", "Tokens read and written", null,
            new InstrumentAdvice<long>
            {
                HistogramBucketBoundaries = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576],
            });
        Reused = _meter.CreateCounter<long>(
            "wisp.kv.reused_tokens", "{token}", "Tokens of prompts whose keys and values were in the cache");
    }

    public ActivitySource Traces { get; } = new(Name);

    public Histogram<double> Duration { get; }

    public Histogram<double> FirstToken { get; }

    public Histogram<double> PerToken { get; }

    public Histogram<long> Tokens { get; }

    public Counter<long> Reused { get; }

    public ILogger Log { get; }

    public bool LogsContent { get; }

    public TimeProvider Time { get; }

    /// <summary>A gauge whose value is read when somebody looks.</summary>
    public void Watch(string name, string unit, string description, Func<IEnumerable<Measurement<long>>> read) =>
        _meter.CreateObservableGauge(name, read, unit, description);

    public void Dispose() => Traces.Dispose(); // the meter is its factory's

    private Histogram<double> Seconds(string name, string description, double[] bounds) =>
        _meter.CreateHistogram(name, "s", description, null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = bounds });
}
