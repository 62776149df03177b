using System.Diagnostics;
using System.Runtime.InteropServices;
using Wisp.Kernel;

namespace Wisp.Tools;

/// <summary>
/// The operating system's processes that run for ours. Each is started in a session of its own and carries a mark in
/// its environment that what it starts inherits; ending one of ours ends all that descends from it.
/// </summary>
/// <remarks>
/// Found are: the session, all descendants by parent, and everything with the mark, also what has left both. A program
/// that forks away and clears its environment in the same moment is not found; only a sandbox holds such a one.
/// </remarks>
public sealed class OsChildren(string run)
{
    private const string Mark = "WISP_PROCESS";
    private const int Kill = 9, MaxRounds = 200;

    private readonly Dictionary<int, List<System.Diagnostics.Process>> _started = []; // guarded by itself

    /// <summary>Starts a program for a process; standard streams are pipes.</summary>
    /// <param name="argv">The program's full path and its arguments; there is no shell.</param>
    /// <param name="environment">All that it sees of the environment, but for the mark.</param>
    /// <exception cref="IOException">It cannot be started.</exception>
    public System.Diagnostics.Process Start(
        Pid pid, IReadOnlyList<string> argv, IReadOnlyDictionary<string, string> environment, string folder)
    {
        // setsid is exec'd into the program, so the number is that of the session too.
        var start = new ProcessStartInfo("/usr/bin/setsid", argv)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        start.Environment.Clear();
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        start.Environment[Mark] = MarkOf(pid);
        try
        {
            var process = System.Diagnostics.Process.Start(start)!;
            lock (_started)
            {
                if (!_started.TryGetValue(pid.Number, out var list))
                    _started[pid.Number] = list = [];
                list.RemoveAll(p => p.HasExited);
                list.Add(process);
            }

            return process;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new IOException($"{argv[0]}: cannot be started ({e.Message}).", e);
        }
    }

    /// <summary>Ends everything that runs for a process, and returns how many that were.</summary>
    public int End(Pid pid)
    {
        List<System.Diagnostics.Process>? started;
        lock (_started)
            if (!_started.Remove(pid.Number, out started))
                return 0;
        return End(MarkOf(pid), started.Where(p => !p.HasExited).Select(p => p.Id).ToHashSet());
    }

    /// <summary>Ends one program of a process and all that it has started.</summary>
    public int End(Pid pid, System.Diagnostics.Process program)
    {
        lock (_started)
            if (_started.TryGetValue(pid.Number, out var list))
                list.Remove(program);
        return End(null, [program.Id]);
    }

    private string MarkOf(Pid pid) => $"{run}:{pid}";

    // Again and again until none is left: a program may start another while it is looked at.
    private static int End(string? mark, HashSet<int> roots)
    {
        var ended = new HashSet<int>();
        for (var round = 0; round < MaxRounds; round++)
        {
            var found = Find(mark, roots).ToList();
            if (found.Count == 0)
                return ended.Count;
            foreach (var id in found)
            {
                roots.Add(id); // its children are ours, also when it is gone
                ended.Add(id);
                _ = SendSignal(id, Kill); // one that is gone already needs none
            }

            if (round > 2)
                Thread.Sleep(1); // they are ending
        }

        return ended.Count;
    }

    private static IEnumerable<int> Find(string? mark, HashSet<int> roots)
    {
        var all = new List<(int Id, int Parent, int Session, bool IsMarked)>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
            if (int.TryParse(Path.GetFileName(folder), out var id) && Read(folder, mark) is { } status)
                all.Add((id, status.Parent, status.Session, status.IsMarked));
        var hit = new HashSet<int>();
        bool more;
        do
        {
            more = false;
            foreach (var (id, parent, session, isMarked) in all)
                if (isMarked || roots.Contains(id) || roots.Contains(session) || hit.Contains(parent)
                    || roots.Contains(parent))
                    more |= hit.Add(id);
        }
        while (more);
        return hit;
    }

    // Null for one that is gone, a zombie included: it runs no more.
    private static (int Parent, int Session, bool IsMarked)? Read(string folder, string? mark)
    {
        try
        {
            var stat = File.ReadAllText(Path.Combine(folder, "stat"));
            // The name stands in parentheses and may hold any of them.
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            if (fields[0] is "Z" or "X")
                return null;
            var isMarked = mark is not null && File.ReadAllText(Path.Combine(folder, "environ"))
                .Split('\0').Contains($"{Mark}={mark}");
            return (int.Parse(fields[1]), int.Parse(fields[3]), isMarked);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // ended meanwhile, or another user's
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int SendSignal(int pid, int signal);
}
