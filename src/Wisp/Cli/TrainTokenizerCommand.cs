using System.CommandLine;
using Spectre.Console;
using Wisp.Model;
using Wisp.Train;
using Wisp.Train.Data;
using Wisp.Train.Report;

namespace Wisp.Cli;

/// <summary><c>wisp train tokenizer</c>: learns a byte-level BPE vocabulary from text.</summary>
internal static class TrainTokenizerCommand
{
    public static Command Create()
    {
        var command = new Verb(
            "tokenizer", "Learn a vocabulary from text", "Train",
            "wisp train tokenizer --data books/ --vocab 4096 --out tokenizer.gguf");
        var corpus = new CorpusArguments(command);
        var size = new Option<int>("--vocab")
        {
            Description = "Tokens, 512 to 65536, special ones included",
            DefaultValueFactory = _ => 4096, HelpName = "N",
        };
        var file = new Option<string>("--out", "-o")
        {
            Description = "The file to write", DefaultValueFactory = _ => TokenizerFile.FileName, HelpName = "FILE",
        };
        var threads = new Option<int>("--threads") { Description = "Threads; 0 means all cores", HelpName = "N" };
        command.Add(size);
        command.Add(file);
        command.Add(threads);
        command.SetAction((parse, cancel) => Task.Run(() => Run(
            Terminal.On(parse.InvocationConfiguration.Output), corpus.Read(parse), parse.GetValue(size),
            parse.GetRequiredValue(file), Threads.Count(parse.GetValue(threads)), cancel), cancel));
        return command;
    }

    private static int Run(
        IAnsiConsole console, PipelineOptions options, int size, string path, int threads, CancellationToken cancel)
    {
        if (size is < Tokenizer.MinVocabularySize or > Tokenizer.MaxVocabularySize)
            throw new UserException(
                $"--vocab is {size}; the range is {Tokenizer.MinVocabularySize} to " +
                $"{Human.Count(Tokenizer.MaxVocabularySize)}.");
        // Before the long work, not after it.
        if (path.Length == 0 || Directory.Exists(path))
            throw new UserException(
                $"'{path}': is {(path.Length == 0 ? "no name" : "a folder")}, and --out names a file.");
        Places.Make(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var corpus = CorpusReport.Prepare(console, options, cancel);
        CorpusReport.Write(console, corpus);
        var tokenizer = Train(console, corpus, size, threads, cancel);
        TokenizerFile.Write(path, tokenizer);

        // How much text a token stands for, on text it has not seen.
        long bytes = 0, tokens = 0;
        var ids = new List<int>();
        foreach (var document in corpus.HeldOut)
        {
            cancel.ThrowIfCancellationRequested();
            ids.Clear();
            tokenizer.Encode(document.Text.Span, ids);
            (bytes, tokens) = (bytes + document.Text.Length, tokens + ids.Count);
        }

        console.Profile.Out.Writer.WriteLine(
            $"{path}: {Human.Count(tokenizer.VocabularySize)} tokens, " +
            $"{(double)bytes / Math.Max(1, tokens):0.00} bytes a token on held-out text");
        return 0;
    }

    /// <summary>Learns the vocabulary from the training side only, so that held-out text stays unseen.</summary>
    public static Tokenizer Train(
        IAnsiConsole console, PreparedCorpus corpus, int size, int threads, CancellationToken cancel)
    {
        using var line = new ProgressLine(console, TimeProvider.System);
        return BpeTrainer.Train(
            corpus.Train.Select(d => d.Text), size, threads,
            p =>
            {
                if (p.Tokens == 0)
                    line.Report("counting words", p.BytesRead, corpus.TrainBytes);
                else
                    line.Report("learning tokens", p.Tokens, p.Wanted);
            },
            cancel);
    }
}

/// <summary>How many threads an option means.</summary>
internal static class Threads
{
    public static int Count(int option) => option switch
    {
        0 => Environment.ProcessorCount,
        > 0 and <= 1024 => option,
        _ => throw new UserException($"--threads is {option}; the range is 1 to 1024, or 0 for all cores."),
    };
}
