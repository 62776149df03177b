namespace Wisp.Model;

/// <summary>
/// The clean-up of blanks with which llama.cpp, after the first tokenizers of Hugging Face, shows the text of some
/// vocabularies. In three passes, each on what the one before has left:
/// <code>
/// " ?" " !" " ." " ,"  lose the blank        " ' "  loses both        " 's" " 'm" " 're" " 've"  lose the blank
/// </code>
/// </summary>
internal static class SpaceCleaning
{
    public static byte[] Clean(ReadOnlySpan<byte> text) => Contractions(Apostrophes(Signs(text)));

    private static byte[] Signs(ReadOnlySpan<byte> text)
    {
        var kept = new List<byte>(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is (byte)'?' or (byte)'!' or (byte)'.' or (byte)',' && i > 0 && text[i - 1] == ' ')
                kept.RemoveAt(kept.Count - 1);
            kept.Add(text[i]);
        }

        return [.. kept];
    }

    private static byte[] Apostrophes(ReadOnlySpan<byte> text)
    {
        var kept = new List<byte>(text.Length);
        var taken = -1; // the blank after an apostrophe cannot be the one before the next
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\'' && i > 0 && i - 1 != taken && text[i - 1] == ' ' && i + 1 < text.Length
                && text[i + 1] == ' ')
            {
                kept.RemoveAt(kept.Count - 1);
                kept.Add(text[i]);
                taken = ++i;
                continue;
            }

            kept.Add(text[i]);
        }

        return [.. kept];
    }

    private static byte[] Contractions(ReadOnlySpan<byte> text)
    {
        var kept = new List<byte>(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\'' && i > 0 && text[i - 1] == ' ' && text[(i + 1)..] is
                [(byte)'s' or (byte)'m', ..] or [(byte)'r' or (byte)'v', (byte)'e', ..])
                kept.RemoveAt(kept.Count - 1);
            kept.Add(text[i]);
        }

        return [.. kept];
    }
}
