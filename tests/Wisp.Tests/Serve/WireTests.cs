using System.Text.RegularExpressions;

namespace Wisp.Tests.Serve;

/// <summary>
/// The bytes of the main replies, as clients get them, beside files. What differs from call to call (ids, times,
/// numbers that the machine computes) is replaced by its kind; the model can write nothing but x.
/// </summary>
public partial class WireTests(LiveServer server) : IClassFixture<LiveServer>
{
    private const string Message = "\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]";

    public static TheoryData<string, string, string> Requests => new()
    {
        { "chat", "/v1/chat/completions", $$$"""{ {{{Message}}}, BIAS, "max_tokens": 3, "n": 2 }""" },
        { "chat-logprobs", "/v1/chat/completions",
            $$$"""{ {{{Message}}}, BIAS, "max_tokens": 1, "logprobs": true, "top_logprobs": 1 }""" },
        { "chat-stream", "/v1/chat/completions", $$$"""
            { {{{Message}}}, BIAS, "max_tokens": 3, "stream": true, "stream_options": {"include_usage": true} }
            """ },
        { "chat-error", "/v1/chat/completions", """{"messages": 5}""" },
        { "completion", "/v1/completions", """{"prompt": "Hello", BIAS, "max_tokens": 2, "logprobs": 1}""" },
        { "completion-stream", "/v1/completions", """{"prompt": "Hello", BIAS, "max_tokens": 2, "stream": true}""" },
        { "embedding", "/v1/embeddings", """{"input": "Hello", "encoding_format": "base64"}""" },
        { "ollama-chat", "/api/chat", $$$"""
            {"model": "wisp-chat", {{{Message}}}, "stream": false, "options": {"num_predict": 3, BIAS}}
            """ },
        { "ollama-chat-stream", "/api/chat", $$$"""
            {"model": "wisp-chat", {{{Message}}}, "options": {"num_predict": 2, BIAS}}
            """ },
        { "ollama-generate-stream", "/api/generate", """
            {"model": "wisp-chat", "prompt": "Hello", "options": {"num_predict": 2, BIAS}}
            """ },
        { "ollama-error", "/api/chat", """{"model": "nobody"}""" },
        { "tokenize", "/tokenize", """{"content": "x", "with_pieces": true}""" },
        { "apply-template", "/apply-template", $$$"""{ {{{Message}}} }""" },
    };

    [Theory, MemberData(nameof(Requests))]
    public async Task A_reply_has_the_bytes_of_its_file(string name, string path, string body)
    {
        var tokens = await server.Post("/tokenize", """{"content": "x"}""");
        var bias = $"\"logit_bias\": {{\"{(int)tokens["tokens"]![0]!}\": 100}}, \"seed\": 1";
        using var response = await server.Http.PostAsync(path, LiveServer.Body(body.Replace("BIAS", bias)));
        var text = $"{(int)response.StatusCode} {response.Content.Headers.ContentType}\n" +
            Plain(await response.Content.ReadAsStringAsync());
        var golden = Path.Combine(LiveServer.Root, "tests", "Wisp.Tests", "Serve", "Wire", $"{name}.txt");
        if (File.Exists(golden) && await File.ReadAllTextAsync(golden) == text)
            return;
        await File.WriteAllTextAsync($"{golden}.received", text);
        Assert.Fail($"The reply differs from {golden}. Where it is right: mv {golden}.received {golden}\n{text}");
    }

    private static string Plain(string reply)
    {
        reply = Ids().Replace(reply, "$1ID");
        reply = Times().Replace(reply, "$1$2TIME");
        reply = Counts().Replace(reply, "$1COUNT");
        reply = Scores().Replace(reply, "$1SCORE");
        reply = Vectors().Replace(reply, "$1VECTOR\"");
        return BestToken().Replace(reply, "$1BEST");
    }

    [GeneratedRegex("((?:chatcmpl|cmpl)-)[0-9a-f]+")]
    private static partial Regex Ids();

    [GeneratedRegex("(\"(?:created|total_duration|load_duration|prompt_eval_duration|eval_duration)\":)[0-9]+" +
        "|(\"created_at\":)\"[^\"]+\"")]
    private static partial Regex Times();

    // What is found in the cache depends on what ran before.
    [GeneratedRegex("(\"cached_tokens\":)[0-9]+")]
    private static partial Regex Counts();

    [GeneratedRegex("(\"logprob\":|\"token_logprobs\":\\[)-?[0-9.E+-]+(?:,-?[0-9.E+-]+)*")]
    private static partial Regex Scores();

    [GeneratedRegex("(\"embedding\":\")[A-Za-z0-9+/=]+\"")]
    private static partial Regex Vectors();

    [GeneratedRegex("(\"top_logprobs\":\\[)(?:\\{[^\\]]*\\}|,)+(?=\\])")]
    private static partial Regex BestToken();
}
