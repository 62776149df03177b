using System.CommandLine;
using Wisp.Compute;
using Wisp.Train.Report;
using Wisp.TwoFiles;

namespace Wisp.Cli;

/// <summary><c>wisp export --two-files DIR [-m MODEL] [--type f32|q8_0] [--force]</c></summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var folder = new Option<string>("--two-files")
        {
            Description = "The folder for parameters.bin and run.cs; made where it is missing",
            HelpName = "DIR",
            Required = true,
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
            "wisp export --two-files two/", "wisp export --two-files two/ -m runs/books --type q8_0")
        {
            folder, model, type, force,
        };
        export.SetAction(parse =>
        {
            var target = parse.GetRequiredValue(folder);
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
}
