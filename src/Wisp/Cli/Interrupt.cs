using System.Runtime.InteropServices;

namespace Wisp.Cli;

/// <summary>
/// Ctrl-C and its kin as a token. The first signal asks the command to finish its step and save; a second one ends the
/// process at once, as signals do.
/// </summary>
internal sealed class Interrupt : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private int _signals;

    public Interrupt()
    {
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, context => On(context, 130)),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => On(context, 143)),
        ];
    }

    public CancellationToken Token => _source.Token;

    /// <summary>128 + the signal's number, as a shell reports it.</summary>
    public int ExitCode { get; private set; } = 130;

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        _source.Dispose();
    }

    private void On(PosixSignalContext context, int exitCode)
    {
        if (Interlocked.Increment(ref _signals) > 1)
            return; // uncancelled, so the default action follows
        context.Cancel = true;
        ExitCode = exitCode;
        _source.Cancel();
    }
}
