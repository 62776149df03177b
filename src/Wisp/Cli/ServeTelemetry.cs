using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Wisp.Cli;

/// <summary>
/// Sends traces and metrics of a server by OTLP, where OpenTelemetry's own variable OTEL_EXPORTER_OTLP_ENDPOINT says
/// where to; without it nothing is sent anywhere.
/// </summary>
internal sealed class ServeTelemetry : IDisposable
{
    private const string Source = "Wisp.Serve";

    // A request's own span is the parent of ours. Where nobody records it, ours count as not sampled and are dropped.
    private const string Requests = "Microsoft.AspNetCore";

    private readonly IDisposable?[] _senders;

    private ServeTelemetry(params IDisposable?[] senders) => _senders = senders;

    public static ServeTelemetry Start(Func<string, string?> environment)
    {
        if (string.IsNullOrEmpty(environment("OTEL_EXPORTER_OTLP_ENDPOINT")))
            return new ServeTelemetry();
        var resource = ResourceBuilder.CreateDefault().AddService("wisp");
        return new ServeTelemetry(
            Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(Source, Requests)
                .AddOtlpExporter().Build(),
            Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(Source).AddOtlpExporter().Build());
    }

    /// <summary>Sends what is left.</summary>
    public void Dispose()
    {
        foreach (var sender in _senders)
            sender?.Dispose();
    }
}
