using System.Text;
using Wisp.Compute;
using Wisp.Guard;
using Wisp.Kernel;

namespace Wisp.Mounts;

/// <summary>
/// hostfs: a folder of the machine that the user gave. It can be written only where it was given so, and nothing
/// outside of it can be reached by any name (<see cref="HostFolder"/>).
/// </summary>
public sealed class HostMount : FileMount, IDisposable
{
    /// <summary>The longest text that is written.</summary>
    public const int MostBytes = 16 << 20;

    private readonly HostFolder _folder;
    private readonly bool _canWrite;
    private readonly ReaderSet _readers;

    /// <param name="readers">Who may read what is in there.</param>
    /// <exception cref="IOException">It is no folder that can be opened.</exception>
    public HostMount(TreePath at, string folder, bool canWrite, ReaderSet readers) : base(at) =>
        (_folder, _canWrite, _readers) = (new HostFolder(folder), canWrite, readers);

    protected override Label Names => new(SourceSet.Of(Source.File(At.ToString())), _readers);

    public override FileEntry Stat(TreePath path)
    {
        using var node = Open(path);
        return Entry(path.Name, node) with { Note = _canWrite ? "" : "read-only" };
    }

    public override IReadOnlyList<FileEntry> List(TreePath path)
    {
        var entries = new List<FileEntry>();
        try
        {
            foreach (var (name, node) in _folder.List(path.Names))
                // A name that no path can hold, and what leads out, cannot be opened here.
                if (node is not null && node.Kind != HostNodeKind.Other && TreePath.IsName(name))
                    entries.Add(entries.Count < MostEntries ? Entry(name, node) : throw TooMany());
        }
        catch (HostPathException e)
        {
            throw Fault(path, e);
        }

        return [.. entries.OrderBy(entry => entry.Name, StringComparer.Ordinal)];

        MountException TooMany() => new(SysStatus.Failed,
            $"{path.At(At)}: has more than {MostEntries} entries; name one of its folders.");
    }

    public override FilePiece Read(TreePath path, long from, int most)
    {
        using var node = Open(path);
        if (node.Kind == HostNodeKind.Folder)
            throw IsFolder(path);
        try
        {
            var bytes = HostFolder.Read(node, from, most + 4);
            var (text, first, end) = Cut(path, bytes, from, most);
            return new FilePiece(text, first, end, node.Bytes,
                new Label(SourceSet.Of(Source.File(path.At(At).ToString())), _readers));
        }
        catch (HostPathException e)
        {
            throw Fault(path, e);
        }
    }

    public override string Write(TreePath path, string text, Label label)
    {
        if (!_canWrite)
            throw new MountException(SysStatus.Denied,
                $"{path.At(At)}: {At} was mounted read-only; only the user can change that.");
        if (Encoding.UTF8.GetByteCount(text) is var bytes && bytes > MostBytes)
            throw new MountException(SysStatus.Malformed,
                $"{path.At(At)}: {bytes} bytes are too many; the most is {MostBytes}.");
        if (!label.FlowsTo(_readers))
            throw new MountException(SysStatus.Denied,
                $"{path.At(At)}: the text may be read by {label.Readers}, and the file would be read by {_readers}.");
        try
        {
            _folder.Write(path.Names, Encoding.UTF8.GetBytes(text));
        }
        catch (HostPathException e)
        {
            throw Fault(path, e);
        }

        return $"{bytes} bytes were written to {path.At(At)}.";
    }

    public void Dispose() => _folder.Dispose();

    private static FileEntry Entry(string name, HostNode node) => node.Kind == HostNodeKind.Folder
        ? new FileEntry(name, true, 0, node.Modified)
        : new FileEntry(name, false, node.Bytes, node.Modified, node.Kind == HostNodeKind.Other ? "no plain file" : "");

    private HostNode Open(TreePath path)
    {
        try
        {
            return _folder.Open(path.Names);
        }
        catch (HostPathException e)
        {
            throw Fault(path, e);
        }
    }

    private MountException Fault(TreePath path, HostPathException e) => new(e.Fault switch
    {
        HostFault.NotFound => SysStatus.NotFound,
        HostFault.Denied or HostFault.Escapes or HostFault.OtherSpelling => SysStatus.Denied,
        HostFault.WrongKind => SysStatus.Malformed,
        _ => SysStatus.Failed,
    }, $"{path.At(At)}: {e.Message}.");
}
