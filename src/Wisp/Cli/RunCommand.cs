using System.CommandLine;
using System.Diagnostics;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Cli;

/// <summary><c>wisp run</c>: continues a text. <c>wisp dream</c>: writes whole documents from nothing.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var command = new Verb("run", "Continue a text", "Use", "wisp run -p \"The little fox\" -n 60",
            "wisp run -m runs/books/model.gguf -p \"Once\" -t 0");
        var model = Models.Option();
        var prompt = new Option<string>("--prompt", "-p")
        {
            Description = "The text to continue; - reads standard input", HelpName = "TEXT",
            DefaultValueFactory = _ => "",
        };
        var count = new Option<int>("--tokens", "-n")
        {
            Description = "Tokens to write at most", HelpName = "N", DefaultValueFactory = _ => 256,
        };
        var threads = new Option<int>("--threads") { Description = "Threads; 0 means all cores", HelpName = "N" };
        var quiet = new Option<bool>("--quiet", "-q") { Description = "Only the text: no seed, no speed" };
        foreach (var option in (Option[])[model, prompt, count, threads, quiet])
            command.Add(option);
        var sampling = new SamplingArguments(command);
        command.SetAction((parse, cancel) => Task.Run(() =>
        {
            var text = parse.GetRequiredValue(prompt);
            using var writer = new Writer(parse, model, threads, sampling, parse.GetValue(quiet), cancel);
            return writer.Write(text == "-" ? Console.In.ReadToEnd() : text, Positive(parse.GetValue(count)));
        }, cancel));
        return command;
    }

    public static Command CreateDream()
    {
        var command = new Verb("dream", "Let the model write whole documents from nothing", "Use", "wisp dream",
            "wisp dream -m runs/books/model.gguf --documents 3");
        var model = Models.Option();
        var count = new Option<int>("--tokens", "-n")
        {
            Description = "Tokens of a document at most", HelpName = "N", DefaultValueFactory = _ => 1000,
        };
        var documents = new Option<int>("--documents")
        {
            Description = "Documents to write", HelpName = "N", DefaultValueFactory = _ => 1,
        };
        var threads = new Option<int>("--threads") { Description = "Threads; 0 means all cores", HelpName = "N" };
        var quiet = new Option<bool>("--quiet", "-q") { Description = "Only the text: no seed, no speed" };
        foreach (var option in (Option[])[model, count, documents, threads, quiet])
            command.Add(option);
        var sampling = new SamplingArguments(command);
        command.SetAction((parse, cancel) => Task.Run(() =>
        {
            using var writer = new Writer(parse, model, threads, sampling, parse.GetValue(quiet), cancel);
            var exit = 0;
            for (var i = 0; i < Positive(parse.GetValue(documents)) && exit == 0; i++)
            {
                if (i > 0)
                    parse.InvocationConfiguration.Output.WriteLine("\n---\n");
                exit = writer.Write("", Positive(parse.GetValue(count)));
            }

            return exit;
        }, cancel));
        return command;
    }

    private static int Positive(int count) => count > 0
        ? count
        : throw new UserException($"A count is {count}; at least 1 is needed.");

    /// <summary>A loaded model that writes to the terminal as it thinks.</summary>
    private sealed class Writer : IDisposable
    {
        private readonly TextWriter _output, _error;
        private readonly CancellationToken _cancel;
        private readonly bool _quiet;
        private readonly ModelFile _model;
        private readonly WorkerPool _pool;
        private readonly Session _session;
        private readonly Sampling _sampling;
        private ulong _seed;

        public Writer(
            ParseResult parse, Option<string> model, Option<int> threads, SamplingArguments sampling, bool quiet,
            CancellationToken cancel)
        {
            (_output, _error) = (parse.InvocationConfiguration.Output, parse.InvocationConfiguration.Error);
            (_quiet, _cancel, _sampling, _seed) = (quiet, cancel, sampling.Read(parse), sampling.Seed(parse));
            var count = Threads.Count(parse.GetValue(threads));
            _model = Models.Open(parse.GetValue(model));
            _pool = new WorkerPool(count);
            _session = new Session(_model.Weights, _pool);
        }

        /// <summary>Streams one text, and then how it was made and how fast, on the error stream.</summary>
        public int Write(string prompt, int count)
        {
            var tokenizer = _model.Tokenizer!;
            var ids = Generation.Prompt(tokenizer, prompt);
            _session.Clear();
            _output.Write(Terminal.Clean(prompt));
            _output.Flush();
            var sampler = new Sampler(_sampling, _seed, tokenizer.VocabularySize);
            var text = new Utf8Stream();
            var (written, begin) = (0, Stopwatch.GetTimestamp());
            var first = begin;
            foreach (var id in Generation.Tokens(_session, sampler, ids, count, tokenizer.EndOfText))
            {
                if (written++ == 0)
                    first = Stopwatch.GetTimestamp();
                _output.Write(Terminal.Clean(text.Push(tokenizer.BytesOf(id))));
                _output.Flush();
                if (_cancel.IsCancellationRequested)
                    break;
            }

            _output.WriteLine(Terminal.Clean(text.Flush()));
            if (!_quiet)
            {
                var seconds = Stopwatch.GetElapsedTime(first).TotalSeconds;
                var seed = _sampling.Temperature == 0 ? "argmax" : $"seed {_seed}";
                _error.WriteLine(
                    $"[{seed}; {ids.Count} tokens read in " +
                    $"{Stopwatch.GetElapsedTime(begin, first).TotalMilliseconds:0} ms; " +
                    $"{written} " +
                    $"written{(written > 1 ? $", {(written - 1) / Math.Max(seconds, 1e-9):0} a second" : "")}]");
            }

            _seed++; // the next document is another one
            _cancel.ThrowIfCancellationRequested();
            return 0;
        }

        public void Dispose()
        {
            _session.Dispose();
            _pool.Dispose();
            _model.Dispose();
        }
    }
}
