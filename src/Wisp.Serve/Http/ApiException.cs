namespace Wisp.Serve.Http;

/// <summary>A request that is answered with an error; each API writes it in its own shape.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="message">What, where, what to do; it is shown to the client.</param>
internal sealed class ApiException(int status, string message, Exception? inner = null) : Exception(message, inner)
{
    public int Status { get; } = status;

    /// <summary>The field of the request that is at fault, such as "messages[0].role".</summary>
    public string? Param { get; init; }

    /// <summary>OpenAI's code of the fault, such as "model_not_found".</summary>
    public string? Code { get; init; }

    /// <summary>After what time another attempt makes sense.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>OpenAI's kind of fault.</summary>
    public string Type => Status switch
    {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        503 => "unavailable_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };

    public static ApiException Invalid(string message, string? param = null, string? code = null) =>
        new(400, message) { Param = param, Code = code };
}
