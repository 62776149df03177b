using System.CommandLine;
using Wisp.Compute;
using Wisp.TwoFiles;

namespace Wisp.Cli;

/// <summary><c>wisp export --two-files DIR -m FILE [--type f32|q8_0] [--force]</c></summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var folder = new Option<string>("--two-files")
        {
            Description = "The folder for parameters.bin and run.cs; it is made where it is missing.",
            HelpName = "DIR",
            Required = true,
        };
        var model = new Option<string>("--model", "-m")
        {
            Description = "The model, a GGUF file.",
            HelpName = "FILE",
            Required = true,
        };
        var type = new Option<string?>("--type")
        {
            Description =
                "How to store the matrices: f32 is exact, q8_0 a quarter as large. Default: as in the model.",
        };
        type.AcceptOnlyFromAmong("f32", "q8_0");
        var force = new Option<bool>("--force") { Description = "Replace files that are there already." };

        var export = new Command("export", "Write a model as two files: its parameters, and one page of C# to run it.")
        {
            folder, model, type, force,
        };
        export.SetAction(parse =>
        {
            var target = parse.GetValue(folder)!;
            var written = TwoFilesExport.Write(
                parse.GetValue(model)!,
                target,
                parse.GetValue(type) switch { "f32" => DType.F32, "q8_0" => DType.Q8_0, _ => null },
                parse.GetValue(force));

            var output = parse.InvocationConfiguration.Output;
            foreach (var name in (string[])[TwoFilesExport.ParametersName, TwoFilesExport.PageName])
            {
                var path = Path.Combine(target, name);
                var note = name == TwoFilesExport.ParametersName ? $", {written.Name()}" : "";
                output.WriteLine($"{path}  {new FileInfo(path).Length:n0} bytes{note}");
            }

            output.WriteLine("Run them here, or on any machine with the .NET 10 SDK, offline:");
            output.WriteLine($"  dotnet run {Path.Combine(target, TwoFilesExport.PageName)} -- \"Once upon a time\"");
        });
        return export;
    }
}
