namespace Wisp.Compute;

/// <summary>
/// Muon: momentum, then the nearest semi-orthogonal matrix as the update, so that every direction of a matrix moves at
/// the same rate. Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
/// </summary>
/// <remarks>
/// buf = μ·buf + (1−μ)·g;  u = (1−μ)·g + μ·buf (Nesterov);  X = u/‖u‖ᶠ, then five Newton-Schulz steps
/// X ← a·X + (b·A + c·A²)·X with A = X·Xᵀ;  p ← p·(1 − lr·wd) − lr·√max(1, rows/columns)·X.
/// All in float32; a tall matrix is worked on transposed, so that A is the smaller of the two Gram matrices.
/// </remarks>
public sealed class Muon(int largestLength, int largestSide) : IDisposable
{
    // The quintic that lifts small singular values fastest while staying near 1; five steps land in about [0.68, 1.13].
    private const float A = 3.4445f, B = -4.7750f, C = 2.0315f;
    private const int Steps = 5;

    private readonly FloatBuffer _x = new(largestLength), _y = new(largestLength);
    private readonly FloatBuffer _gram = new(largestSide * largestSide), _poly = new(largestSide * largestSide);

    /// <summary>Bytes of scratch: two copies of the largest matrix and two of its Gram matrix.</summary>
    public long Bytes => _x.Bytes + _y.Bytes + _gram.Bytes + _poly.Bytes;

    /// <summary>One step on p, (rows, columns); buf keeps the momentum between steps.</summary>
    /// <param name="gradientScale">Factor on g first, so that clipping costs no pass of its own.</param>
    public void Step(
        WorkerPool pool, Span<float> p, Span<float> buf, ReadOnlySpan<float> g, int rows, int columns,
        float lr, float momentum, float weightDecay, float gradientScale = 1f)
    {
        var n = rows * columns;
        int small = Math.Min(rows, columns), large = Math.Max(rows, columns);
        if (p.Length < n || buf.Length < n || g.Length < n || n > _x.Length || small * small > _gram.Length)
            throw new ArgumentException($"A ({rows}, {columns}) matrix does not fit the spans or the scratch.");

        Span<float> x = _x.Slice(0, n), y = _y.Slice(0, n);
        for (var i = 0; i < n; i++)
        {
            var gi = g[i] * gradientScale;
            buf[i] = (momentum * buf[i]) + ((1 - momentum) * gi);
            y[i] = ((1 - momentum) * gi) + (momentum * buf[i]);
        }

        var scale = (float)(1 / (Math.Sqrt(VectorOps.SumOfSquares(pool, y)) + 1e-7));
        var tall = rows > columns;
        for (var r = 0; r < rows; r++)
            for (var c = 0; c < columns; c++)
                x[tall ? (c * rows) + r : (r * columns) + c] = y[(r * columns) + c] * scale;

        Orthogonalize(pool, x, y, small, large);

        var rate = lr * MathF.Sqrt(MathF.Max(1f, (float)rows / columns));
        var keep = 1 - (lr * weightDecay);
        for (var r = 0; r < rows; r++)
            for (var c = 0; c < columns; c++)
            {
                ref var to = ref p[(r * columns) + c];
                to = (to * keep) - (rate * x[tall ? (c * rows) + r : (r * columns) + c]);
            }
    }

    // x, (small, large), becomes its Newton-Schulz limit; y is scratch of the same length.
    private void Orthogonalize(WorkerPool pool, Span<float> x, Span<float> y, int small, int large)
    {
        Span<float> gram = _gram.Slice(0, small * small), poly = _poly.Slice(0, small * small);
        for (var step = 0; step < Steps; step++)
        {
            Gemm.Multiply(pool, gram, x, x, small, small, large, transposeA: false, transposeB: true,
                accumulate: false);
            Gemm.Multiply(pool, poly, gram, gram, small, small, small, transposeA: false, transposeB: false,
                accumulate: false);
            for (var i = 0; i < gram.Length; i++)
                poly[i] = (B * gram[i]) + (C * poly[i]);
            for (var i = 0; i < small; i++)
                poly[(i * small) + i] += A; // a·X folds into the product: (a·I + b·A + c·A²)·X
            Gemm.Multiply(pool, y, poly, x, small, large, small, transposeA: false, transposeB: false,
                accumulate: false);
            y.CopyTo(x);
        }
    }

    public void Dispose()
    {
        _x.Dispose();
        _y.Dispose();
        _gram.Dispose();
        _poly.Dispose();
    }
}
