using System.CommandLine;
using Wisp.Kernel.Remote;

namespace Wisp.Cli.Os;

/// <summary><c>wisp cat</c>: any path of the kernel's one tree, such as /proc/7/context.</summary>
internal static class FileCommands
{
    public static Command CreateCat()
    {
        var path = new Argument<string>("PATH") { Description = "An absolute path of the kernel's tree" };
        var list = new Option<bool>("--list", "-l") { Description = "List a folder instead" };
        var search = new Option<string?>("--search")
        {
            Description = "Search below the path instead",
            HelpName = "WORDS"
        };
        var command = new Verb("cat", "Read a path of the kernel's tree: /proc, documents, memory, tools",
            KernelLink.Group, "wisp cat /proc/7/context", "wisp cat -l /")
        {
            path, list, search,
        };
        command.SetAction(async (parse, cancel) =>
        {
            var reply = await KernelLink.AskAsync(new KernelRequest(KernelOp.File)
            {
                Path = parse.GetRequiredValue(path), Text = parse.GetValue(search) ?? "",
                Verb = parse.GetValue(search) is not null ? Wisp.Kernel.Verb.Search
                    : parse.GetValue(list) ? Wisp.Kernel.Verb.List : Wisp.Kernel.Verb.Read,
            }, cancel).ConfigureAwait(false);
            var text = Terminal.Clean(reply.Text ?? "");
            parse.InvocationConfiguration.Output.Write(text.EndsWith('\n') || text.Length == 0 ? text : text + "\n");
            return 0;
        });
        return command;
    }
}
