using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Wisp.Run;

namespace Wisp.Serve.Http;

/// <summary>Writes an error in the shape of one API: as an answer, or as the last piece of a stream.</summary>
internal delegate Task ErrorWriter(HttpContext context, ApiException fault);

/// <summary>From whatever goes wrong in a handler to an answer that says so; the server serves on.</summary>
internal sealed partial class Faults(ILogger<Faults> log)
{
    // What the engine calls options and what the wire does.
    private static readonly (string Engine, string Wire)[] s_names =
    [
        ("ChatOptions.ToolMode", "tool_choice"), ("ChatOptions.Tools", "tools"),
        ("ChatOptions.ResponseFormat", "response_format"), ("ChatOptions.Reasoning.Effort", "reasoning_effort"),
        ("ChatOptions.StopSequences", "stop"), ("ChatOptions.MaxOutputTokens", "max_completion_tokens"),
    ];

    /// <summary>A handler whose faults become errors of an API.</summary>
    public RequestDelegate Guard(ErrorWriter write, RequestDelegate handle) => async context =>
    {
        try
        {
            await handle(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to be told.
        }
        catch (Exception e)
        {
            var fault = Translate(e);
            if (fault.Status == 500)
                LogFault(log, context.Request.Path, e);
            if (fault.RetryAfter is { } wait && !context.Response.HasStarted)
                context.Response.Headers.RetryAfter = $"{Math.Ceiling(wait.TotalSeconds):0}";
            if (!context.Response.HasStarted)
                context.Response.StatusCode = fault.Status;
            await write(context, fault);
        }
    };

    private static ApiException Translate(Exception e) => e switch
    {
        ApiException known => known,
        PromptTooLongException => new ApiException(400, Worded(e), e)
        {
            Param = "messages", Code = "context_length_exceeded",
        },
        BadHttpRequestException { StatusCode: 413 } => new ApiException(413,
            "The body of the request is larger than this server takes.", e)
        { Code = "request_too_large" },
        BadHttpRequestException bad => new ApiException(bad.StatusCode, bad.Message, e),
        ArgumentException or NotSupportedException => new ApiException(400, Worded(e), e),
        // The engine was stopped: the server goes down, or the model was unloaded.
        OperationCanceledException or ObjectDisposedException => new ApiException(503,
            "The server is shutting down.", e)
        { RetryAfter = TimeSpan.FromSeconds(10) },
        _ => new ApiException(500, "The server had an error while it processed the request; its log says more.", e),
    };

    private static string Worded(Exception e)
    {
        var message = ParameterSuffix().Replace(e.Message, "");
        foreach (var (engine, wire) in s_names)
            message = message.Replace(engine, $"'{wire}'", StringComparison.Ordinal);
        return message;
    }

    [GeneratedRegex(@" \(Parameter '\w+'\)(\s*Actual value was .*)?$", RegexOptions.Singleline)]
    private static partial Regex ParameterSuffix();

    [LoggerMessage(EventId = 1, Level = LogLevel.Error, Message = "{Path} failed")]
    private static partial void LogFault(ILogger log, PathString path, Exception fault);
}
