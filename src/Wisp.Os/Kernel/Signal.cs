namespace Wisp.Kernel;

/// <summary>What a process can be told, at a token boundary.</summary>
/// <remarks>The numbers are those of POSIX and stand in journals.</remarks>
public enum Signal
{
    /// <summary>The user speaks: what is being written ends here.</summary>
    Int = 2,

    /// <summary>Ends at once; nothing of it is left behind.</summary>
    Kill = 9,

    /// <summary>Ends after a few last words.</summary>
    Term = 15,

    /// <summary>A child has ended.</summary>
    Child = 17,

    Continue = 18,
    Stop = 19,

    /// <summary>Most of a budget is used.</summary>
    Budget = 24,
}
