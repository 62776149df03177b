using System.Runtime.InteropServices;
using Wisp.Bench.Peer;
using Wisp.Compute;

namespace Wisp.Bench.Engine;

/// <summary>
/// Measures one model file on both sides. The roofs, ours and theirs take turns, so that a neighbour on the machine
/// slows all of them alike; each side is a process of its own that sleeps while it is not asked.
/// </summary>
internal sealed class EngineMeasure(
    EngineOptions options, WorkerPool pool, Action<string> progress, CancellationToken stop)
{
    private const int ComparedTokens = 32;

    // Seconds: one measurement of a round, the roofs between them, and what the JIT gets before the first.
    private const double Slice = 0.3, WarmUp = 2;

    // Logits of the same weights in float32 differ by the order of sums, about 1e-5 of their size. llama.cpp keeps keys
    // and values in F16 and rounds activations to F16, BF16 (2⁻⁹ = 0.2 %) or 8 bits (2.1σ to 3σ in 127 steps: 0.5 to
    // 0.7 %) before every product; through two products in sequence a layer that adds up to some percent. Another
    // rotation, scale or row order gives √2: logits of unrelated models.
    private const double FloatAllowed = 0.02, RoundedAllowed = 0.1;

    private readonly List<double> _bandwidth = [], _meanBandwidth = [], _peak = [];

    public EngineResult Of(RandomModel model, bool streams)
    {
        var neighbours = new Neighbours();
        var result = Sequence(model);
        if (streams && options.Streams > 0)
            result = Streams(model, result);
        return result with { OthersShare = neighbours.Share() };
    }

    private EngineResult Sequence(RandomModel model)
    {
        Roofs();
        List<double>[] load = [[], []], first = [[], []];
        List<double> mapped = [];
        for (var i = 1; i <= options.Starts; i++)
        {
            progress($"start {i} of {options.Starts}: {SideProgram.Mapped}");
            using (var once = new SideProcess(SideProgram.Mapped, model, options, 0, stop))
                mapped.Add(once.FirstToken.TotalSeconds);
            if (i < options.Starts)
                foreach (var (s, engine) in Sides())
                {
                    progress($"start {i} of {options.Starts}: {engine}");
                    using var once = new SideProcess(engine, model, options, 0, stop);
                    Started(s, once);
                }
        }

        progress("loading");
        using var ours = new SideProcess(SideProgram.Ours, model, options, 0, stop);
        Started(0, ours);
        using var theirs = new SideProcess(SideProgram.Peer, model, options, 0, stop);
        Started(1, theirs);
        SideProcess[] sides = [ours, theirs];
        progress("comparing logits");
        var agreement = Compare(sides, model);
        foreach (var side in sides)
        {
            progress("warming up");
            side.Ask($"warm {WarmUp}");
        }

        List<double>[] prefill = [[], []], decode = [[], []], late = [[], []];
        Rounds("prefill", prefill, $"prefill {EngineOptions.PromptTokens} {Slice}");
        Rounds("decode", decode, $"decode {options.DecodeTokens} {Slice}");
        if (options.LongPast > 0)
        {
            foreach (var side in sides)
            {
                progress($"reading {options.LongPast} tokens");
                side.Ask($"read {options.LongPast}");
            }

            Rounds($"decode at {options.LongPast}", late, $"continue {options.DecodeTokens}");
        }

        SideMemory ourMemory = ours.Ask<SideMemory>("memory"), theirMemory = theirs.Ask<SideMemory>("memory");
        return new EngineResult(
            model.Shape.Name, model.Type.Name(), model.Shape.IsPure(model.Type), model.Bytes,
            model.Shape.Config.KvBytesPerToken(KvType.F16) * options.Context,
            ours.Start.Name, theirs.Start.Name, agreement,
            Spread.Of(_bandwidth), Spread.Of(_peak), PairOf(prefill), PairOf(decode),
            options.LongPast > 0 ? PairOf(late) : null, PairOf(load), PairOf(first), ourMemory, theirMemory)
        {
            MappedFirstToken = Spread.Of(mapped), MeanBandwidth = Spread.Of(_meanBandwidth),
        };

        void Started(int s, SideProcess side)
        {
            load[s].Add(side.Start.LoadSeconds);
            first[s].Add(side.FirstToken.TotalSeconds);
        }

        void Rounds(string what, List<double>[] into, string request)
        {
            for (var round = 1; round <= options.Rounds; round++)
            {
                foreach (var (s, engine) in Sides())
                {
                    progress($"{what}, round {round} of {options.Rounds}: {engine}");
                    into[s].Add(sides[s].Ask(request));
                }

                Roofs();
            }
        }
    }

    private EngineResult Streams(RandomModel model, EngineResult result)
    {
        progress("loading for streams");
        using var ours = new SideProcess(SideProgram.Ours, model, options, options.Streams, stop);
        using var theirs = new SideProcess(SideProgram.Peer, model, options, options.Streams, stop);
        SideProcess[] sides = [ours, theirs];
        List<double>[] one = [[], []], all = [[], []];
        foreach (var side in sides)
            foreach (var count in (int[])[1, options.Streams])
                side.Ask(Request(count, WarmUp / 2));
        for (var round = 1; round <= options.Rounds; round++)
            foreach (var (s, engine) in Sides())
            {
                progress($"{options.Streams} streams, round {round} of {options.Rounds}: {engine}");
                one[s].Add(sides[s].Ask(Request(1, Slice)));
                all[s].Add(sides[s].Ask(Request(options.Streams, Slice)));
            }

        progress("operations");
        return result with
        {
            Streams = new StreamsResult(options.Streams, PairOf(one), PairOf(all)),
            DecodeOperations = ours.Ask<Operation[]>($"operations {EngineOptions.PromptTokens} 1"),
            PrefillOperations = ours.Ask<Operation[]>($"operations 0 {EngineOptions.PromptTokens}"),
        };

        static string Request(int count, double seconds) =>
            $"streams {count} {EngineOptions.StreamTokens} {seconds}";
    }

    private static Agreement Compare(SideProcess[] sides, RandomModel model)
    {
        var folder = Directory.CreateTempSubdirectory("wisp-bench-").FullName;
        try
        {
            var logits = sides.Select((side, s) =>
            {
                var path = Path.Combine(folder, $"{s}.f32");
                side.Ask($"logits {ComparedTokens} {path}");
                return MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(path)).ToArray();
            }).ToArray();
            var check = PeerCheck.Between(logits[1], logits[0], model.Shape.Config.Vocabulary);
            double sum = 0, squares = 0;
            foreach (double z in logits[1])
                (sum, squares) = (sum + z, squares + (z * z));
            var n = logits[1].Length;
            var deviation = Math.Sqrt((squares / n) - (sum / n * (sum / n)));
            return new Agreement(
                check.Rms / deviation, model.Type is DType.F32 or DType.F16 ? FloatAllowed : RoundedAllowed,
                check.SameTop, check.Positions);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private void Roofs()
    {
        stop.ThrowIfCancellationRequested();
        progress("roofs");
        _bandwidth.Add(Roofline.ReadBandwidth(pool, TimeSpan.FromSeconds(Slice), out var mean));
        _meanBandwidth.Add(mean);
        _peak.Add(Roofline.FmaPeak(pool, TimeSpan.FromSeconds(Slice)));
    }

    private static (int Side, string Engine)[] Sides() => [(0, SideProgram.Ours), (1, SideProgram.Peer)];

    private static Pair PairOf(List<double>[] sides) => new(Spread.Of(sides[0]), Spread.Of(sides[1]));
}
