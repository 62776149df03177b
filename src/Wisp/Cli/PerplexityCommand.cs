using System.CommandLine;
using System.Globalization;
using Wisp.Compute;
using Wisp.Run;

namespace Wisp.Cli;

/// <summary><c>wisp perplexity FILE</c>: how well a model foresees a text.</summary>
internal static class PerplexityCommand
{
    // The default for models of a longer context; what llama.cpp and most papers use too.
    private const int DefaultContext = 512;

    public static Command Create()
    {
        var command = new Verb("perplexity", "Measure how well a model foresees a text", "Models",
            "wisp perplexity story.txt", "wisp perplexity wiki.txt -m runs/books --context 1024");
        var file = new Argument<string>("FILE") { Description = "A text file; - reads standard input" };
        var model = Models.Option();
        var context = new Option<int>("--context", "-c")
        {
            Description = $"Tokens a window holds; 0 means {DefaultContext}, or the model's context if that is shorter",
            HelpName = "N",
        };
        var threads = new Option<int>("--threads") { Description = "Threads; 0 means all cores", HelpName = "N" };
        command.Add(file);
        command.Add(model);
        command.Add(context);
        command.Add(threads);
        command.SetAction((parse, cancel) => Task.Run(() => Run(
            parse, parse.GetRequiredValue(file), parse.GetValue(model), parse.GetValue(context),
            Threads.Count(parse.GetValue(threads)), cancel), cancel));
        return command;
    }

    private static int Run(
        ParseResult parse, string file, string? name, int context, int threads, CancellationToken cancel)
    {
        var text = TextInput.Read(file);
        using var model = Models.Open(name);
        var window = context == 0 ? Math.Min(DefaultContext, model.Config.Context) : context;
        if (window < 4 || window > model.Config.Context)
            throw new UserException(
                $"--context is {context}; {model.Path} was trained for {model.Config.Context} tokens, and 4 are the " +
                "fewest to judge by.");
        var tokens = new List<int>();
        model.Tokenizer!.Encode(text, tokens);
        if (tokens.Count < 2)
            throw new UserException($"{file}: is {tokens.Count} tokens long; 2 are the fewest to judge by.");

        using var pool = new WorkerPool(threads);
        using var progress = new ProgressLine(Terminal.On(parse.InvocationConfiguration.Error), TimeProvider.System);
        var begin = Generation.Prompt(model.Tokenizer, "") is [var token] ? token : -1;
        var found = Perplexity.Of(model.Weights, pool, [.. tokens], window, begin,
            (done, total) => progress.Report("judging", done, total), cancel);
        progress.Dispose();
        parse.InvocationConfiguration.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"perplexity {found.Value:0.0000} over {found.Tokens} tokens, {found.BitsPerByte(text.Length):0.0000} " +
            $"bits a byte (context {window}, stride {window / 2})"));
        return 0;
    }
}
