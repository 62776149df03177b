using Wisp.Kernel;
using Wisp.Tools;

namespace Wisp.Cli.Os;

/// <summary>What every user's kernel has at its root.</summary>
internal static class UserTree
{
    public static Driver Create() => new Calculator();
}
