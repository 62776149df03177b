using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Wisp.Train.Data;

namespace Wisp.Train.Eval;

/// <summary>The text that a model learned from, read again to look for tests in it.</summary>
public static class TrainingText
{
    /// <summary>
    /// The documents of files, folders and archives of text, of JSON lines of any shape (all strings of a line), and of
    /// the folder of a pretraining run, whose token files are the text.
    /// </summary>
    /// <exception cref="InvalidDataException">There is nothing of these.</exception>
    public static IEnumerable<ReadOnlyMemory<byte>> Read(IReadOnlyList<string> paths)
    {
        foreach (var path in paths)
        {
            var documents = File.Exists(Path.Combine(path, DataPipeline.ManifestFile)) ? OfRun(path)
                : IsJson(path) ? OfJson(path)
                : OfCorpus(path);
            foreach (var document in documents)
                yield return document;
        }
    }

    private static IEnumerable<ReadOnlyMemory<byte>> OfRun(string folder)
    {
        var tokenizer = TokenizerFile.Open(Path.Combine(folder, Checkpoint.FileName) is var checkpoint
            && File.Exists(checkpoint) ? checkpoint : Path.Combine(folder, TokenizerFile.FileName));
        using var corpus = DataPipeline.Open(folder);
        for (var d = 0; d < corpus.Train.DocumentCount; d++)
            yield return Text(d);

        ReadOnlyMemory<byte> Text(int document)
        {
            var text = new MemoryStream();
            foreach (var token in corpus.Train.Tokens(corpus.Train.Start(document) + 1, corpus.Train.Length(document)))
                text.Write(tokenizer.BytesOf(token));
            return text.GetBuffer().AsMemory(0, (int)text.Length);
        }
    }

    private static bool IsJson(string path)
    {
        CorpusFiles.KindOf(path, out var compression);
        var inner = compression.Length > 0 ? Path.GetFileNameWithoutExtension(path) : path;
        return Path.GetExtension(inner) is ".json" or ".jsonl" && File.Exists(path);
    }

    private static IEnumerable<ReadOnlyMemory<byte>> OfJson(string path)
    {
        foreach (var text in Tasks.TaskFiles.Objects(Tasks.TaskFiles.Whole(path), path, node =>
        {
            var all = new StringBuilder();
            Collect(node, all);
            return all.ToString();
        }))
            yield return Encoding.UTF8.GetBytes(text);
    }

    private static void Collect(JsonNode? node, StringBuilder all)
    {
        switch (node)
        {
            case JsonArray items:
                foreach (var item in items)
                    Collect(item, all);
                break;
            case JsonObject fields:
                foreach (var (_, value) in fields)
                    Collect(value, all);
                break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                all.Append(value.GetValue<string>()).Append('\n');
                break;
        }
    }

    private static IEnumerable<ReadOnlyMemory<byte>> OfCorpus(string path)
    {
        var (options, skipped) = (new CorpusOptions { OnInvalidUtf8 = OnInvalidUtf8.Replace }, new Tally());
        return new CorpusReader(options, skipped).Read(CorpusFiles.List([path], options, skipped))
            .Select(document => document.Text);
    }
}
