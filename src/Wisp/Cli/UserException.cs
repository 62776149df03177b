namespace Wisp.Cli;

/// <summary>A failure that the user can mend. The message says what, where and what to do; no trace is shown.</summary>
internal sealed class UserException(string message, Exception? inner = null) : Exception(message, inner);
