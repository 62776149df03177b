namespace Wisp.Compute;

/// <summary>
/// Clipping by the global norm: g ·= min(1, maxNorm/(‖g‖ + 1e-6)), ‖g‖ over all tensors together.
/// Pascanu et al. 2013, "On the difficulty of training recurrent neural networks", arXiv:1211.5063, algorithm 1.
/// </summary>
/// <remarks>
/// ‖g‖ is the root of the added <see cref="VectorOps.SumOfSquares"/> of the tensors. The coefficient goes to the
/// optimizer as its gradient scale, which saves a pass over the gradients.
/// </remarks>
public static class GradientClip
{
    /// <summary>The factor of every gradient. NaN where the norm is, so that the caller cannot miss it.</summary>
    public static double Coefficient(double norm, double maxNorm)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxNorm);
        return Math.Min(1, maxNorm / (norm + 1e-6));
    }
}
