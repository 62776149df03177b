using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace Wisp.Serve.Http;

/// <summary>Bytes and text into the body of a response.</summary>
internal static class BodyWriting
{
    public static void Write(this PipeWriter body, ReadOnlySpan<byte> bytes) => BuffersExtensions.Write(body, bytes);

    public static void Write(this PipeWriter body, ReadOnlySpan<byte> before, string text, ReadOnlySpan<byte> after)
    {
        body.Write(before);
        Encoding.UTF8.GetBytes(text, body);
        body.Write(after);
    }
}
