namespace Wisp.Kernel;

/// <summary>What a capability allows on the paths it covers.</summary>
[Flags]
public enum Right
{
    None = 0,
    List = 1,
    Stat = 2,
    Read = 4,
    Write = 8,
    Search = 16,

    /// <summary>To call a tool.</summary>
    Call = 32,

    /// <summary>To start a process: /proc.</summary>
    Spawn = 64,

    /// <summary>To signal, renice or wait for a process: /proc/PID.</summary>
    Signal = 128,

    /// <summary>To ask the user something: /dev/user.</summary>
    Ask = 256,

    /// <summary>The five verbs of files without the one that changes something.</summary>
    Look = List | Stat | Read | Search,
}
