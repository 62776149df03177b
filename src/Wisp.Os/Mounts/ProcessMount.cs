using System.Globalization;
using System.Text;
using Wisp.Guard;
using Wisp.Kernel;
using Wisp.Memory;

namespace Wisp.Mounts;

/// <summary>A process as /proc shows it.</summary>
/// <param name="Pages">Of its memory; null where it keeps everything in the prompt.</param>
public sealed record ProcessSnapshot(ProcessReport Report, IReadOnlyList<PageReport>? Pages);

/// <summary>
/// procfs: what the kernel knows of its processes, as files that are made when they are read: /PID/status, usage,
/// handles, and context, the pages of its memory.
/// </summary>
/// <param name="look">What there is now; each call sees one moment of all processes.</param>
public sealed class ProcessMount(TreePath at, Func<Task<IReadOnlyList<ProcessSnapshot>>> look) : Driver
{
    public override Effect ClassOf(Verb verb, string path) => Effect.Pure;

    public override async ValueTask<SysResult> CallAsync(DriverCall call, CancellationToken cancel)
    {
        var all = await look().WaitAsync(cancel).ConfigureAwait(false);
        return await new ProcessFiles(at, all).CallAsync(call, cancel).ConfigureAwait(false);
    }
}

/// <summary>The files of /proc at one moment.</summary>
internal sealed class ProcessFiles(TreePath at, IReadOnlyList<ProcessSnapshot> processes) : FileMount(at)
{
    private static readonly string[] s_files = ["context", "handles", "status", "usage"];

    public override FileEntry Stat(TreePath path) => path.IsRoot ? new FileEntry("", true, 0)
        : path.Names.Count == 1 ? new FileEntry(path.Name, true, 0, Note: Find(path).Report.Name)
        : new FileEntry(path.Name, false, Encoding.UTF8.GetByteCount(TextOf(path)));

    public override IReadOnlyList<FileEntry> List(TreePath path) => path.Names.Count switch
    {
        0 => [.. processes.Select(process => process.Report).OrderBy(report => report.Pid.Number).Select(report =>
            new FileEntry(report.Pid.ToString(), true, 0, Note: report.Name))],
        1 => Find(path) is { } ? [.. s_files.Select(name => Stat(path.Child(name)))] : [],
        _ => TextOf(path).Length >= 0 ? throw IsFile(path) : [],
    };

    public override FilePiece Read(TreePath path, long from, int most)
    {
        if (path.Names.Count < 2)
            throw path.IsRoot || Find(path) is not null ? IsFolder(path) : NotFound(path);
        var all = Encoding.UTF8.GetBytes(TextOf(path));
        var bytes = all.AsSpan((int)Math.Min(from, all.Length));
        var (text, first, end) = Cut(path, bytes[..Math.Min(bytes.Length, most + 4)], from, most);
        // The context quotes what a process has read.
        var label = path.Name == "context"
            ? Label.Join((Find(path).Pages ?? []).Select(page => page.Page.Label).Append(Names)) : Names;
        return new FilePiece(text, first, end, all.Length, label);
    }

    private ProcessSnapshot Find(TreePath path) =>
        int.TryParse(path.Names[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && processes.FirstOrDefault(process => process.Report.Pid.Number == number) is { } found
            ? found : throw NotFound(path);

    private string TextOf(TreePath path)
    {
        var (report, pages) = Find(path);
        return path.Names.Count > 2 ? throw NotFound(path) : path.Name switch
        {
            "status" => Status(report),
            "usage" => Usage(report.Usage),
            "handles" => string.Concat(report.Handles.Select((handle, i) =>
                $"{i}  {handle.Rights}  {handle.Pattern}{(handle.Uses is { } uses ? $"  {uses} uses left" : "")}\n")),
            "context" => Context(pages),
            _ => throw NotFound(path),
        };
    }

    private static string Status(ProcessReport report) =>
        $"pid     {report.Pid}\nparent  {report.Parent}\ngroup   {report.Group}\nname    {report.Name}\n" +
        $"state   {report.State}{(report.Why.Length > 0 ? $" ({report.Why})" : "")}\n";

    private static string Usage(Usage usage) =>
        $"prefill tokens  {usage.PrefillTokens}\nreused tokens   {usage.ReusedTokens}\n" +
        $"decode tokens   {usage.DecodeTokens}\ncalls           {usage.Calls}\n" +
        $"KV blocks own   {usage.KvOwn}\nKV blocks held with others  {usage.KvShared}\n";

    private static string Context(IReadOnlyList<PageReport>? pages)
    {
        if (pages is null)
            return "This process keeps everything in its prompt.\n";
        var text = new StringBuilder("page  where     tokens  kind          last use  attention  text\n");
        foreach (var report in pages)
        {
            var (page, where) = (report.Page, report.Residency.ToString().ToLowerInvariant());
            var pin = report.IsPinned ? "*" : report.NamedBy is { } by ? $"<{by}" : "";
            text.Append(CultureInfo.InvariantCulture, $"{page.Id,4}  {where,-8}  {page.Tokens,6}  ")
                .Append(CultureInfo.InvariantCulture, $"{page.Kind,-12}  {report.LastUse,8}  ")
                .Append(CultureInfo.InvariantCulture, $"{report.Attention,9:0.00}  ")
                .Append(CultureInfo.InvariantCulture, $"{pin}{StubText.Preview(page)}\n");
        }

        return text.ToString();
    }
}
