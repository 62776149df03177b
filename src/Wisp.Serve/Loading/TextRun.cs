using System.Runtime.CompilerServices;
using Wisp.Model;
using Wisp.Run;

namespace Wisp.Serve.Loading;

/// <summary>A piece of a text that can be shown, and the tokens that came with it, often none or several.</summary>
/// <param name="IsLast">Whether the text has ended: then its end and its cost are known.</param>
internal readonly record struct TextPiece(string Text, IReadOnlyList<EngineToken> Tokens, bool IsLast = false);

/// <summary>A text that an engine continues: tokens become characters, and stop strings end it.</summary>
internal sealed class TextRun(Engine engine, Tokenizer tokenizer, EngineRequest request, IReadOnlyList<string> stop)
{
    public GenerationEnd End { get; private set; }

    /// <summary>Complete once the text has ended.</summary>
    public EngineUsage Usage { get; private set; }

    /// <summary>The text as it comes; to be called once.</summary>
    /// <exception cref="OperationCanceledException">The caller or the engine ended it.</exception>
    public async IAsyncEnumerable<TextPiece> Read([EnumeratorCancellation] CancellationToken cancel)
    {
        var (characters, stops) = (new Utf8Stream(), new StopStrings(stop));
        await using var stream = engine.Start(request, cancel);
        await foreach (var token in stream.ReadAllAsync(cancel))
        {
            cancel.ThrowIfCancellationRequested();
            // Control tokens have no text.
            var bytes = tokenizer.IsSpecial(token.Id) ? [] : tokenizer.BytesOf(token.Id);
            var text = stops.Push(characters.Push(bytes));
            yield return new TextPiece(text, [token]);
            if (stops.Found is not null)
                break;
        }

        if (stops.Found is not null)
        {
            // What it cost is known when the engine lets go of it, a pass later.
            await stream.DisposeAsync();
            await foreach (var _ in stream.ReadAllAsync(CancellationToken.None))
            {
            }

            (End, Usage) = (GenerationEnd.StopString, stream.Usage);
            yield return new TextPiece("", [], IsLast: true);
            yield break;
        }

        cancel.ThrowIfCancellationRequested();
        (End, Usage) = (stream.End, stream.Usage);
        if (End == GenerationEnd.Cancelled)
            throw new OperationCanceledException("The engine was stopped before the text ended.");
        var rest = stops.Push(characters.Flush()) + stops.Flush();
        yield return new TextPiece(rest, [], IsLast: true);
    }
}
