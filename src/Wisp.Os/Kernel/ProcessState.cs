namespace Wisp.Kernel;

/// <summary>Where a process stands.</summary>
/// <remarks>The numbers stand in journals.</remarks>
public enum ProcessState
{
    New = 0,

    /// <summary>Waits for its turn on the model.</summary>
    Ready = 1,

    /// <summary>In the batch that the model steps.</summary>
    Running = 2,

    /// <summary>Waits for a call, a child, a message or a person.</summary>
    Blocked = 3,

    /// <summary>By a signal, until CONT.</summary>
    Stopped = 4,

    /// <summary>Its keys and values are in a file.</summary>
    Swapped = 5,

    /// <summary>Over, and nobody has asked for its exit yet.</summary>
    Zombie = 6,

    /// <summary>Over and reaped.</summary>
    Dead = 7,
}
