using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Wisp.Train.Data;

/// <summary>
/// From folders of files to token files: read, clean, drop repetitions, split, encode. Two equal runs write equal
/// files, whatever the number of cores.
/// </summary>
public static class DataPipeline
{
    public const string TrainFile = "train.tokens";
    public const string HeldOutFile = "heldout.tokens";
    public const string ManifestFile = "manifest.jsonl";

    // Written last and removed first: where it stands, the other three belong together.
    private const string SealFile = "data.json";

    // Changes with anything that changes what the same options make of the same files.
    private const int Version = 1;

    private const int TextAtATime = 16 << 20;

    /// <summary>Reads, cleans, deduplicates and splits. The result is in memory.</summary>
    public static PreparedCorpus Prepare(PipelineOptions options, Action<PipelineProgress>? progress = null)
    {
        var (skipped, dropped) = (new Tally(), new Tally());
        var files = CorpusFiles.List(options.Inputs, options.Corpus, skipped);
        var collected = new Collected(options, dropped);
        var batch = new List<Document>();
        var (count, read, batchBytes) = (0L, 0L, 0L);
        foreach (var document in new CorpusReader(options.Corpus, skipped).Read(files))
        {
            batch.Add(document);
            batchBytes += document.Text.Length;
            (count, read) = (count + 1, read + document.Text.Length);
            if (batchBytes < TextAtATime)
                continue;
            collected.Add(batch);
            progress?.Invoke(new PipelineProgress("reading", read, 0));
            batch.Clear();
            batchBytes = 0;
        }

        collected.Add(batch);
        progress?.Invoke(new PipelineProgress("reading", read, read));
        var documents = collected.Documents();
        if (documents.Count == 0)
            throw new InvalidDataException(
                $"{string.Join(", ", options.Inputs)}: no text is left of {count} documents in {files.Count} files. " +
                (skipped.Entries.Concat(dropped.Entries).MaxBy(entry => entry.Count) is { } most
                    ? $"Most were left out as: {most.Reason}." : "They are empty."));

        var sides = Split.Of(documents, options.Split);
        return new PreparedCorpus(sides.Train, sides.HeldOut,
            new CorpusSummary(files.Count, count, read, skipped, dropped, sides.Remark), Fingerprint(options, files));
    }

    /// <summary>Encodes both sides into token files in a folder, and writes the manifest.</summary>
    public static TokenisedCorpus Tokenise(
        PreparedCorpus corpus, TokenVocabulary vocabulary, string folder, Action<PipelineProgress>? progress = null)
    {
        Directory.CreateDirectory(folder);
        File.Delete(Path.Combine(folder, SealFile));
        var (done, all) = (0L, corpus.TrainBytes + corpus.HeldOutBytes);
        var bytesDone = progress is null
            ? (Action<long>?)null : bytes => progress(new PipelineProgress("encoding", done += bytes, all));
        var train = TokenShardWriter.Write(Path.Combine(folder, TrainFile), corpus.Train, vocabulary, bytesDone);
        var heldOut = TokenShardWriter.Write(Path.Combine(folder, HeldOutFile), corpus.HeldOut, vocabulary, bytesDone);

        var lines = corpus.Train.Select((document, i) => LineOf(document, Manifest.Train, train[i]))
            .Concat(corpus.HeldOut.Select((document, i) => LineOf(document, Manifest.HeldOut, heldOut[i]))).ToList();
        var manifest = Replace(Path.Combine(folder, ManifestFile), stream => Manifest.Write(lines, stream));
        Replace(Path.Combine(folder, SealFile), stream =>
        {
            stream.Write(Seal(corpus.Fingerprint, vocabulary.Hash, manifest.Hash));
            return true;
        });
        return OpenFiles(folder, reused: false);
    }

    /// <summary>
    /// Opens the token files of a folder when they were made from the same inputs with the same tokenizer, else null.
    /// </summary>
    public static TokenisedCorpus? OpenIfCurrent(
        PipelineOptions options, ReadOnlySpan<byte> tokenizerHash, string folder)
    {
        var seal = Path.Combine(folder, SealFile);
        var manifestFile = Path.Combine(folder, ManifestFile);
        if (!File.Exists(seal) || !File.Exists(manifestFile))
            return null;
        var files = CorpusFiles.List(options.Inputs, options.Corpus, new Tally());
        try
        {
            var expected = Seal(Fingerprint(options, files), tokenizerHash, Manifest.Read(manifestFile).Hash);
            return File.ReadAllBytes(seal).AsSpan().SequenceEqual(expected) ? OpenFiles(folder, reused: true) : null;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return null; // damaged: made again
        }
    }

    /// <summary>Opens the token files that a run in this folder began with, whatever became of their inputs.</summary>
    public static TokenisedCorpus Open(string folder) => OpenFiles(folder, reused: true);

    private static TokenisedCorpus OpenFiles(string folder, bool reused)
    {
        var train = TokenShards.Open(Path.Combine(folder, TrainFile));
        TokenShards? heldOut = null;
        try
        {
            heldOut = TokenShards.Open(Path.Combine(folder, HeldOutFile));
            var manifest = Manifest.Read(Path.Combine(folder, ManifestFile));
            manifest.Check(train, heldOut);
            return new TokenisedCorpus(train, heldOut, manifest, reused);
        }
        catch
        {
            train.Dispose();
            heldOut?.Dispose();
            throw;
        }
    }

    private static Manifest.Line LineOf(Document document, string split, int tokens) =>
        new(document.Source, document.Licence, document.Text.Length,
            Convert.ToHexStringLower(SHA256.HashData(document.Text.Span)), split, tokens);

    private static string Fingerprint(PipelineOptions options, List<CorpusFile> files)
    {
        var text = new StringBuilder($"{Version} {options.Canonical()}\n");
        foreach (var file in files)
        {
            var entry = new FileInfo(file.Path);
            text.Append($"{file.Source}\n{file.Licence}\n{entry.Length} {entry.LastWriteTimeUtc.Ticks}\n");
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static byte[] Seal(string fingerprint, ReadOnlySpan<byte> tokenizerHash, string manifestHash)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("inputs", fingerprint);
            json.WriteString("tokenizer", Convert.ToHexStringLower(tokenizerHash));
            json.WriteString("manifest", manifestHash);
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    /// <summary>Writes beside the file and renames, so that it is there whole or not at all.</summary>
    private static T Replace<T>(string path, Func<Stream, T> write)
    {
        var unfinished = path + ".part";
        try
        {
            T result;
            using (var stream = new FileStream(unfinished, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
            {
                result = write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(unfinished, path, overwrite: true);
            return result;
        }
        catch
        {
            File.Delete(unfinished);
            throw;
        }
    }

    /// <summary>Documents that passed so far. Cleaning runs on all cores; what is kept is decided in order.</summary>
    private sealed class Collected(PipelineOptions options, Tally dropped)
    {
        // From an origin to an earlier one that shares a text with it.
        private readonly Dictionary<string, string> _sameAs = [];
        private readonly List<Document> _documents = [];
        private readonly Dedupe? _dedupe =
            options.DuplicateThreshold > 0 ? new Dedupe(options.DuplicateThreshold) : null;

        private long _bytes;

        /// <summary>
        /// What was kept. Origins that share a text have become one, so that the split cannot part them.
        /// </summary>
        public List<Document> Documents() =>
            _documents.ConvertAll(document => document with { Origin = Root(document.Origin) });

        public void Add(List<Document> batch)
        {
            var cleaned = new (List<Document> Documents, List<Dedupe.Signature> Signatures, Tally Dropped)[batch.Count];
            Parallel.For(0, batch.Count, i =>
            {
                var tally = new Tally();
                // Equal texts have equal origins, wherever they lie.
                var origin = Convert.ToHexStringLower(SHA256.HashData(batch[i].Text.Span));
                var documents = TextCleaner.Clean(batch[i] with { Origin = origin }, options.Cleaning, tally);
                var signatures = _dedupe is null ? [] : documents.ConvertAll(d => Dedupe.Sign(d.Text.Span));
                cleaned[i] = (documents, signatures, tally);
            });
            foreach (var (documents, signatures, tally) in cleaned)
            {
                dropped.Add(tally);
                for (var i = 0; i < documents.Count; i++)
                    Add(documents[i], _dedupe is null ? null : signatures[i]);
            }
        }

        private void Add(Document document, Dedupe.Signature? signature)
        {
            if (document.Text.Span.IndexOfAnyExcept(" \t\n"u8) < 0)
            {
                dropped.Add("empty", document.Source);
                return;
            }

            if (signature is not null && _dedupe!.Add(document.Text, signature) is { } match)
            {
                var kept = _documents[match.Kept];
                dropped.Add(match.IsExact ? "exact duplicates" : "near duplicates",
                    $"{document.Source} (as {kept.Source})", document.Text.Length);
                // Two editions of one book: what is left of the later must not be held out while the first is learnt.
                var (later, earlier) = (Root(document.Origin), Root(kept.Origin));
                if (later != earlier)
                    _sameAs[later] = earlier;
                return;
            }

            _bytes += document.Text.Length;
            if (_bytes > options.MaxTextBytes)
                throw new InvalidDataException(
                    $"{document.Source}: up to here the corpus has more than {options.MaxTextBytes >> 20} MB of " +
                    "clean text, the most that is kept in memory. Train on a part of it, or raise the limit.");
            _documents.Add(document);
        }

        private string Root(string origin)
        {
            while (_sameAs.TryGetValue(origin, out var earlier))
                origin = earlier;
            return origin;
        }
    }
}
