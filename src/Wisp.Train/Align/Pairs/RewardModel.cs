using Wisp.Compute;
using Wisp.Model;
using Wisp.Train.Align.Conversations;

namespace Wisp.Train.Align.Pairs;

/// <summary>
/// Scores answers with a model by <c>wisp train reward</c>. The head is metadata of the file and no tensor of it, so
/// that every program that runs the model's architecture still loads it.
/// </summary>
public sealed class RewardModel : IDisposable
{
    internal const string HeadKey = "wisp.reward.head";

    private readonly Parameters _weights;
    private readonly Transformer _transformer;
    private readonly ChatRenderer _renderer;
    private readonly float[] _head, _hidden;
    private readonly int _context;

    /// <exception cref="InvalidDataException">The file has no head, or one of another width.</exception>
    public RewardModel(ModelFile model, WorkerPool pool)
    {
        var config = model.Config;
        if (!model.Source.TryGetFloats(HeadKey, out var head))
            throw new InvalidDataException(
                $"{model.Path}: has no head that scores. Train one with `wisp train reward`.");
        if (head.Length != config.Width || head.Any(value => !float.IsFinite(value)))
            throw new InvalidDataException(
                $"{model.Path}: the head ({HeadKey}) has {head.Length} numbers, some of them perhaps not finite; " +
                $"expected {config.Width}.");
        var tokenizer = model.Tokenizer ?? throw new InvalidDataException($"{model.Path}: holds no tokenizer.");
        (_head, _context, _renderer) = (head, config.Context, new ChatRenderer(tokenizer));
        _weights = model.ReadParameters();
        _transformer = new Transformer(_weights.Map, pool, _context, train: false);
        _hidden = new float[_context * config.Width];
    }

    /// <summary>
    /// The score of a conversation's last turn, which is the assistant's. Only differences mean anything.
    /// </summary>
    /// <exception cref="ArgumentException">The conversation does not fit the context.</exception>
    public float Score(Conversation conversation)
    {
        var ids = PairText.ForReward(_renderer.Render(conversation), int.MaxValue);
        if (ids.Length == 0 || ids.Length > _context)
            throw new ArgumentException(
                $"A conversation of {ids.Length} tokens cannot be scored; the model reads 1 to {_context}.",
                nameof(conversation));
        var positions = new int[ids.Length];
        for (var i = 0; i < ids.Length; i++)
            positions[i] = i;
        var hidden = _hidden.AsSpan(0, ids.Length * _head.Length);
        _transformer.Hidden(_weights, new TokenBatch(1, ids.Length, ids, [], positions, []), hidden);
        return Reward.Score(_head, hidden[^_head.Length..]);
    }

    public void Dispose()
    {
        _transformer.Dispose();
        _weights.Dispose();
    }
}
