using System.CommandLine;
using Wisp.Kernel.Remote;
using Wisp.Mounts;

namespace Wisp.Cli.Os;

/// <summary><c>wisp mount, umount</c>: the folders and documents that agents may see.</summary>
internal static class MountCommands
{
    public static IEnumerable<Command> Create() => [Mount(), Unmount()];

    private static Verb Mount()
    {
        var folder = new Argument<string?>("FOLDER")
        {
            Description = "A folder of this machine; without it the mounts are shown", Arity = ArgumentArity.ZeroOrOne,
        };
        var place = new Argument<string?>("PATH")
        {
            Description = "Where it is to stand, such as /docs", Arity = ArgumentArity.ZeroOrOne,
        };
        var write = new Option<bool>("--write", "-w") { Description = "Let agents write there too" };
        var documents = new Option<string?>("--documents")
        {
            Description = "Index the folder's texts instead, to be searched as /rag/NAME", HelpName = "NAME",
        };
        var command = new Verb("mount", "Give agents a folder, or documents to search", KernelLink.Group,
            "wisp mount", "wisp mount ~/notes /notes", "wisp mount ~/books --documents books")
        {
            folder, place, write, documents,
        };
        command.SetAction(async (parse, cancel) =>
        {
            var output = parse.InvocationConfiguration.Output;
            var given = parse.GetValue(folder);
            if (given is null)
            {
                await ShowAsync(output, cancel).ConfigureAwait(false);
                return 0;
            }

            var full = Path.GetFullPath(given);
            if (!Directory.Exists(full))
                throw new UserException($"{given}: there is no such folder.");
            if (parse.GetValue(documents) is { } name)
            {
                Index(parse, name, full, cancel);
                return 0;
            }

            if (parse.GetValue(place) is not { } at)
                throw new UserException("Say where it is to stand: wisp mount FOLDER /PATH");
            await ChangeAsync(parse, table => table.Add(new FolderGrant(at, full, parse.GetValue(write))), cancel)
                .ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    private static Verb Unmount()
    {
        var place = new Argument<string>("PATH") { Description = "Where it stands" };
        var command = new Verb("umount", "Take a folder away from agents", KernelLink.Group, "wisp umount /notes")
        {
            place,
        };
        command.SetAction(async (parse, cancel) =>
        {
            await ChangeAsync(parse, table => table.Remove(TreePath.Parse(parse.GetRequiredValue(place))), cancel)
                .ConfigureAwait(false);
            return 0;
        });
        return command;
    }

    private static void Index(ParseResult parse, string name, string folder, CancellationToken cancel)
    {
        var error = parse.InvocationConfiguration.Error;
        try
        {
            using var documents = UserTree.Documents(Folder);
            var seen = 0;
            // A line for every thousand documents: a folder of some hundred takes less than a second.
            var report = documents.Index(name, folder, path =>
            {
                if (++seen % 1000 == 0)
                    error.WriteLine($"{seen} documents, {Terminal.Clean(path)}");
            }, cancel);
            foreach (var line in report.Skipped)
                error.WriteLine($"wisp: skipped {Terminal.Clean(line)}");
            parse.InvocationConfiguration.Output.WriteLine(
                $"/rag/{name}: {report.Added} documents added, {report.Changed} changed, {report.Removed} removed, " +
                $"{report.Same} as before.");
        }
        catch (Exception e) when (e is MountException or IOException or PlatformNotSupportedException)
        {
            throw new UserException(e.Message, e);
        }
    }

    private static async Task ChangeAsync(ParseResult parse, Action<MountTable> change, CancellationToken cancel)
    {
        try
        {
            change(new MountTable(Path.Combine(Folder, "mounts.json")));
        }
        catch (Exception e) when (e is MountException or IOException)
        {
            throw new UserException(e.Message, e);
        }

        using var client = KernelClient.TryConnect(KernelSocket.Path(Environment.GetEnvironmentVariable));
        if (client is null)
        {
            parse.InvocationConfiguration.Output.WriteLine("The next kernel will see it.");
            return;
        }

        try
        {
            await client.SendAsync(new KernelRequest(KernelOp.File)
            {
                Path = "/dev/mounts", Verb = Wisp.Kernel.Verb.Write,
            }, cancel).ConfigureAwait(false);
            parse.InvocationConfiguration.Output.WriteLine("The kernel sees it.");
        }
        catch (ArgumentException e)
        {
            throw new UserException(e.Message, e);
        }
    }

    private static async Task ShowAsync(TextWriter output, CancellationToken cancel)
    {
        using var client = KernelClient.TryConnect(KernelSocket.Path(Environment.GetEnvironmentVariable));
        if (client is not null)
        {
            var reply = await client.SendAsync(new KernelRequest(KernelOp.File)
            {
                Path = "/dev/mounts", Verb = Wisp.Kernel.Verb.Read,
            }, cancel).ConfigureAwait(false);
            output.Write(Terminal.Clean(reply.Text ?? ""));
            return;
        }

        try
        {
            var grants = new MountTable(Path.Combine(Folder, "mounts.json")).Read();
            foreach (var grant in grants)
                output.WriteLine(Terminal.Clean(
                    $"{grant.At}  {grant.Folder}, {(grant.CanWrite ? "read-write" : "read-only")}"));
            if (grants.Count == 0)
                output.WriteLine("No folder is mounted, and no kernel runs.");
        }
        catch (MountException e)
        {
            throw new UserException(e.Message, e);
        }
    }

    private static string Folder => Places.UserFolder(Environment.GetEnvironmentVariable);
}
