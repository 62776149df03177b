using System.Runtime.Intrinsics;

namespace Wisp.Compute;

/// <summary>
/// Where a format unpacks to: for every 32 values of 32 rows, codes as the kernels read them, and the scales (and
/// minima) as float32.
/// </summary>
/// <remarks>
/// Codes: step j of a block, values 4j to 4j + 3 of the 32 rows, is 128 bytes, the 4 bytes of a row side by side; the
/// 32-bit lanes of a vector are then rows, and no product is ever summed across lanes. Scales: 32 floats a block, or
/// two times 32 where a format scales 16 values each; minima likewise.
/// </remarks>
internal unsafe struct Panel
{
    public const int Rows = 32;
    public const int StepBytes = 4 * Rows;
    public const int BlockBytes = InputBlock.Length * Rows;

    public byte* Codes;
    public float* Scales, Minima;

    /// <summary>
    /// Whether codes of eight bits lie there less their zero, as signed bytes: <see cref="SignedTile"/> takes them so.
    /// </summary>
    public bool Signed;

    /// <summary>
    /// Bytes between the codes of one block and those of the next: 0, or where the panel is packed weights themselves
    /// what else they hold.
    /// </summary>
    public nint Gap;

    /// <summary>
    /// What is asked for, so many bytes more at every step, while the panel is multiplied: what will be unpacked next.
    /// </summary>
    public byte* Ahead;
    public nint AheadBytes;
}

/// <summary>What the kernels must know of a format's codes: constants that the JIT folds.</summary>
internal interface IPanelKind
{
    /// <summary>Values that share a scale: 16 or 32.</summary>
    static abstract int ScaleLength { get; }

    /// <summary>Whether a minimum, stored negated, is added for every scale.</summary>
    static abstract bool HasMinima { get; }

    /// <summary>
    /// Steps, of 4 codes a row, whose products summed in pairs fit 16 bits: 2·steps·127·code ≤ 32,767. A power of two
    /// within a scale's codes, or 0 for codes that are too large for it.
    /// </summary>
    static abstract int NarrowSteps { get; }

    /// <summary>The code that stands for zero is 2 to this; of no meaning with minima.</summary>
    static abstract int ZeroShift { get; }
}

/// <summary>A stored type interleaved by 32 rows: how one block of them is written and read.</summary>
internal unsafe interface IPackedFormat : IPanelKind
{
    /// <summary>Values of a row in a packed block: 32, or 256.</summary>
    static abstract int Length { get; }

    /// <summary>Bytes of a packed block of 32 rows.</summary>
    static abstract int Bytes { get; }

    /// <summary>The codes, 0 to 255, of a stored block of one row.</summary>
    static abstract void Codes(byte* codes, byte* block);

    /// <summary>Packs 32 stored blocks whose codes are already interleaved as in a panel.</summary>
    static abstract void Pack(byte* to, byte* codes, byte** blocks);

    /// <summary>Unpacks a block; minima are written where the format has some.</summary>
    static abstract void Unpack(in Panel to, byte* from);

    /// <summary>How its codes lie for the kernels that take one token.</summary>
    static virtual DirectCodes Direct => DirectCodes.None;

    /// <summary>
    /// Whether packed codes lie as <see cref="SignedTile"/> takes them, so that few tokens need none unpacked.
    /// </summary>
    static virtual bool IsSigned => false;

    /// <summary>Where the codes begin in a packed block.</summary>
    static virtual int CodesAt => 0;

    /// <summary>Unpacks the scales and minima alone, for codes that <see cref="DirectTile"/> reads itself.</summary>
    static virtual void UnpackScales(in Panel to, byte* from) => throw new NotSupportedException();

    /// <summary>
    /// For <see cref="DirectAvx2"/>, before a block's scales are asked for by eights: what of them is worked out once.
    /// </summary>
    static virtual void PrepareScales(float* scratch, byte* from)
    {
    }

    /// <summary>The scales of 8 rows, of the part'th values that share one.</summary>
    static virtual Vector256<float> Scales(float* scratch, byte* from, int part, int row) =>
        throw new NotSupportedException();

    /// <summary>The minima that go with them.</summary>
    static virtual Vector256<float> Minima(float* scratch, byte* from, int part, int row) =>
        throw new NotSupportedException();
}
