using System.Reflection;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Wisp.Serve.Page;

/// <summary>The files of the page, carried in this assembly and sent as they are.</summary>
internal static class PageAssets
{
    private const string Prefix = "web/";

    // Nothing but what this server sends; no inline script or style, no frames around it, no forms that leave, and no
    // text that a script could turn into HTML.
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
        "require-trusted-types-for 'script'; trusted-types 'none'";

    private static readonly Dictionary<string, string> s_types = new()
    {
        [".html"] = "text/html; charset=utf-8", [".css"] = "text/css; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8", [".svg"] = "image/svg+xml",
        [".webmanifest"] = "application/manifest+json",
    };

    // By path; read once, at the first request for any.
    private static readonly Lazy<Dictionary<string, Asset>> s_all = new(() =>
    {
        var assembly = typeof(PageAssets).Assembly;
        return assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .ToDictionary(name => name == Prefix + "index.html" ? "/" : $"/{name[Prefix.Length..]}",
                name => new Asset(assembly, name));
    });

    public static void Map(IEndpointRouteBuilder routes)
    {
        foreach (var (path, asset) in s_all.Value)
            routes.MapGet(path, asset.Send);
    }

    /// <summary>Whether a path is one of the page's files, which hold nothing of anybody.</summary>
    public static bool Has(PathString path) => path.Value is { } name && s_all.Value.ContainsKey(name);

    private sealed class Asset
    {
        private readonly byte[] _content;
        private readonly string _type, _tag;

        public Asset(Assembly assembly, string resource)
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            using var memory = new MemoryStream();
            stream.CopyTo(memory);
            _content = memory.ToArray();
            _type = s_types[Path.GetExtension(resource)];
            _tag = $"\"{Convert.ToHexStringLower(SHA256.HashData(_content))[..16]}\"";
        }

        public Task Send(HttpContext context)
        {
            var headers = context.Response.Headers;
            headers.ContentSecurityPolicy = Policy;
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "no-referrer";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            headers.ETag = _tag;
            headers.CacheControl = "no-cache"; // asks each time, so that a new version is seen at once
            if (context.Request.Headers.IfNoneMatch.Contains(_tag))
            {
                context.Response.StatusCode = StatusCodes.Status304NotModified;
                return Task.CompletedTask;
            }

            context.Response.ContentType = _type;
            context.Response.ContentLength = _content.Length;
            return context.Response.Body.WriteAsync(_content, context.RequestAborted).AsTask();
        }
    }
}
