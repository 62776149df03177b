using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Wisp.Compute;
using Wisp.Grammar;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Cli;

/// <summary>A loaded model that writes to the terminal as it thinks.</summary>
internal sealed class ModelWriter : IDisposable
{
    private readonly TextWriter _output, _error;
    private readonly CancellationToken _cancel;
    private readonly bool _quiet, _onTerminal;
    private readonly ModelFile _model;
    private readonly Tokenizer _tokenizer;
    private readonly WorkerPool _pool;
    private readonly PackedWeights? _packed;
    private readonly Session _session;
    private readonly Sampling _sampling;
    private readonly GenerationOptions _options;
    private readonly TokenMask? _mask;
    private ulong _seed;

    public ModelWriter(ParseResult parse, WritingArguments arguments, CancellationToken cancel)
    {
        (_output, _error) = (parse.InvocationConfiguration.Output, parse.InvocationConfiguration.Error);
        (_sampling, _seed) = (arguments.Sampling.Read(parse), arguments.Sampling.Seed(parse));
        (_quiet, _options, _cancel) = (arguments.IsQuiet(parse), arguments.Options(parse), cancel);
        _onTerminal = Terminal.On(_output).Profile.Out.IsTerminal;
        var threads = arguments.Threads(parse);
        _model = Models.Open(arguments.Model(parse));
        _tokenizer = _model.Tokenizer!;
        _options = _options with { End = _tokenizer.EndOfGeneration };
        _mask = arguments.Grammar.Mask(parse, _tokenizer);
        var context = arguments.Context(parse, _model.Config.Context);
        _pool = new WorkerPool(threads);
        var kv = arguments.Loading.Kv(parse);
        _packed = arguments.Loading.Pack(parse, _model, _pool, cancel);
        _session = new Session(_packed?.Weights ?? _model.Weights, _pool, context, kv,
            arguments.Loading.Adapter(parse, _model));
    }

    /// <summary>
    /// Streams one text, prompt included, and ends its line; then, on the error stream, how it was made and how fast.
    /// </summary>
    /// <exception cref="OperationCanceledException">Ctrl-C; what was written until then stands.</exception>
    public int Write(string prompt)
    {
        var ids = Generation.Prompt(_tokenizer, prompt, parseSpecial: true);
        if (ids.Count == 0)
            throw new UserException(
                $"{_model.Path}: its vocabulary has no token to begin a text with. Give a prompt.");
        _session.Clear();
        var sampler = new Sampler(_sampling, _seed, _tokenizer);
        var options = _mask is null ? _options : _options with { Allowed = new GrammarGuide(_mask).Allowed };
        var text = new TextGeneration(_session, sampler, _tokenizer, options);
        var pieces = text.Write(ids, _cancel);
        Show(prompt);
        var scores = new StringBuilder();
        var begin = Stopwatch.GetTimestamp();
        var first = begin;
        try
        {
            foreach (var piece in pieces)
            {
                if (text.Tokens.Count == 1)
                    first = Stopwatch.GetTimestamp();
                Show(piece.Text);
                if (piece.Chosen is { } chosen)
                    Tell(scores, chosen, piece.Best);
            }
        }
        finally
        {
            _output.WriteLine();
            _error.Write(scores);
        }

        _cancel.ThrowIfCancellationRequested();
        if (!_quiet)
            _error.WriteLine(Summary(ids.Count, text.Tokens.Count, Stopwatch.GetElapsedTime(begin, first),
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

    // One line a token: its logarithm of probability, the token, and those that were likeliest in its place.
    private void Tell(StringBuilder lines, TokenScore chosen, IReadOnlyList<TokenScore> best)
    {
        lines.Append(CultureInfo.InvariantCulture, $"{chosen.LogProbability,9:0.0000}  {Quoted(chosen.Token),-16}");
        foreach (var (id, logProbability) in best)
            lines.Append(CultureInfo.InvariantCulture, $"  {Quoted(id)} {logProbability:0.0000}");
        lines.Append('\n');
    }

    private string Quoted(int id) =>
        $"\"{JsonEncodedText.Encode(_tokenizer.DecodeText([id]), JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    private string Summary(int read, int written, TimeSpan reading, TimeSpan writing)
    {
        var choice = _sampling is { Temperature: 0, DynamicRange: 0 } ? "argmax" : $"seed {_seed}";
        var speed = written > 1 ? $", {(written - 1) / Math.Max(writing.TotalSeconds, 1e-9):0} a second" : "";
        return $"[{choice}; {read} tokens read in {reading.TotalMilliseconds:0} ms; {written} written{speed}]";
    }

    public void Dispose()
    {
        _session.Dispose();
        _packed?.Dispose();
        _pool.Dispose();
        _model.Dispose();
    }
}
