using Wisp.Guard;

namespace Wisp.Memory;

/// <summary>
/// What a process has in mind. The kernel adds to it and asks it for the prompt before every turn of the model; what is
/// resident, summarised or swapped in between is its own affair.
/// </summary>
/// <remarks>Not thread-safe: the kernel's thread owns it.</remarks>
public abstract class AddressSpace
{
    /// <summary>Of everything that is resident: whatever the model writes next is made from it.</summary>
    public abstract Label Label { get; }

    /// <summary>
    /// What the model reads now, oldest first. Parts before the first that changed are the same, token for token, as
    /// the last time.
    /// </summary>
    public abstract IReadOnlyList<PromptPart> Prompt();

    /// <summary>Adds instructions or a message.</summary>
    public abstract void Say(PromptRole role, string text, Label label);

    /// <summary>Adds a turn of the model and the results of all calls it made; they come and go together.</summary>
    public abstract void Exchange(PromptPart answer, IReadOnlyList<CallResult> results);

    /// <summary>
    /// Brings in what a text names and is not resident. Returns whether the prompt has changed by that, so that the
    /// turn has to be taken again.
    /// </summary>
    public virtual bool Fault(string text) => false;

    /// <summary>
    /// Whether what it is asked for again and again does not fit its window together: fewer processes should run.
    /// </summary>
    public virtual bool IsThrashing => false;

    /// <summary>Says what tools there are, after the instructions.</summary>
    public virtual void SetTools(string text, Label label) => Say(PromptRole.System, text, label);

    /// <summary>How much attention each block of 16 tokens of the last prompt was paid: the accessed bits.</summary>
    public virtual void Attended(ReadOnlySpan<float> mass)
    {
    }

    /// <summary>The same for a child; neither sees what the other adds later.</summary>
    public abstract AddressSpace Fork();
}
