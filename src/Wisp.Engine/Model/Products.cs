using Wisp.Compute;

namespace Wisp.Model;

/// <summary>Rows of a batch, one after another, that an adapter changes.</summary>
internal readonly record struct AdaptedRows(int Row, int Count, LoraAdapter Adapter);

/// <summary>
/// Multiplies activations by projections: by the packed copy of their weights where there is one, else by the weights
/// as stored, and adds what the adapters of its rows say. Products of the same input go through the pool together.
/// </summary>
/// <remarks>Allocates nothing once it has seen the largest input.</remarks>
internal sealed class Products(WorkerPool pool) : IDisposable
{
    private readonly PackedInput _input = new();
    private readonly List<AdaptedRows> _adapted = [];
    private FloatBuffer? _low; // (rows, r): what A makes of the rows of an adapter

    public long Bytes => _input.Bytes + (_low?.Bytes ?? 0);

    /// <summary>The rows of the next inputs that have adapters, in order.</summary>
    public void Adapt(ReadOnlySpan<AdaptedRows> rows)
    {
        _adapted.Clear();
        _adapted.AddRange(rows);
    }

    /// <summary>y = x·Wᵀ + b, row n of y at n·stride; a stride of 0 leaves no gaps.</summary>
    public void Multiply(Span<float> y, ReadOnlySpan<float> x, Projection w, int stride = 0)
    {
        stride = stride == 0 ? w.Outputs : stride;
        if (w.Packed is not { } packed)
        {
            Linear.Multiply(pool, y, stride, x, w.Weight, BiasOf(w));
        }
        else
        {
            _input.Set(pool, x, packed);
            PackedLinear.Multiply(pool, y, stride, _input, packed, BiasOf(w));
        }

        Adapt(y, x, w, stride);
    }

    /// <summary>Two products of x, their rows the same stride apart.</summary>
    public void Multiply(
        ReadOnlySpan<float> x, Span<float> y0, Projection w0, Span<float> y1, Projection w1, int stride)
    {
        if (w0.Packed is not { } p0 || w1.Packed is not { } p1)
        {
            Multiply(y0, x, w0, stride);
            Multiply(y1, x, w1, stride);
            return;
        }

        _input.Set(pool, x, p0, p1);
        PackedLinear.Multiply(pool, _input,
            new PackedProduct(y0, stride, p0, BiasOf(w0)), new PackedProduct(y1, stride, p1, BiasOf(w1)));
        Adapt(y0, x, w0, stride);
        Adapt(y1, x, w1, stride);
    }

    /// <summary>Three products of x, without gaps.</summary>
    public void Multiply(
        ReadOnlySpan<float> x, Span<float> y0, Projection w0, Span<float> y1, Projection w1, Span<float> y2,
        Projection w2)
    {
        if (w0.Packed is not { } p0 || w1.Packed is not { } p1 || w2.Packed is not { } p2)
        {
            Multiply(y0, x, w0);
            Multiply(y1, x, w1);
            Multiply(y2, x, w2);
            return;
        }

        _input.Set(pool, x, p0, p1, p2);
        PackedLinear.Multiply(pool, _input, new PackedProduct(y0, w0.Outputs, p0, BiasOf(w0)),
            new PackedProduct(y1, w1.Outputs, p1, BiasOf(w1)), new PackedProduct(y2, w2.Outputs, p2, BiasOf(w2)));
        Adapt(y0, x, w0, w0.Outputs);
        Adapt(y1, x, w1, w1.Outputs);
        Adapt(y2, x, w2, w2.Outputs);
    }

    // y += B·(A·x) for the rows that have an adapter which changes this matrix.
    private void Adapt(Span<float> y, ReadOnlySpan<float> x, Projection w, int stride)
    {
        var columns = w.Weight.Columns;
        foreach (var (row, count, adapter) in _adapted)
        {
            if (adapter.Of(w) is not var (a, b))
                continue;
            if (_low is null || _low.Length < count * a.Rows)
            {
                _low?.Dispose();
                _low = new FloatBuffer(count * a.Rows);
            }

            var low = _low.Slice(0, count * a.Rows);
            Linear.Multiply(pool, low, a.Rows, x.Slice(row * columns, count * columns), a);
            Linear.Multiply(pool, y[(row * stride)..], stride, low, b, accumulate: true);
        }
    }

    private static ReadOnlySpan<float> BiasOf(Projection w) => w.Bias is null ? default : w.Bias.Floats;

    public void Dispose()
    {
        _input.Dispose();
        _low?.Dispose();
    }
}
