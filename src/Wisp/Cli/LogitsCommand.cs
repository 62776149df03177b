using System.CommandLine;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Model.Containers;
using Wisp.Run;

namespace Wisp.Cli;

/// <summary><c>wisp logits</c>: the model's scores after every token, for comparison with other programs.</summary>
internal static class LogitsCommand
{
    // Few models were trained for less, and the choice of RoPE factors depends on it: a fixed number can be compared.
    private const int DefaultContext = 256;

    public static Command Create()
    {
        var command = new Verb("logits", "Write the logits after every token to a safetensors file", "Models",
            "wisp logits --tokens 1,2,3 --out logits.safetensors");
        var model = Models.Option();
        var tokens = new Option<string>("--tokens")
        {
            Description = "Token ids with commas between", HelpName = "IDS", Required = true,
        };
        var to = new Option<string>("--out", "-o")
        {
            Description = "The file to write: one tensor, logits, float32, (tokens, vocabulary)", HelpName = "FILE",
            Required = true,
        };
        var context = new Option<int>("--context", "-c")
        {
            Description = $"Tokens of context; 0 means {DefaultContext}, or as many as are given if those are more",
            HelpName = "N",
        };
        var threads = new Option<int>("--threads") { Description = "Threads; 0 means all cores", HelpName = "N" };
        command.Add(model);
        command.Add(tokens);
        command.Add(to);
        command.Add(context);
        command.Add(threads);
        command.SetAction(parse =>
        {
            using var file = ModelFile.Open(Models.Find(parse.GetValue(model)));
            var ids = TokenIds.Read([parse.GetRequiredValue(tokens)], file.Config.Vocabulary);
            if (ids.Length == 0)
                throw new UserException("--tokens holds no token id. Give some: --tokens 1,2,3");
            var logits = Logits(file, ids, parse.GetValue(context), Threads.Count(parse.GetValue(threads)));
            var path = parse.GetRequiredValue(to);
            new SafetensorsWriter().Add("logits", [ids.Length, file.Config.Vocabulary], logits).Write(path);
            parse.InvocationConfiguration.Error.WriteLine(
                $"{path}: logits ({ids.Length}, {file.Config.Vocabulary}), float32");
        });
        return command;
    }

    private static float[] Logits(ModelFile file, int[] ids, int context, int threads)
    {
        var config = file.Config;
        if (context < 0 || context > config.Context)
            throw new UserException(
                $"--context is {context}; {file.Path} was trained for {config.Context} tokens.");
        if (context == 0)
            context = Math.Min(config.Context, Math.Max(DefaultContext, ids.Length));
        if (ids.Length > context)
            throw new UserException($"--tokens holds {ids.Length} ids; the context holds {context}. Give fewer.");
        if ((long)ids.Length * config.Vocabulary > Array.MaxLength)
            throw new UserException(
                $"{ids.Length} x {config.Vocabulary} logits do not fit one tensor here; give fewer tokens.");
        using var pool = new WorkerPool(threads);
        using var session = new Session(file.Weights, pool, context);
        var logits = new float[ids.Length * config.Vocabulary];
        session.FeedEvery(ids, logits);
        return logits;
    }
}
