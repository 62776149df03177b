using Wisp.Guard;

namespace Wisp.Memory;

/// <summary>An address space that keeps everything resident: for models that manage their own window, and for short
/// runs.</summary>
public sealed class Transcript : AddressSpace
{
    private readonly PromptCodec _codec;
    private readonly List<PromptPart> _parts;
    private Label _label;

    public Transcript(PromptCodec codec) : this(codec, [], Label.Public)
    {
    }

    private Transcript(PromptCodec codec, List<PromptPart> parts, Label label) =>
        (_codec, _parts, _label) = (codec, parts, label);

    public override Label Label => _label;

    public override IReadOnlyList<PromptPart> Prompt() => _parts;

    public override void Say(PromptRole role, string text, Label label)
    {
        _parts.Add(_codec.Part(role, text));
        _label = _label.Join(label);
    }

    public override void Exchange(PromptPart answer, IReadOnlyList<CallResult> results)
    {
        _parts.Add(answer);
        foreach (var (_, result) in results)
            Say(PromptRole.Tool, result.Text, result.Label);
    }

    public override AddressSpace Fork() => new Transcript(_codec, [.. _parts], _label);
}
