using Wisp.Kernel;
using Wisp.Kernel.Events;
using Wisp.Tests.Train.Data;

namespace Wisp.Tests.Kernel;

/// <summary>The real process, ended by SIGKILL before and after every commit of its journal, and resumed.</summary>
public sealed class KilledKernelTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact, Trait("cost", "medium")]
    public void A_kill_at_some_boundaries_changes_nothing() => KillAt(12);

    [Fact, Trait("cost", "slow")]
    public void A_kill_at_any_boundary_changes_nothing() => KillAt(1);

    private void KillAt(int every)
    {
        var (expected, boundaries) = Whole();
        Assert.True(boundaries > 60, $"{boundaries} boundaries");
        var (kills, probed, asked) = (0, 0, 0);
        for (var boundary = 1; boundary <= boundaries; boundary += every)
        {
            var folder = Directory.CreateDirectory(_folder[$"at{boundary}"]).FullName;
            using (var victim = System.Diagnostics.Process.Start(Errand.Victim(folder, boundary))!)
            {
                var error = victim.StandardError.ReadToEndAsync();
                victim.StandardOutput.ReadToEnd();
                victim.WaitForExit();
                Assert.True(victim.ExitCode == 137, $"boundary {boundary}: {victim.ExitCode} {error.Result}");
            }

            using (var journal = Journal.Open(Path.Combine(folder, "journal.db"), out var past))
            {
                Assert.Empty(journal.Damage);
                using var world = Errand.Open(folder, journal, past);
                Errand.Finish(world, folder);
                Assert.Equal(expected, Errand.State(world, folder));
                kills++;
                asked += world.Events.Count(e => e.Event is Asked { Kind: AskKind.Doubt });
                // What was under way and may not happen twice is in doubt: the note's driver can say, the bell's not.
                probed += past.Count(e => e.Event is Intended { Class: Effect.Once, Path: "/tools/note" } i
                    && !past.Any(r => r.Event is Returned r2 && (r2.Pid, r2.Call) == (i.Pid, i.Call)));
            }

            // Every effect that must not happen twice happened once.
            var keys = Errand.Lines(folder, "note").Concat(Errand.Lines(folder, "bell"))
                .Select(l => l.Split(' ')[0]).ToList();
            Assert.Equal(keys.Distinct(), keys);

            // And the whole story, with the crash in it, replays.
            using var again = Journal.Open(Path.Combine(folder, "journal.db"), out var entries);
            var report = Replay.Run(entries, new Wisp.Kernel.Cores.ScriptedCore((_, _) => "", 1).Codec,
                codec => new Wisp.Memory.Transcript(codec));
            Assert.Null(report.Difference);
        }

        TestContext.Current.SendDiagnosticMessage($"{kills} kills of {boundaries} boundaries: {probed} calls settled " +
            $"by their driver, {asked} by a person");
        Assert.True(every > 1 || (probed > 0 && asked > 0));
    }

    private (string State, int Boundaries) Whole()
    {
        var folder = Directory.CreateDirectory(_folder["whole"]).FullName;
        using var journal = Journal.Open(Path.Combine(folder, "journal.db"), out _);
        var count = 0;
        journal.Boundary = _ => count++;
        using var world = Errand.Open(folder, journal, []);
        Errand.Start(world);
        world.Run();
        return (Errand.State(world, folder), count);
    }
}
