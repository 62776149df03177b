using System.Diagnostics;
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
        for (var boundary = 1; boundary <= boundaries; boundary += every)
        {
            var folder = Directory.CreateDirectory(_folder[$"at{boundary}"]).FullName;
            using (var victim = Process.Start(Errand.Victim(folder, boundary))!)
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
