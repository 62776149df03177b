using Wisp.Compute;

namespace Wisp.Model;

/// <summary>
/// Multiplies activations by projections: by the packed copy of their weights where there is one, else by the weights
/// as stored. Products of the same input go through the pool together.
/// </summary>
/// <remarks>Allocates nothing once it has seen the largest input.</remarks>
internal sealed class Products(WorkerPool pool) : IDisposable
{
    private readonly PackedInput _input = new();

    public long Bytes => _input.Bytes;

    /// <summary>y = x·Wᵀ + b, row n of y at n·stride; a stride of 0 leaves no gaps.</summary>
    public void Multiply(Span<float> y, ReadOnlySpan<float> x, Projection w, int stride = 0)
    {
        stride = stride == 0 ? w.Outputs : stride;
        if (w.Packed is not { } packed)
        {
            Linear.Multiply(pool, y, stride, x, w.Weight, BiasOf(w));
            return;
        }

        _input.Set(pool, x, packed);
        PackedLinear.Multiply(pool, y, stride, _input, packed, BiasOf(w));
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
    }

    private static ReadOnlySpan<float> BiasOf(Projection w) => w.Bias is null ? default : w.Bias.Floats;

    public void Dispose() => _input.Dispose();
}
