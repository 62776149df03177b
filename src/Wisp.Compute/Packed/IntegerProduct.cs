using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Wisp.Compute;

/// <summary>What products of all quantised types share.</summary>
internal static class IntegerProduct
{
    /// <summary>
    /// Columns unpacked at a time: 32 rows of 512 codes and their scales, 18 to 24 KB, stay in the L1 cache while all
    /// tokens pass.
    /// </summary>
    public const int Depth = 512;

    private const int CodeFloats = Depth * Panel.Rows / sizeof(float), ScaleFloats = Depth / 16 * Panel.Rows;

    /// <summary>Floats of a panel with its scales and minima.</summary>
    public const int ScratchFloats = CodeFloats + 2 * ScaleFloats;

    public static bool IsSupported(TileKind tile) => tile switch
    {
        TileKind.Narrow => Avx512BW.IsSupported,
        TileKind.Vnni => AvxVnni.IsSupported,
        TileKind.Avx2 => Avx2.IsSupported,
        _ => true,
    };

    public static unsafe Panel PanelAt(float* scratch, TileKind tile) => new()
    {
        Codes = (byte*)scratch, Scales = scratch + CodeFloats, Minima = scratch + CodeFloats + ScaleFloats,
        Signed = tile == TileKind.Avx2,
        Ahead = (byte*)scratch, // memory that is there: asking for what is not walks the page tables each time
    };
}

/// <summary>The kernels for quantised weights, the slowest first; all give the same bits.</summary>
internal enum TileKind
{
    Portable,
    Avx2,
    Vnni,
    Narrow,
}

/// <summary>Packing into a quantised format, and products with it.</summary>
/// <remarks>
/// What runs for every block is compiled at full strength from the first call on (AggressiveOptimization, here and in
/// what it calls): unoptimised code would decode the first tokens ten times slower, and a busy machine keeps it long.
/// </remarks>
internal static unsafe class IntegerProduct<TFormat> where TFormat : IPackedFormat
{
    /// <summary>Packs 32 rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(void* argument, int panel, int worker)
    {
        ref readonly var job = ref *(PackJob*)argument;
        byte* zeros = stackalloc byte[256], codes = stackalloc byte[256], steps = stackalloc byte[256 * Panel.Rows];
        var blocks = stackalloc byte*[Panel.Rows];
        new Span<byte>(zeros, 256).Clear();
        var count = job.Columns / TFormat.Length;
        var blockBytes = job.RowBytes / count;
        var to = job.To + (nint)panel * count * TFormat.Bytes;
        for (var b = 0; b < count; b++, to += TFormat.Bytes)
        {
            for (var i = 0; i < Panel.Rows; i++)
            {
                var row = panel * Panel.Rows + i;
                blocks[i] = row < job.Rows ? job.From + row * job.RowBytes + b * blockBytes : zeros;
                TFormat.Codes(codes, blocks[i]);
                for (var step = 0; step < TFormat.Length / 4; step++)
                    ((uint*)steps)[step * Panel.Rows + i] = ((uint*)codes)[step];
            }

            TFormat.Pack(to, steps, blocks);
        }
    }

    /// <summary>The fastest kernel that this processor has for the format.</summary>
    public static TileKind BestTile
    {
        get
        {
            var tile = TFormat.NarrowSteps > 0 ? TileKind.Narrow : TileKind.Vnni;
            while (!IntegerProduct.IsSupported(tile))
                tile--;
            return tile;
        }
    }

    public static void Multiply(in PackedPart part, int task, float* scratch)
    {
        part.Range(task, out var row, out var endRow, out var token, out var endToken);
        if (part.N > 1)
        {
            Many(part, row, endRow, token, endToken, scratch);
            return;
        }

        part.Start(row, endRow, token, endToken);
        if (part.Tile == BestTile && DirectTile.Supports(TFormat.Direct))
            OneDirect(part, row, endRow, IntegerProduct.PanelAt(scratch, part.Tile));
        else
            for (; row < endRow; row += Panel.Rows)
                One(part, row, Math.Min(Panel.Rows, endRow - row), IntegerProduct.PanelAt(scratch, part.Tile));
    }

    // One token: weights are used where they are, in a stream or several that begin at equal distances.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneDirect(in PackedPart part, int row, int endRow, in Panel scratch)
    {
        var most = DirectTile.Streams<TFormat>();
        var sums = stackalloc float[most * Panel.Rows];
        var each = Partition.Tasks(endRow - row, most * Panel.Rows) * Panel.Rows;
        for (var end = Math.Min(row + each, endRow); row < end; row += Panel.Rows)
        {
            var streams = Partition.Tasks(endRow - row, each);
            for (var i = 0; i < streams; i++)
                Rows(part, row + i * each, endRow).CopyTo(new Span<float>(sums + i * Panel.Rows, Panel.Rows));
            DirectTile.Multiply<TFormat>(sums, part.Blocks, Packed(part, row, 0),
                (nint)(Packed(part, each, 0) - part.W), streams, scratch, part.Columns);
            for (var i = 0; i < streams; i++)
            {
                var y = Rows(part, row + i * each, endRow);
                new Span<float>(sums + i * Panel.Rows, y.Length).CopyTo(y);
            }
        }
    }

    private static Span<float> Rows(in PackedPart part, int row, int endRow) =>
        new(part.Y + row, Math.Min(Panel.Rows, endRow - row));

    // One token: weights are unpacked and used a few blocks at a time, so that reading them never pauses for long.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One(in PackedPart part, int row, int rows, Panel panel)
    {
        const int depth = 256;
        var y = new Span<float>(part.Y + row, rows);
        var from = Packed(part, row, 0);
        var sums = stackalloc float[Panel.Rows];
        y.CopyTo(new Span<float>(sums, rows));
        for (var at = 0; at < part.Columns; at += depth)
        {
            var columns = Math.Min(depth, part.Columns - at);
            from = Unpack(panel, from, columns);
            Tile<OneToken>(part, sums, 0, part.Blocks + at / InputBlock.Length, panel, columns);
        }

        new Span<float>(sums, rows).CopyTo(y);
    }

    // Many tokens: a few panels of some columns, unpacked once for all of them. The sums are kept side by side, because
    // those of a token lie a whole row from the next one's in y: often in the same few sets of a cache.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Many(in PackedPart part, int row, int endRow, int token, int endToken, float* scratch)
    {
        int rows = endRow - row, tokens = endToken - token, panels = Partition.Tasks(rows, Panel.Rows),
            stride = panels * Panel.Rows;
        var y = part.Y + (nint)token * part.Stride + row;
        var sums = scratch + panels * IntegerProduct.ScratchFloats;
        if (part.StartsAtZero || rows < stride)
            new Span<float>(sums, tokens * stride).Clear();
        if (!part.StartsAtZero)
        {
            part.Start(row, endRow, token, endToken);
            Copy(sums, stride, y, part.Stride, rows, tokens);
        }

        for (var at = 0; at < part.Columns; at += IntegerProduct.Depth)
            Many(part, row, panels, token, tokens, at, scratch, sums);
        Copy(y, part.Stride, sums, stride, rows, tokens);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Many(
        in PackedPart part, int row, int panels, int token, int tokens, int at, float* scratch, float* sums)
    {
        var columns = Math.Min(IntegerProduct.Depth, part.Columns - at);
        byte* next = null;
        var inPlace = TFormat.IsSigned && part.Tile == TileKind.Avx2 && part.IsFew;
        var unpacked = stackalloc Panel[panels];
        for (var i = 0; i < panels; i++)
        {
            var from = Packed(part, row + i * Panel.Rows, at);
            var panel = IntegerProduct.PanelAt(scratch + i * IntegerProduct.ScratchFloats, part.Tile);
            next = Unpack(panel, from, columns, scalesOnly: inPlace);
            if (inPlace)
            {
                panel.Codes = from + TFormat.CodesAt;
                panel.Gap = TFormat.Bytes - TFormat.Length * Panel.Rows;
            }

            unpacked[i] = panel;
        }

        var a = part.Blocks + token * part.InputStride + at / InputBlock.Length;
        // Codes of 8 bits need more registers for a product, and sums of a scale in several parts as many again.
        var most = part.Tile == TileKind.Avx2 ? TFormat.NarrowSteps == TFormat.ScaleLength / 4 ? 6 : 4
            : part.Tile != TileKind.Vnni && TFormat.NarrowSteps < TFormat.ScaleLength / 4 ? 4 : 6;
        // Few tokens: memory would rest while they pass, if what is next were not asked for, a little at every step.
        var steps = 2 * (columns / 4);
        nint ahead = 0;
        if (part.IsFew)
            ahead = ((nint)(next - Packed(part, row, at)) / panels / Tiles(tokens, most) + steps - 1) / steps;
        for (int n = 0, atOnce; n < tokens; n += atOnce, a += atOnce * part.InputStride)
        {
            atOnce = AtOnce(tokens - n, most);
            for (var i = 0; i < panels; i++)
            {
                var panel = unpacked[i] with { Ahead = next, AheadBytes = ahead };
                Tile(part, sums + (n * panels + i) * Panel.Rows, panels * Panel.Rows, a, panel, columns, atOnce);
                next += ahead * steps;
            }
        }
    }

    // Tokens that a tile takes next of those that are left.
    private static int AtOnce(int tokens, int most) => tokens >= most ? most : tokens >= 4 ? 4 : tokens >= 2 ? 2 : 1;

    private static int Tiles(int tokens, int most)
    {
        var count = 0;
        for (; tokens > 0; tokens -= AtOnce(tokens, most))
            count++;
        return count;
    }

    private static void Copy(float* to, nint toStride, float* from, nint fromStride, int rows, int tokens)
    {
        for (var n = 0; n < tokens; n++)
            new Span<float>(from + n * fromStride, rows).CopyTo(new Span<float>(to + n * toStride, rows));
    }

    private static byte* Packed(in PackedPart part, int row, int column) => part.W +
        ((nint)(row / Panel.Rows) * (part.Columns / TFormat.Length) + column / TFormat.Length) * TFormat.Bytes;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static byte* Unpack(Panel panel, byte* from, int columns, bool scalesOnly = false)
    {
        for (; columns > 0; columns -= TFormat.Length, from += TFormat.Bytes)
        {
            if (scalesOnly)
                TFormat.UnpackScales(panel, from);
            else
                TFormat.Unpack(panel, from);
            panel.Codes += TFormat.Length * Panel.Rows;
            panel.Scales += TFormat.Length / TFormat.ScaleLength * Panel.Rows;
            panel.Minima += TFormat.Length / TFormat.ScaleLength * Panel.Rows;
        }

        return from;
    }

    private static void Tile(
        in PackedPart part, float* y, nint stride, InputBlock* a, in Panel panel, int columns, int tokens)
    {
        switch (tokens)
        {
            case 6: Tile<SixTokens>(part, y, stride, a, panel, columns); break;
            case 4: Tile<FourTokens>(part, y, stride, a, panel, columns); break;
            case 2: Tile<TwoTokens>(part, y, stride, a, panel, columns); break;
            default: Tile<OneToken>(part, y, stride, a, panel, columns); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TTokens>(
        in PackedPart part, float* y, nint stride, InputBlock* a, in Panel panel, int columns) where TTokens : ITokens
    {
        var blocks = columns / InputBlock.Length;
        switch (part.Tile)
        {
            case TileKind.Narrow:
                NarrowTile.Multiply<TFormat, TTokens>(y, stride, a, part.InputStride, panel, blocks);
                break;
            case TileKind.Vnni: Halves<VnniDot, TTokens>(y, stride, a, part.InputStride, panel, blocks); break;
            // AVX2 adds products in 16 bits, which codes of few bits leave room for.
            case TileKind.Avx2 when TFormat.NarrowSteps > 0:
                NarrowHalves<TTokens>(y, stride, a, part.InputStride, panel, blocks);
                break;
            case TileKind.Avx2: SignedHalves<TTokens>(y, stride, a, part.InputStride, panel, blocks); break;
            default: Halves<PortableDot, TTokens>(y, stride, a, part.InputStride, panel, blocks); break;
        }
    }

    private static void Halves<TDot, TTokens>(
        float* y, nint stride, InputBlock* a, nint aStride, in Panel panel, int blocks)
        where TDot : IDot where TTokens : ITokens
    {
        IntegerTile.Multiply<TDot, TFormat, TTokens>(y, stride, a, aStride, panel, blocks);
        IntegerTile.Multiply<TDot, TFormat, TTokens>(
            y + Panel.Rows / 2, stride, a, aStride, SecondHalf(panel, blocks), blocks);
    }

    private static void NarrowHalves<TTokens>(
        float* y, nint stride, InputBlock* a, nint aStride, in Panel panel, int blocks) where TTokens : ITokens
    {
        NarrowAvx2.Multiply<TFormat, TTokens>(y, stride, a, aStride, panel, blocks);
        NarrowAvx2.Multiply<TFormat, TTokens>(
            y + Panel.Rows / 2, stride, a, aStride, SecondHalf(panel, blocks), blocks);
    }

    private static void SignedHalves<TTokens>(
        float* y, nint stride, InputBlock* a, nint aStride, in Panel panel, int blocks) where TTokens : ITokens
    {
        SignedTile.Multiply<TFormat, TTokens>(y, stride, a, aStride, panel, blocks);
        SignedTile.Multiply<TFormat, TTokens>(
            y + Panel.Rows / 2, stride, a, aStride, SecondHalf(panel, blocks), blocks);
    }

    // Both halves of the rows go through all steps.
    private static Panel SecondHalf(in Panel panel, int blocks) => panel with
    {
        Ahead = panel.Ahead + panel.AheadBytes * blocks * InputBlock.Length / 4,
        Codes = panel.Codes + Panel.StepBytes / 2,
        Scales = panel.Scales + Panel.Rows / 2,
        Minima = panel.Minima + Panel.Rows / 2,
    };
}
