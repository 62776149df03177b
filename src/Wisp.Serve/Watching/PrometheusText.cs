using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Wisp.Serve.Watching;

/// <summary>
/// The metrics of <see cref="Telemetry"/> in Prometheus' text format 0.0.4, gathered by a listener of its own: the
/// exporters that there are for OpenTelemetry are no released versions.
/// </summary>
internal sealed class PrometheusText : IDisposable
{
    private sealed class Series(double[] bounds)
    {
        public readonly long[] Buckets = new long[bounds.Length + 1]; // all of them guarded by the series
        public double[] Bounds => bounds;
        public double Sum;
        public long Count;
    }

    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<(Instrument Of, string Labels), Series> _series = [];

    /// <param name="meters">Only meters of this factory: several servers may live in one process.</param>
    public PrometheusText(IMeterFactory meters)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == Telemetry.Name && ReferenceEquals(instrument.Meter.Scope, meters))
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.Start();
    }

    /// <summary>All metrics as they are now.</summary>
    public string Write()
    {
        foreach (var gauge in _series.Keys.Where(key => key.Of is ObservableGauge<long>))
            _series.TryRemove(gauge, out _); // a model that is gone has no value any more
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        foreach (var group in _series.GroupBy(pair => pair.Key.Of).OrderBy(group => group.Key.Name,
            StringComparer.Ordinal))
        {
            var instrument = group.Key;
            var name = NameOf(instrument);
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {instrument.Description}\n");
            text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} {KindOf(instrument)}\n");
            foreach (var (key, series) in group.OrderBy(pair => pair.Key.Labels, StringComparer.Ordinal))
                lock (series)
                    Write(text, name, key.Labels, series, KindOf(instrument) == "histogram");
        }

        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();

    private static void Write(StringBuilder text, string name, string labels, Series series, bool isHistogram)
    {
        if (!isHistogram)
        {
            Line(text, name, labels, series.Sum);
            return;
        }

        var below = 0L;
        for (var i = 0; i < series.Buckets.Length; i++)
        {
            below += series.Buckets[i];
            var bound = i < series.Bounds.Length ? series.Bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
            Line(text, $"{name}_bucket", labels.Length == 0 ? $"le=\"{bound}\"" : $"{labels},le=\"{bound}\"", below);
        }

        Line(text, $"{name}_sum", labels, series.Sum);
        Line(text, $"{name}_count", labels, series.Count);
    }

    private static void Line(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0)
            text.Append('{').Append(labels).Append('}');
        text.Append(CultureInfo.InvariantCulture, $" {value}\n");
    }

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var series = _series.GetOrAdd((instrument, LabelsOf(tags)), static key => new Series(BoundsOf(key.Of)));
        lock (series)
        {
            if (instrument is ObservableGauge<long>)
                series.Sum = value;
            else
                series.Sum += value;
            series.Count++;
            var bucket = 0;
            while (bucket < series.Bounds.Length && value > series.Bounds[bucket])
                bucket++;
            series.Buckets[bucket]++;
        }
    }

    private static double[] BoundsOf(Instrument instrument) => instrument switch
    {
        Histogram<double> of => [.. of.Advice?.HistogramBucketBoundaries ?? []],
        Histogram<long> of => [.. (of.Advice?.HistogramBucketBoundaries ?? []).Select(bound => (double)bound)],
        _ => [],
    };

    private static string KindOf(Instrument instrument) => instrument switch
    {
        Counter<long> => "counter",
        ObservableGauge<long> => "gauge",
        _ => "histogram",
    };

    // As OpenTelemetry maps names: dots become _, the unit and, for counters, _total follow.
    private static string NameOf(Instrument instrument) => instrument.Name.Replace('.', '_')
        + (instrument.Unit == "s" ? "_seconds" : "") + (instrument is Counter<long> ? "_total" : "");

    private static string LabelsOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var labels = new List<string>();
        foreach (var (name, value) in tags)
            labels.Add($"{name.Replace('.', '_')}=\"{Escaped(value?.ToString() ?? "")}\"");
        labels.Sort(StringComparer.Ordinal);
        return string.Join(',', labels);
    }

    private static string Escaped(string value) => value.Replace("\\", @"\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal);
}
