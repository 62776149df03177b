using System.CommandLine;
using System.Globalization;
using Wisp.Compute;
using Wisp.Run;

namespace Wisp.Cli;

/// <summary><c>wisp rerank -m MODEL QUERY DOCUMENT...</c>: documents by their relevance, the best first.</summary>
internal static class RerankCommand
{
    public static Command Create()
    {
        var model = Models.Option();
        var query = new Argument<string>("QUERY") { Description = "What is looked for" };
        var documents = Texts.Argument("DOCUMENT", "The documents");
        var file = Texts.FileOption("Take each line of a file for a document, after the others; - is standard input");
        var truncate = Texts.TruncateOption();
        var threads = new Option<int>("--threads") { Description = "Threads; 0 means all cores", HelpName = "N" };
        var command = new Verb("rerank", "Sort documents by how well they answer a query", "Models",
            "wisp rerank -m bge-reranker.gguf \"who was Darwin\" \"A naturalist.\" \"A city in Australia.\"",
            "wisp rerank -m bge-reranker.gguf \"who was Darwin\" --file passages.txt")
        {
            model, query, documents, file, truncate, threads,
        };
        command.SetAction((parse, cancel) => Task.Run(() =>
        {
            var given = Texts.Read(parse.GetValue(documents), parse.GetValue(file));
            using var pool = new WorkerPool(Threads.Count(parse.GetValue(threads)));
            using var embedder = TextEmbedder.Open(Models.Find(parse.GetValue(model)), pool,
                new EmbedderOptions { Truncate = parse.GetValue(truncate) });
            var scores = embedder.Score(parse.GetRequiredValue(query), given, cancel);
            // Equal scores keep the order in which the documents were given.
            foreach (var (score, document) in scores.Zip(given).OrderByDescending(pair => pair.First))
                parse.InvocationConfiguration.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{score:0.000000}\t{Terminal.Clean(document).Replace('\n', ' ')}"));
        }, cancel));
        return command;
    }
}
