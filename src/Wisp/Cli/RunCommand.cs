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
        var command = new Verb("run", "Continue a text", "Use",
            "wisp run -p \"The little fox\" -n 60", "wisp run -m runs/books -p \"Once upon a time\" -t 0");
        var prompt = new Option<string>("--prompt", "-p")
        {
            Description = "The text to continue; - reads standard input",
            HelpName = "TEXT",
            DefaultValueFactory = _ => "",
        };
        command.Add(prompt);
        var writing = new WritingArguments(command, tokens: 256);
        command.SetAction((parse, cancel) => Task.Run(() =>
        {
            var text = parse.GetRequiredValue(prompt);
            using var writer = new Writer(parse, writing, cancel);
            return writer.Write(text == "-" ? StandardInput() : text);
        }, cancel));
        return command;
    }

    public static Command CreateDream()
    {
        var command = new Verb("dream", "Let the model write whole documents from nothing", "Use",
            "wisp dream", "wisp dream -m runs/books --documents 3");
        var documents = new Option<int>("--documents")
        {
            Description = "Documents to write",
            HelpName = "N",
            DefaultValueFactory = _ => 1,
        };
        command.Add(documents);
        var writing = new WritingArguments(command, tokens: 1000);
        command.SetAction((parse, cancel) => Task.Run(() =>
        {
            var count = parse.GetValue(documents);
            if (count < 1)
                throw new UserException($"--documents is {count}; at least 1 is needed.");
            using var writer = new Writer(parse, writing, cancel);
            for (var i = 0; i < count; i++)
            {
                if (i > 0)
                    parse.InvocationConfiguration.Output.WriteLine("\n---\n");
                writer.Write("");
            }

            return 0;
        }, cancel));
        return command;
    }

    // `echo TEXT | wisp run -p -`: the end of the line is the shell's and not the text's.
    private static string StandardInput()
    {
        var text = Console.In.ReadToEnd();
        return text.EndsWith('\n') ? text[..^1].TrimEnd('\r') : text;
    }

    /// <summary>The options of everything that writes text.</summary>
    private sealed class WritingArguments
    {
        private readonly Option<string> _model = Models.Option();

        private readonly Option<int> _tokens;

        private readonly Option<int> _threads = new("--threads")
        {
            Description = "Threads; 0 means all cores",
            HelpName = "N",
        };

        private readonly Option<bool> _quiet = new("--quiet", "-q")
        {
            Description = "Only the text: no seed, no speed",
        };

        public WritingArguments(Verb command, int tokens)
        {
            _tokens = new Option<int>("--tokens", "-n")
            {
                Description = "Tokens to write at most",
                HelpName = "N",
                DefaultValueFactory = _ => tokens,
            };
            command.Add(_tokens);
            command.Add(_model);
            command.Add(_threads);
            command.Add(_quiet);
            Sampling = new SamplingArguments(command);
        }

        public SamplingArguments Sampling { get; }

        public string? Model(ParseResult parse) => parse.GetValue(_model);

        public int Threads(ParseResult parse) => Cli.Threads.Count(parse.GetValue(_threads));

        public bool IsQuiet(ParseResult parse) => parse.GetValue(_quiet);

        public int Tokens(ParseResult parse) => parse.GetValue(_tokens) is >= 0 and var count
            ? count
            : throw new UserException($"--tokens is {parse.GetValue(_tokens)}; it must be 0 or more.");
    }

    /// <summary>A loaded model that writes to the terminal as it thinks.</summary>
    private sealed class Writer : IDisposable
    {
        private readonly TextWriter _output, _error;
        private readonly CancellationToken _cancel;
        private readonly bool _quiet, _onTerminal;
        private readonly int _count;
        private readonly ModelFile _model;
        private readonly WorkerPool _pool;
        private readonly Session _session;
        private readonly Sampling _sampling;
        private ulong _seed;

        public Writer(ParseResult parse, WritingArguments options, CancellationToken cancel)
        {
            (_output, _error) = (parse.InvocationConfiguration.Output, parse.InvocationConfiguration.Error);
            (_sampling, _seed) = (options.Sampling.Read(parse), options.Sampling.Seed(parse));
            (_quiet, _count, _cancel) = (options.IsQuiet(parse), options.Tokens(parse), cancel);
            _onTerminal = Terminal.On(_output).Profile.Out.IsTerminal;
            var threads = options.Threads(parse);
            _model = Models.Open(options.Model(parse));
            _pool = new WorkerPool(threads);
            _session = new Session(_model.Weights, _pool);
        }

        /// <summary>
        /// Streams one text, prompt included, and ends its line; then, on the error stream, how it was made and
        /// how fast.
        /// </summary>
        /// <exception cref="OperationCanceledException">Ctrl-C; what was written until then stands.</exception>
        public int Write(string prompt)
        {
            var tokenizer = _model.Tokenizer!;
            var ids = Generation.Prompt(tokenizer, prompt, parseSpecial: true);
            if (ids.Count == 0)
                throw new UserException(
                    $"{_model.Path}: its vocabulary has no token to begin a text with. Give a prompt.");
            _session.Clear();
            Show(prompt);
            var sampler = new Sampler(_sampling, _seed, tokenizer.VocabularySize);
            var text = new Utf8Stream();
            var (written, begin) = (0, Stopwatch.GetTimestamp());
            var first = begin;
            try
            {
                foreach (var id in Generation.Tokens(_session, sampler, ids, _count, tokenizer.EndOfText))
                {
                    if (written++ == 0)
                        first = Stopwatch.GetTimestamp();
                    Show(text.Push(tokenizer.BytesOf(id)));
                    _cancel.ThrowIfCancellationRequested();
                }
            }
            finally
            {
                Show(text.Flush());
                _output.WriteLine();
            }

            if (!_quiet)
                _error.WriteLine(Summary(ids.Count, written, Stopwatch.GetElapsedTime(begin, first),
                    Stopwatch.GetElapsedTime(first)));
            _seed++; // the next document is another one
            return 0;
        }

        // A terminal could be steered by what a model writes; a file or a program gets every character as it is.
        private void Show(string text)
        {
            _output.Write(_onTerminal ? Terminal.Clean(text) : text);
            _output.Flush();
        }

        private string Summary(int read, int written, TimeSpan reading, TimeSpan writing)
        {
            var choice = _sampling.Temperature == 0 ? "argmax" : $"seed {_seed}";
            var speed = written > 1 ? $", {(written - 1) / Math.Max(writing.TotalSeconds, 1e-9):0} a second" : "";
            return $"[{choice}; {read} tokens read in {reading.TotalMilliseconds:0} ms; {written} written{speed}]";
        }

        public void Dispose()
        {
            _session.Dispose();
            _pool.Dispose();
            _model.Dispose();
        }
    }
}
