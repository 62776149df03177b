using System.CommandLine;
using System.Text;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Train.Align.Conversations;
using Wisp.Train.Report;
using Wisp.TwoFiles;

namespace Wisp.Cli;

/// <summary>
/// <c>wisp export --two-files DIR [-m MODEL] [--type f32|q8_0] [--force]</c>, and <c>wisp export --modelfile FILE</c>.
/// </summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var folder = new Option<string?>("--two-files")
        {
            Description = "The folder for parameters.bin and run.cs; made where it is missing",
            HelpName = "DIR",
        };
        var modelfile = new Option<string?>("--modelfile")
        {
            Description = "Write a Modelfile by which Ollama chats with one of our own chat models, calls included",
            HelpName = "FILE",
        };
        var model = Models.Option();
        var type = new Option<string?>("--type")
        {
            Description = "How to store the matrices: f32 is exact, q8_0 a quarter as large; " +
                "without it, as in the model",
            HelpName = "TYPE",
        };
        type.AcceptOnlyFromAmong("f32", "q8_0");
        var force = new Option<bool>("--force") { Description = "Replace files that are there already" };

        var export = new Verb(
            "export", "Write a model as two files: its parameters, and one page of C# to run it", "Models",
            "wisp export --two-files two/", "wisp export --two-files two/ -m runs/books --type q8_0",
            "wisp export --modelfile Modelfile -m wisp-chat")
        {
            folder, modelfile, model, type, force,
        };
        export.SetAction(parse =>
        {
            if (parse.GetValue(folder) is null == parse.GetValue(modelfile) is null)
                throw new UserException("Say what to write: --two-files DIR, or --modelfile FILE.");
            if (parse.GetValue(modelfile) is { } file)
            {
                if (parse.GetValue(type) is not null)
                    throw new UserException("--type says how --two-files stores the matrices; a Modelfile has none.");
                WriteModelfile(parse, Models.Find(parse.GetValue(model) ?? "wisp-chat"), file, parse.GetValue(force));
                return;
            }

            var target = parse.GetValue(folder)!;
            if (target.Length == 0)
                throw new UserException("The name of the folder is empty. Name one: --two-files DIR.");
            var written = TwoFilesExport.Write(
                Models.Find(parse.GetValue(model)),
                target,
                parse.GetValue(type) switch { "f32" => DType.F32, "q8_0" => DType.Q8_0, _ => null },
                parse.GetValue(force));

            var output = parse.InvocationConfiguration.Output;
            var (parameters, page) = (
                Path.Combine(target, TwoFilesExport.ParametersName), Path.Combine(target, TwoFilesExport.PageName));
            output.WriteLine($"{parameters}  {Human.Bytes(new FileInfo(parameters).Length)}, {written.Name()}");
            output.WriteLine($"{page}  {File.ReadLines(page).Count()} lines");
            output.WriteLine("Run them here, or on any machine with the .NET 10 SDK, offline:");
            output.WriteLine($"  dotnet run {CommandLine.Quoted(page)} -- \"Once upon a time\"");
        });
        return export;
    }

    private static void WriteModelfile(ParseResult parse, string path, string file, bool force)
    {
        using var model = Gguf.Open(path);
        Outputs.Require(model, file, file, force);
        var text = OllamaModelfile.Of(model, Path.GetFullPath(path));
        AtomicFile.Write(file, stream => stream.Write(Encoding.UTF8.GetBytes(text)));
        var output = parse.InvocationConfiguration.Output;
        output.WriteLine($"{file}: {Path.GetFileName(path)} for Ollama. Go on with:");
        output.WriteLine(
            $"  ollama create {Path.GetFileNameWithoutExtension(path)} -f {CommandLine.Quoted(file)}");
    }
}
