using System.Runtime.ExceptionServices;
using Wisp.Compute;

namespace Wisp.Model.Containers;

/// <summary>
/// The rows of one tensor in the layout that the reader wants, wherever and however they are stored. What lies in a
/// file as it is wanted is mapped; the rest is computed row by row, so that no copy of a model is ever in memory.
/// </summary>
internal abstract class TensorRows(long rows, long rowBytes)
{
    private const int PartBytes = 4 << 20; // copied at a time by each thread

    public long Rows { get; } = rows;

    public long RowBytes { get; } = rowBytes;

    public long Bytes => Rows * RowBytes;

    /// <summary>A range of bytes in place; false where no file holds it as it is.</summary>
    public virtual bool TryMap(long from, int length, out ReadOnlySpan<byte> bytes)
    {
        bytes = default;
        return false;
    }

    /// <summary>Fills a buffer with whole rows. Any number of threads may read at once.</summary>
    public abstract void Read(long first, int count, Span<byte> to);

    /// <summary>Writes all rows, in order, read by several threads.</summary>
    /// <param name="done">Told the bytes written so far.</param>
    public virtual void CopyTo(Stream stream, int threads = 1, Action<long>? done = null)
    {
        if (RowBytes > Array.MaxLength)
            throw new InvalidDataException($"A row of {RowBytes} bytes is too long to convert.");
        if (Bytes == 0)
            return;
        var most = (int)Math.Clamp(PartBytes / RowBytes, 1, Math.Max(1, (Rows + threads - 1) / threads));
        var parts = new byte[threads][];
        var counts = new int[threads];
        for (var first = 0L; first < Rows;)
        {
            var from = first;
            try
            {
                Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, t =>
                {
                    counts[t] = (int)Math.Clamp(Rows - from - (long)t * most, 0, most);
                    if (counts[t] == 0)
                        return;
                    parts[t] ??= new byte[most * RowBytes];
                    Read(from + (long)t * most, counts[t], parts[t].AsSpan(0, (int)(counts[t] * RowBytes)));
                });
            }
            catch (AggregateException e)
            {
                ExceptionDispatchInfo.Throw(e.InnerExceptions[0]); // several threads may meet the same fault
            }

            for (var t = 0; t < threads && counts[t] > 0; t++)
            {
                stream.Write(parts[t].AsSpan(0, (int)(counts[t] * RowBytes)));
                first += counts[t];
            }

            done?.Invoke(first * RowBytes);
        }
    }

    /// <summary>All rows in memory, for readers that need them in one piece.</summary>
    public MappedFile Materialise(string name)
    {
        if (RowBytes > Array.MaxLength)
            throw new InvalidDataException($"{name}: a row of {RowBytes} bytes is too long to convert.");
        var part = (int)Math.Max(1, PartBytes / Math.Max(1, RowBytes)) * (int)RowBytes;
        return MappedFile.InMemory(name, Bytes,
            (at, to) => Read(at / RowBytes, (int)(to.Length / RowBytes), to), Math.Max(1, part));
    }
}

/// <summary>Rows that lie in a file as they are wanted.</summary>
internal sealed class MappedRows(MappedFile file, long offset, long rows, long rowBytes) : TensorRows(rows, rowBytes)
{
    public MappedFile File => file;

    public long Offset => offset;

    public override bool TryMap(long from, int length, out ReadOnlySpan<byte> bytes)
    {
        bytes = file.Slice(offset + from, length);
        return true;
    }

    public override void Read(long first, int count, Span<byte> to) =>
        file.Slice(offset + first * RowBytes, to.Length).CopyTo(to);

    public override void CopyTo(Stream stream, int threads = 1, Action<long>? done = null)
    {
        const int Part = 1 << 20;
        for (var at = 0L; at < Bytes;)
        {
            var part = file.Slice(offset + at, (int)Math.Min(Part, Bytes - at));
            stream.Write(part);
            at += part.Length;
            done?.Invoke(at);
        }
    }
}

/// <summary>A vector that was computed.</summary>
internal sealed class ArrayRows(byte[] values) : TensorRows(1, values.Length)
{
    public static ArrayRows Of(ReadOnlySpan<float> values, DType type)
    {
        var bytes = new byte[type.BytesOf(values.Length)];
        Blocks.Encode(bytes, values, type);
        return new ArrayRows(bytes);
    }

    public override bool TryMap(long from, int length, out ReadOnlySpan<byte> bytes)
    {
        bytes = values.AsSpan((int)from, length);
        return true;
    }

    public override void Read(long first, int count, Span<byte> to) => values.AsSpan(0, to.Length).CopyTo(to);
}

/// <summary>Tensors of one shape, one behind the other: the experts of a layer.</summary>
internal sealed class StackedRows(IReadOnlyList<TensorRows> parts)
    : TensorRows(parts.Count * parts[0].Rows, parts[0].RowBytes)
{
    public override bool TryMap(long from, int length, out ReadOnlySpan<byte> bytes)
    {
        bytes = default;
        if (parts[0].Bytes == 0)
            return length == 0;
        var (part, rest) = Math.DivRem(from, parts[0].Bytes);
        return part < parts.Count && length <= parts[0].Bytes - rest &&
            parts[(int)part].TryMap(rest, length, out bytes);
    }

    public override void Read(long first, int count, Span<byte> to)
    {
        while (count > 0)
        {
            var (part, row) = Math.DivRem(first, parts[0].Rows);
            var now = (int)Math.Min(count, parts[0].Rows - row);
            var bytes = (int)(now * RowBytes);
            parts[(int)part].Read(row, now, to[..bytes]);
            first += now;
            count -= now;
            to = to[bytes..];
        }
    }
}

/// <summary>Some neighbouring rows of a tensor: one expert of a layer.</summary>
internal sealed class RowRange(TensorRows source, long from, long rows) : TensorRows(rows, source.RowBytes)
{
    public override bool TryMap(long at, int length, out ReadOnlySpan<byte> bytes) =>
        source.TryMap(from * RowBytes + at, length, out bytes);

    public override void Read(long first, int count, Span<byte> to) => source.Read(from + first, count, to);
}

/// <summary>The same rows in another order.</summary>
/// <param name="origin">From a row's new place to where it stood.</param>
internal sealed class ReorderedRows(TensorRows source, Func<long, long> origin)
    : TensorRows(source.Rows, source.RowBytes)
{
    public override void Read(long first, int count, Span<byte> to)
    {
        for (var i = 0; i < count; i++)
            source.Read(origin(first + i), 1, to.Slice((int)(i * RowBytes), (int)RowBytes));
    }
}

/// <summary>A matrix of plain numbers with rows and columns exchanged.</summary>
internal sealed class TransposedRows(TensorRows source, int elementBytes)
    : TensorRows(source.RowBytes / elementBytes, source.Rows * elementBytes)
{
    public override void Read(long first, int count, Span<byte> to)
    {
        // Each source row gives one column of the part that was asked for.
        var row = new byte[source.RowBytes];
        for (var column = 0L; column < source.Rows; column++)
        {
            source.Read(column, 1, row);
            for (var i = 0; i < count; i++)
                row.AsSpan((int)(first + i) * elementBytes, elementBytes)
                    .CopyTo(to[(int)(i * RowBytes + column * elementBytes)..]);
        }
    }
}

/// <summary>The same values in another type.</summary>
/// <param name="length">Values a row.</param>
/// <param name="finite">Refuse values that are not finite, since no block type can hold them.</param>
internal sealed class ConvertedRows(
    TensorRows source, string name, int length, DType from, DType to, bool finite = false)
    : TensorRows(source.Rows, to.BytesOf(length))
{
    public override void Read(long first, int count, Span<byte> bytes)
    {
        var stored = new byte[source.RowBytes];
        var values = new float[length];
        for (var i = 0; i < count; i++)
        {
            source.Read(first + i, 1, stored);
            Blocks.Decode(values, stored, from);
            if (finite)
                foreach (var value in values)
                    if (!float.IsFinite(value))
                        throw new InvalidDataException($"{name}: row {first + i} holds {value}. A model with values " +
                            "that are not finite is damaged and cannot be quantised.");
            Blocks.Encode(bytes.Slice((int)(i * RowBytes), (int)RowBytes), values, to);
        }
    }
}
