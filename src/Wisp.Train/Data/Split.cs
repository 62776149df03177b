using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Wisp.Train.Data;

public sealed record SplitOptions
{
    /// <summary>The share of origins that is held out.</summary>
    public double Fraction { get; init; } = 0.01;

    /// <summary>
    /// Less than this makes bits-per-byte a matter of luck, so more is held out where the corpus can spare it.
    /// </summary>
    public int MinBytes { get; init; } = 64 << 10;

    /// <summary>More than this costs time at every evaluation and text to learn from.</summary>
    public int MaxBytes { get; init; } = 2 << 20;
}

/// <summary>
/// Decides which documents are held out, by a hash of the text they come from: when the corpus grows, what was held out
/// stays so, and all chapters of one book are on one side.
/// </summary>
public static class Split
{
    // Of a corpus of few files, the held-out ones may take this much; else the end of every file is held out instead.
    private const double LargestShare = 0.25;

    // So much of a file, where only its end can be held out.
    private const double Tail = 0.05;

    /// <summary>The two sides, in the order of the corpus, and a remark when files had to be cut.</summary>
    public sealed record Sides(List<Document> Train, List<Document> HeldOut, string? Remark);

    public static Sides Of(IReadOnlyList<Document> documents, SplitOptions options)
    {
        var heldOut = HeldOutOrigins(documents, options);
        if (heldOut.Count == 0)
            return CutTails(documents, options);
        var sides = new Sides([], [], null);
        foreach (var document in documents)
            (heldOut.Contains(document.Origin) ? sides.HeldOut : sides.Train).Add(document);
        return sides;
    }

    private static HashSet<string> HeldOutOrigins(IReadOnlyList<Document> documents, SplitOptions options)
    {
        var total = documents.Sum(document => (long)document.Text.Length);
        var most = Math.Min(options.MaxBytes, (long)(total * LargestShare));
        var least = Math.Min(options.MinBytes, total / 10);
        var limit = options.Fraction * 18446744073709551616.0; // 2⁶⁴

        var heldOut = new HashSet<string>();
        var bytes = 0L;
        var origins = documents.GroupBy(document => document.Origin)
            .Select(group => (Origin: group.Key, Hash: Hash(group.Key),
                Bytes: group.Sum(document => (long)document.Text.Length)))
            .OrderBy(origin => origin.Hash).ThenBy(origin => origin.Origin, StringComparer.Ordinal);
        foreach (var (origin, hash, size) in origins)
        {
            if (hash >= limit && bytes >= least && heldOut.Count > 0)
                break;
            if (bytes + size > most)
                continue;
            heldOut.Add(origin);
            bytes += size;
        }

        return heldOut;
    }

    /// <summary>The key keeps this hash apart from all others that are made of the same text.</summary>
    private static ulong Hash(string origin) =>
        BinaryPrimitives.ReadUInt64BigEndian(HMACSHA256.HashData("wisp held-out 1"u8, Encoding.UTF8.GetBytes(origin)));

    /// <summary>The end of every origin: whole documents where there are many, else a part of the last.</summary>
    private static Sides CutTails(IReadOnlyList<Document> documents, SplitOptions options)
    {
        var total = documents.Sum(document => (long)document.Text.Length);
        var share = Math.Min(Tail, options.MaxBytes / (double)Math.Max(1, total));
        var sides = new Sides([], [], documents.Count == 1
            ? $"There is one document, so its last {share:P1} are held out."
            : $"There are too few files to hold out whole ones, so about the last {share:P1} of each are.");
        foreach (var group in documents.GroupBy(document => document.Origin))
        {
            var parts = group.ToList();
            var wanted = (long)Math.Ceiling(parts.Sum(part => (long)part.Text.Length) * share);
            var heldOut = new Stack<Document>();
            while (parts.Count > 1 && wanted > 0 && parts[^1].Text.Length <= 1.5 * wanted)
            {
                wanted -= parts[^1].Text.Length;
                heldOut.Push(parts[^1]);
                parts.RemoveAt(parts.Count - 1);
            }

            var last = parts[^1];
            var at = CutAt(last.Text.Span, (int)(last.Text.Length - Math.Clamp(wanted, 0, last.Text.Length)));
            if (at > 0 && at < last.Text.Length)
            {
                parts[^1] = last with { Source = last.Source + "#train", Text = last.Text[..at] };
                heldOut.Push(last with { Source = last.Source + "#heldout", Text = last.Text[at..] });
            }

            sides.Train.AddRange(parts);
            sides.HeldOut.AddRange(heldOut);
        }

        return sides.HeldOut.Count > 0 ? sides : throw new InvalidDataException(
            $"The corpus has {total} bytes of text, too little to hold any out. A model needs some hundred KB or " +
            "more.");
    }

    /// <summary>
    /// The best place near an offset: behind a paragraph, else a line, else a word, else a character.
    /// </summary>
    private static int CutAt(ReadOnlySpan<byte> text, int near)
    {
        // As far back as the tail is long; forward it would shrink to nothing.
        var from = Math.Max(0, near - (text.Length - near));
        var window = text[from..near];
        foreach (var mark in (ReadOnlySpan<byte[]>)["\n\n"u8.ToArray(), "\n"u8.ToArray(), " "u8.ToArray()])
        {
            var at = window.LastIndexOf(mark);
            if (at >= 0)
                return from + at + mark.Length;
        }

        while (near > 0 && near < text.Length && (text[near] & 0xC0) == 0x80) // the middle of a character
            near--;
        return near;
    }
}
