namespace Wisp.Compute;

/// <summary>A type whose values come in blocks, read: one block into floats.</summary>
internal unsafe interface IBlockDecoder
{
    static abstract void Decode(float* y, byte* block);
}

/// <summary>A type whose values come in blocks, written: one block from floats.</summary>
/// <remarks>
/// Values are finite. A block that was given a NaN or an infinity decodes to anything, but encoding it does not fault,
/// ends, and touches no other block.
/// </remarks>
internal unsafe interface IBlockEncoder
{
    static abstract void Encode(byte* block, float* x);
}
