namespace Wisp.Train;

internal static class Placeholder;
