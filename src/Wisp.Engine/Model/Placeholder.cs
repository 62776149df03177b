namespace Wisp.Model;

internal static class Placeholder;
