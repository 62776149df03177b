using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Wisp.Serve.Http;

namespace Wisp.Serve.Watching;

/// <summary>One request while a model works on it: what it cost, as traces, metrics and a line of the log.</summary>
internal sealed partial class Work
{
    private readonly Telemetry _telemetry;
    private readonly string _operation, _model;
    private readonly Activity? _span;
    private readonly long _begin;
    private long _first;
    private long _read, _cached, _written;
    private string[] _reasons = [];

    private Work(Telemetry telemetry, string operation, string model)
    {
        (_telemetry, _operation, _model) = (telemetry, operation, model);
        _begin = telemetry.Time.GetTimestamp();
        _span = telemetry.Traces.StartActivity($"{operation} {model}", ActivityKind.Internal);
        _span?.SetTag("gen_ai.operation.name", operation).SetTag("gen_ai.provider.name", Telemetry.Provider)
            .SetTag("gen_ai.request.model", model).SetTag("gen_ai.response.model", model);
    }

    /// <summary>Whether texts may be told.</summary>
    public bool TellsContent => _telemetry.LogsContent;

    /// <summary>Runs a request and tells of it, whatever becomes of it.</summary>
    /// <param name="operation">chat, text_completion or embeddings.</param>
    public static async Task Run(Telemetry telemetry, string operation, string model, Func<Work, Task> body)
    {
        var work = new Work(telemetry, operation, model);
        string? fault = null;
        try
        {
            await body(work);
        }
        catch (Exception e)
        {
            fault = e is OperationCanceledException ? "cancelled"
                : e is ApiException known ? known.Code ?? known.Type : e.GetType().Name;
            throw;
        }
        finally
        {
            work.End(fault);
        }
    }

    /// <summary>A parameter of the request, by its name in the conventions.</summary>
    public void Asked(string name, object? value)
    {
        if (value is not null)
            _span?.SetTag($"gen_ai.request.{name}", value);
    }

    public void Answers(string id) => _span?.SetTag("gen_ai.response.id", id);

    /// <summary>To be called whenever something was written; the first time counts.</summary>
    public void Wrote()
    {
        if (_first == 0)
            _first = _telemetry.Time.GetTimestamp();
    }

    /// <summary>What it came to.</summary>
    public void Cost(long read, long cached, long written, params string[] reasons) =>
        (_read, _cached, _written, _reasons) = (read, cached, written, reasons);

    /// <summary>Tells a text, where that was asked for.</summary>
    public void Tell(string what, string text)
    {
        if (_telemetry.LogsContent)
            LogSensitive(_telemetry.Log, _operation, _model, what, text);
    }

    private void End(string? fault)
    {
        var took = _telemetry.Time.GetElapsedTime(_begin).TotalSeconds;
        TagList tags =
        [
            new("gen_ai.operation.name", _operation), new("gen_ai.provider.name", Telemetry.Provider),
            new("gen_ai.request.model", _model), new("gen_ai.response.model", _model),
        ];
        if (fault is null)
            Measure(tags, took);
        _span?.SetTag("gen_ai.usage.input_tokens", _read).SetTag("gen_ai.usage.output_tokens", _written)
            .SetTag("gen_ai.usage.cache_read.input_tokens", _cached)
            .SetTag("gen_ai.response.finish_reasons", _reasons);
        if (fault is not null)
        {
            tags.Add("error.type", fault);
            _span?.SetTag("error.type", fault).SetStatus(ActivityStatusCode.Error, fault);
        }

        _telemetry.Duration.Record(took, tags);
        _span?.Dispose();
        if (!_telemetry.Log.IsEnabled(LogLevel.Information))
            return;
        var (outcome, seconds) = (fault ?? string.Join(',', _reasons), Math.Round(took, 3));
        LogDone(_telemetry.Log, _operation, _model, outcome, _read, _cached, _written, seconds);
    }

    private void Measure(in TagList tags, double took)
    {
        if (_first != 0)
        {
            var first = _telemetry.Time.GetElapsedTime(_begin, _first).TotalSeconds;
            _telemetry.FirstToken.Record(first, tags);
            if (_written > 1)
                _telemetry.PerToken.Record((took - first) / (_written - 1), tags);
        }

        _telemetry.Reused.Add(_cached, tags);
        Count(tags, "input", _read);
        if (_written > 0)
            Count(tags, "output", _written);
    }

    private void Count(TagList tags, string type, long tokens)
    {
        tags.Add("gen_ai.token.type", type);
        _telemetry.Tokens.Record(tokens, tags);
    }

    [LoggerMessage(EventId = 20, Level = LogLevel.Information, Message = "{Operation} {Model}: {Outcome}, " +
        "{InputTokens} tokens read ({CachedTokens} cached), {OutputTokens} written, {Seconds} s")]
    private static partial void LogDone(
        ILogger log, string operation, string model, string outcome, long inputTokens, long cachedTokens,
        long outputTokens, double seconds);

    [LoggerMessage(EventId = 21, Level = LogLevel.Information, Message = "{Operation} {Model}: {What}: {Text}")]
    private static partial void LogSensitive(ILogger log, string operation, string model, string what, string text);
}
