using System.CommandLine;
using System.CommandLine.Help;
using System.Reflection;
using Wisp.Cli.Os;
using Wisp.Cli.Talk;

namespace Wisp.Cli;

/// <summary>The root of all commands. A new command is one line here; the order is that of the help.</summary>
internal static class WispCommand
{
    public static RootCommand Create()
    {
        var chat = ChatCommand.Create();
        var root = new RootCommand("Language models as two files, trained and run from nothing, offline")
        {
            chat,
            RunCommand.Create(),
            RunCommand.CreateDream(),
            ServeCommand.Create(),
            InspectCommand.Create(),
            ConvertCommand.Create(),
            QuantizeCommand.Create(),
            TokenizeCommand.Create(),
            DetokenizeCommand.Create(),
            RenderCommand.Create(),
            LogitsCommand.Create(),
            PerplexityCommand.Create(),
            EvalCommand.Create(),
            EmbedCommand.Create(),
            RerankCommand.Create(),
            ExportCommand.Create(),
            TrainCommand.Create(),
            LabelCommand.Create(),
            KernelCommand.Create(),
            TopCommand.Create(),
            TraceCommands.CreateTrace(),
            FileCommands.CreateCat(),
            TraceCommands.CreateReplay(),
            DoctorCommand.Create(),
            BenchCommand.Create(),
        };
        foreach (var command in ProcessCommands.Create().Concat(MountCommands.Create()))
            root.Add(command);
        root.Add(SimdLevel.Option()); // taken before anything is parsed; here for the help and for misplaced ones
        // A prompt may begin with '[' and must not be taken for a directive of the parser.
        root.Directives.Clear();
        root.Options.OfType<HelpOption>().Single().Description = "Show this help, or that of a command";
        root.Options.OfType<VersionOption>().Single().Description = "Show the version";
        // A person who types nothing more wants to talk; a script is told what there is.
        root.SetAction(parse => ChatCommand.IsConversation ? chat.Parse([]).Invoke(parse.InvocationConfiguration)
            : HelpPage.Write(Terminal.On(parse.InvocationConfiguration.Output), root));
        return root;
    }

    /// <summary>The version and, where the build knows it, the commit.</summary>
    public static string Version
    {
        get
        {
            var version = typeof(WispCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
                .InformationalVersion.Split('+');
            return version.Length > 1
                ? $"wisp {version[0]} ({version[1][..Math.Min(9, version[1].Length)]})"
                : $"wisp {version[0]}";
        }
    }
}
