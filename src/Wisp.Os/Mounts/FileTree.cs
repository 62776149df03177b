using Wisp.Guard;
using Wisp.Kernel;

namespace Wisp.Mounts;

/// <summary>
/// The one tree: drivers at their places. What a path means is decided here, once, by the longest place that it lies
/// in; folders that are only there because something is mounted below them are shown by the tree itself.
/// </summary>
public sealed class FileTree : Driver
{
    private readonly SortedDictionary<string, (TreePath At, Driver Driver, string Note)> _mounts =
        new(StringComparer.Ordinal);

    private readonly Lock _lock = new();

    /// <summary>What is mounted where, in order of the paths.</summary>
    public IReadOnlyList<(TreePath At, string Note)> Mounts
    {
        get
        {
            lock (_lock)
                return [.. _mounts.Values.Select(mount => (mount.At, mount.Note))];
        }
    }

    /// <param name="note">What it is, in a few words.</param>
    /// <exception cref="MountException">Something is mounted there already.</exception>
    public void Mount(TreePath at, Driver driver, string note)
    {
        lock (_lock)
            if (!_mounts.TryAdd(at.ToString(), (at, driver, note)))
                throw new MountException(SysStatus.Failed, $"{at}: {_mounts[at.ToString()].Note} is mounted there.");
    }

    /// <returns>The driver that was there.</returns>
    /// <exception cref="MountException">Nothing is mounted there.</exception>
    public Driver Unmount(TreePath at)
    {
        lock (_lock)
            return _mounts.Remove(at.ToString(), out var mount) ? mount.Driver
                : throw new MountException(SysStatus.NotFound, $"{at}: nothing is mounted there.");
    }

    public override Effect ClassOf(Verb verb, string path) =>
        Find(TreePath.Parse(path)) is var (at, driver)
            ? driver.ClassOf(verb, TreePath.Parse(path).Below(at).ToString()) : base.ClassOf(verb, path);

    public override long MaxPrice(Verb verb, string path, string body) =>
        Find(TreePath.Parse(path)) is var (at, driver)
            ? driver.MaxPrice(verb, TreePath.Parse(path).Below(at).ToString(), body) : 0;

    public override ValueTask<(ProbeAnswer Answer, SysResult? Result)> ProbeAsync(
        DriverCall call, CancellationToken cancel)
    {
        var path = TreePath.Parse(call.Path);
        return Find(path) is var (at, driver)
            ? driver.ProbeAsync(call with { Path = path.Below(at).ToString() }, cancel) : base.ProbeAsync(call, cancel);
    }

    public override async ValueTask<SysResult> CallAsync(DriverCall call, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(call);
        try
        {
            var path = TreePath.Parse(call.Path);
            var below = PlacesBelow(path);
            if (Find(path) is var (at, driver))
            {
                var result = await driver.CallAsync(call with { Path = path.Below(at).ToString() }, cancel)
                    .ConfigureAwait(false);
                // A folder may have mounts inside that its own driver knows nothing of.
                if (call.Verb != Verb.List || !result.IsOk || below.Count == 0)
                    return result;
                return result with
                {
                    Text = string.Join('\n', Lines(result.Text).Union(below).Order(StringComparer.Ordinal)),
                };
            }

            if (below.Count == 0 && !path.IsRoot)
                return Refusal(SysStatus.NotFound, $"{path}: there is no such file or folder.");
            return call.Verb switch
            {
                Verb.List => Ok(string.Join('\n', below)),
                Verb.Stat => Ok("folder"),
                Verb.Read => Refusal(SysStatus.Malformed, $"{path}: is a folder; list it."),
                Verb.Write => Refusal(SysStatus.Denied, $"{path}: this place cannot be written."),
                _ => Refusal(
                    SysStatus.Malformed, $"{path}: name one of the places below it: {string.Join(", ", below)}."),
            };
        }
        catch (MountException e)
        {
            return Refusal(e.Status, e.Message);
        }
    }

    private static IEnumerable<string> Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static SysResult Ok(string text) => new(SysStatus.Ok, text, Label.From(Source.Kernel));

    private static SysResult Refusal(SysStatus status, string text) => new(status, text, Label.From(Source.Kernel));

    private (TreePath At, Driver Driver)? Find(TreePath path)
    {
        lock (_lock)
            return _mounts.Values.Where(mount => path.IsWithin(mount.At))
                .OrderByDescending(mount => mount.At.ToString().Length)
                .Select(mount => ((TreePath, Driver)?)(mount.At, mount.Driver)).FirstOrDefault();
    }

    private List<string> PlacesBelow(TreePath path)
    {
        lock (_lock)
            return [.. _mounts.Values.Where(mount => mount.At != path && mount.At.IsWithin(path))
                .Select(mount => mount.At.Below(path).Names[0] + "/").Distinct()];
    }
}
