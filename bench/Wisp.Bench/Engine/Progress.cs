namespace Wisp.Bench.Engine;

/// <summary>One line that says what is being done: rewritten on a terminal, and absent elsewhere.</summary>
/// <param name="width">Columns to fill; 0 says nothing.</param>
internal sealed class Progress(TextWriter output, int width)
{
    public void Say(string what)
    {
        if (width > 0)
            output.Write($"\r{(what.Length < width ? what.PadRight(width) : what[..width])}");
    }

    public void Clear()
    {
        Say("");
        if (width > 0)
            output.Write('\r');
    }
}
