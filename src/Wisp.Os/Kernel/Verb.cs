namespace Wisp.Kernel;

/// <summary>What a driver can be asked to do with a path: the five verbs of files, and calling a tool.</summary>
/// <remarks>The numbers stand in journals.</remarks>
public enum Verb
{
    List = 0,
    Stat = 1,
    Read = 2,
    Write = 3,
    Search = 4,
    Call = 5,
}
