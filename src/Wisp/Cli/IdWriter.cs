using System.CommandLine;
using System.CommandLine.Parsing;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Cli;

/// <summary>
/// <c>wisp run --ids</c>: continues token ids with token ids, for models that come without a vocabulary.
/// </summary>
internal static class IdWriter
{
    // What has no meaning without characters.
    private static readonly string[] s_text =
        ["--prompt", "--stop", "--logprobs", "--grammar", "--json-schema", "--json"];

    /// <summary>Streams the ids, those of the prompt included, on one line with blanks between.</summary>
    public static int Write(ParseResult parse, string ids, WritingArguments arguments, CancellationToken cancel)
    {
        if (s_text.FirstOrDefault(name => parse.GetResult(name) is OptionResult { Implicit: false }) is { } text)
            throw new UserException($"--ids continues token ids and {text} is for text. Leave one of them out.");
        var (sampling, seed) = (arguments.Sampling.Read(parse), arguments.Sampling.Seed(parse));
        var count = arguments.Options(parse).Tokens;
        using var model = ModelFile.Open(Models.Find(arguments.Model(parse)));
        var prompt = TokenIds.Read([ids], model.Config.Vocabulary);
        if (prompt.Length == 0)
            throw new UserException("--ids holds no token id. Give some: --ids 1,2,3");
        using var pool = new WorkerPool(arguments.Threads(parse));
        var (context, kv) = (arguments.Context(parse, model.Config.Context), arguments.Loading.Kv(parse));
        using var packed = arguments.Loading.Pack(parse, model, pool, cancel);
        using var session = new Session(packed?.Weights ?? model.Weights, pool, context, kv);
        var sampler = model.Tokenizer is { } tokenizer
            ? new Sampler(sampling, seed, tokenizer) : new Sampler(sampling, seed, model.Config.Vocabulary);
        var end = model.Tokenizer?.EndOfGeneration ?? new HashSet<int>();
        var written = Generation.Tokens(session, sampler, prompt, count, end);
        var output = parse.InvocationConfiguration.Output;
        output.Write(string.Join(' ', prompt));
        try
        {
            foreach (var id in written)
            {
                output.Write($" {id}");
                output.Flush();
                cancel.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            output.WriteLine();
        }

        if (!arguments.IsQuiet(parse) && sampling is not { Temperature: 0, DynamicRange: 0 })
            parse.InvocationConfiguration.Error.WriteLine($"[seed {seed}]");
        return 0;
    }
}
