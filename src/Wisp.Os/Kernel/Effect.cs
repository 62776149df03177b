namespace Wisp.Kernel;

/// <summary>What happens when a call is made a second time because nobody knows whether the first one was.</summary>
/// <remarks>The numbers stand in journals.</remarks>
public enum Effect
{
    /// <summary>It reads. It may be made again, and its result need not be the same.</summary>
    Pure = 0,

    /// <summary>It writes, and doing so twice leaves what doing it once leaves.</summary>
    Idempotent = 1,

    /// <summary>It must not happen twice: mail, money, an append.</summary>
    Once = 2,
}
