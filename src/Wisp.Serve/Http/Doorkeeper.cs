using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Wisp.Serve.OpenAi;

namespace Wisp.Serve.Http;

/// <summary>
/// Who is let in: by the name the server was called by, by the page that calls, and by key. Stands before all routes.
/// </summary>
/// <remarks>
/// A server on the loopback is open to every page that a browser has open. Two rules close it: the Host header must
/// name this machine, so that no name of the attacker's can be pointed at it (DNS rebinding), and a request that names
/// another page as its origin is refused unless that origin is allowed, also where the page could not read the answer.
/// </remarks>
internal sealed partial class Doorkeeper
{
    private readonly DoorOptions _options;
    private readonly ILogger<Doorkeeper> _log;
    private readonly List<byte[]> _keys; // as hashes of one length, so that comparing takes the same time for any key
    private readonly HashSet<string> _hosts;

    public Doorkeeper(DoorOptions options, ILogger<Doorkeeper> log)
    {
        (_options, _log) = (options, log);
        _keys = [.. options.ApiKeys.Select(Hash)];
        _hosts = new HashSet<string>(options.Hosts, StringComparer.OrdinalIgnoreCase) { "localhost" };
    }

    public async Task Handle(HttpContext context, RequestDelegate next)
    {
        if (Refusal(context) is { } fault)
        {
            LogRefused(_log, context.Request.Path, fault.Status, fault.Message);
            if (fault.Status == 401)
                context.Response.Headers.WWWAuthenticate = "Bearer";
            await ApiError.OpenAi(context, fault);
            return;
        }

        if (!IsPreflight(context))
            await next(context);
    }

    private ApiException? Refusal(HttpContext context)
    {
        var request = context.Request;
        if (!IsOurs(request.Host.Host, context.Connection.LocalIpAddress))
            return new ApiException(403, $"The request was made to the host '{request.Host.Host}', which is not " +
                "known to be this server. Call it by its address, or allow the name with --allow-host.")
            {
                Code = "unknown_host",
            };
        if (request.Headers.Origin is [{ Length: > 0 } origin] && !IsSameOrigin(request, origin))
        {
            if (!_options.Origins.Contains(origin) && !_options.Origins.Contains("*"))
                return new ApiException(403, $"Pages of {origin} may not call this server. Allow them with --cors.")
                {
                    Code = "origin_not_allowed",
                };
            Allow(context.Response.Headers, origin);
        }

        return IsPreflight(context) || IsOpen(request.Path) || HasKey(request) ? null
            : new ApiException(401, request.Headers.Authorization.Count == 0
                ? "You didn't provide an API key. Send it as a header: Authorization: Bearer KEY."
                : "Incorrect API key provided.")
            { Code = "invalid_api_key" };
    }

    // Addresses cannot be rebound, names can.
    private bool IsOurs(string host, IPAddress? local)
    {
        if (host.Length == 0 || _hosts.Contains("*") || _hosts.Contains(host))
            return true;
        if (!IPAddress.TryParse(host.Trim('[', ']'), out var address))
            return false;
        return IPAddress.IsLoopback(address) || _options.OpenToOthers
            || (local is not null && address.Equals(local.IsIPv4MappedToIPv6 ? local.MapToIPv4() : local));
    }

    private static bool IsSameOrigin(HttpRequest request, string origin) =>
        string.Equals(origin, $"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase);

    private static bool IsPreflight(HttpContext context) => HttpMethods.IsOptions(context.Request.Method)
        && context.Request.Headers.ContainsKey("Access-Control-Request-Method");

    private static void Allow(IHeaderDictionary headers, string origin)
    {
        headers.AccessControlAllowOrigin = origin;
        headers.Vary = "Origin";
        headers.AccessControlAllowMethods = "GET, POST, DELETE";
        headers.AccessControlAllowHeaders = "*, Authorization, Content-Type";
        headers.AccessControlMaxAge = "600";
    }

    /// <summary>What tells nothing about models and people: probes have no key, and the page asks for one.</summary>
    private static bool IsOpen(PathString path) =>
        path == "/health" || path == "/v1/health" || Page.PageAssets.Has(path);

    private bool HasKey(HttpRequest request)
    {
        if (_keys.Count == 0)
            return true;
        const string Scheme = "Bearer ";
        var given = request.Headers.Authorization is [{ } header]
            && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? header[Scheme.Length..].Trim()
            : request.Headers["X-Api-Key"] is [{ } plain] ? plain : "";
        var hash = Hash(given);
        var found = false;
        foreach (var key in _keys) // all of them: which one it was takes no other time
            found |= CryptographicOperations.FixedTimeEquals(key, hash);
        return found;
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    [LoggerMessage(EventId = 10, Level = LogLevel.Information, Message = "{Path} refused: {Status}, {Reason}")]
    private static partial void LogRefused(ILogger log, PathString path, int status, string reason);
}

/// <summary>Who may call a server.</summary>
internal sealed record DoorOptions
{
    /// <summary>Any of them opens; none leaves the server open.</summary>
    public IReadOnlyList<string> ApiKeys { get; init; } = [];

    /// <summary>Names the server may be called by, beside localhost and addresses; "*" for all.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>Origins of pages that may call; "*" for all.</summary>
    public IReadOnlyList<string> Origins { get; init; } = [];

    /// <summary>Whether the server listens to more than the loopback, where any address may be its own.</summary>
    public bool OpenToOthers { get; init; }
}
