namespace Wisp.Bench.Engine;

/// <summary>One line that says what is being done: rewritten on a terminal, and absent elsewhere.</summary>
internal sealed class Progress(TextWriter output, bool terminal)
{
    private const int Width = 100;

    public void Say(string what)
    {
        if (terminal)
            output.Write($"\r{(what.Length < Width ? what.PadRight(Width) : what[..Width])}");
    }

    public void Clear()
    {
        Say("");
        if (terminal)
            output.Write('\r');
    }
}
