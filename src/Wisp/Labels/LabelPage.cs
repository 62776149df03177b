using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Wisp.Labels;

/// <summary>The files of the page, carried inside the program, and the headers that fence them in.</summary>
internal static class LabelPage
{
    // Nothing but the page's own files, and no way for another page to frame it.
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

    private static readonly (string Path, string Name, string Type)[] s_files =
    [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/label.css", "label.css", "text/css; charset=utf-8"),
        ("/label.js", "label.js", "text/javascript; charset=utf-8"),
    ];

    public static void MapLabelPage(this WebApplication app)
    {
        app.Use((context, next) =>
        {
            var headers = context.Response.Headers;
            headers.ContentSecurityPolicy = Policy;
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "no-referrer";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            headers.CacheControl = "no-store";
            return next(context);
        });
        foreach (var (path, name, type) in s_files)
        {
            var bytes = Read(name);
            app.MapGet(path, (HttpContext context) =>
            {
                context.Response.ContentType = type;
                return context.Response.Body.WriteAsync(bytes, context.RequestAborted).AsTask();
            });
        }
    }

    private static byte[] Read(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"label/{name}")!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
