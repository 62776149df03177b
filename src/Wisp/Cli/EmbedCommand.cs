using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Wisp.Compute;
using Wisp.Run;

namespace Wisp.Cli;

/// <summary><c>wisp embed -m MODEL TEXT...</c>: a vector for each text.</summary>
internal static class EmbedCommand
{
    public static Command Create()
    {
        var model = Models.Option();
        var texts = Texts.Argument("TEXT", "The texts");
        var file = Texts.FileOption("Embed each line of a file, after the texts; - is standard input");
        var json = new Option<bool>("--json") { Description = "One JSON document as OpenAI's API has it" };
        var pooling = new Option<string?>("--pooling")
        {
            Description = "How a text's rows become one vector; without it as the file says, else the mean",
        };
        pooling.HelpName = "mean|cls|last";
        pooling.AcceptOnlyFromAmong("mean", "cls", "last");
        var raw = new Option<bool>("--no-normalize") { Description = "Leave vectors at the length they have" };
        var truncate = Texts.TruncateOption();
        var threads = new Option<int>("--threads") { Description = "Threads; 0 means all cores", HelpName = "N" };
        var command = new Verb("embed", "Turn texts into vectors", "Models",
            "wisp embed -m bge-small.gguf \"a cat\" \"a dog\"", "wisp embed -m bge-small.gguf --file lines.txt --json")
        {
            model, texts, file, json, pooling, raw, truncate, threads,
        };
        command.SetAction((parse, cancel) => Task.Run(() =>
        {
            var given = Texts.Read(parse.GetValue(texts), parse.GetValue(file));
            var options = new EmbedderOptions
            {
                Pooling = parse.GetValue(pooling) is { } named ? Enum.Parse<Pooling>(named, ignoreCase: true) : null,
                Normalise = !parse.GetValue(raw),
                Truncate = parse.GetValue(truncate),
            };
            using var pool = new WorkerPool(Threads.Count(parse.GetValue(threads)));
            using var embedder = TextEmbedder.Open(Models.Find(parse.GetValue(model)), pool, options);
            var (vectors, tokens) = embedder.EmbedCounted(given, cancel);
            var output = parse.InvocationConfiguration.Output;
            if (parse.GetValue(json))
                output.WriteLine(Json(embedder.Name, vectors, tokens));
            else
                foreach (var vector in vectors)
                    output.WriteLine(string.Join(' ', vector.Select(z => z.ToString(CultureInfo.InvariantCulture))));
        }, cancel));
        return command;
    }

    private static string Json(string model, float[][] vectors, long tokens)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory))
        {
            json.WriteStartObject();
            json.WriteString("object", "list");
            json.WriteStartArray("data");
            for (var i = 0; i < vectors.Length; i++)
            {
                json.WriteStartObject();
                json.WriteString("object", "embedding");
                json.WriteNumber("index", i);
                json.WriteStartArray("embedding");
                foreach (var z in vectors[i])
                    json.WriteNumberValue(z);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteString("model", model);
            json.WriteStartObject("usage");
            json.WriteNumber("prompt_tokens", tokens);
            json.WriteNumber("total_tokens", tokens);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(memory.ToArray());
    }
}
