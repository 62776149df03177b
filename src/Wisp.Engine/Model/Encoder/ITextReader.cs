namespace Wisp.Model;

/// <summary>A model that reads texts and writes none: tokens go in, the last layer's row of each comes out.</summary>
/// <remarks>A text's rows are the same to the bit whatever other texts are read with it. One call at a time.</remarks>
internal interface ITextReader : IDisposable
{
    int Vocabulary { get; }

    /// <summary>The longest text, in tokens.</summary>
    int Context { get; }

    /// <summary>C: the length of a row.</summary>
    int Width { get; }

    /// <summary>Fills rows, (N, C), for the N tokens of all texts, one text after the other.</summary>
    /// <param name="texts">Each of 1 to <see cref="Context"/> tokens of the vocabulary.</param>
    void Read(Span<float> rows, IReadOnlyList<int[]> texts, CancellationToken cancel);
}
