using System.Diagnostics;
using Wisp.Compute;
using Wisp.Model;
using Wisp.Train;

namespace Wisp.Tests.Train;

public sealed class CheckpointTests : IDisposable
{
    private static readonly PretrainPlan s_plan = TinyCorpus.Plan with { Width = 16, Layers = 1, FeedForward = 24 };

    private readonly TinyCorpus _corpus = new();

    public void Dispose() => _corpus.Dispose();

    private string Save(string path, PretrainPlan plan, int step, float fill = 0.5f)
    {
        var map = new ParameterMap(plan.Config());
        using var weights = Parameters.Initialize(map, plan.Seed);
        using var optimizer = new Optimizer(map, plan);
        optimizer.FirstMoment.Fill(fill);
        optimizer.SecondMoment.Fill(2 * fill);
        Checkpoint.Save(path, plan, step, weights, optimizer, _corpus.Tokenizer);
        return path;
    }

    private static int Load(string path, PretrainPlan plan)
    {
        var map = new ParameterMap(plan.Config());
        using var weights = new Parameters(map);
        using var optimizer = new Optimizer(map, plan);
        return Checkpoint.Load(path, plan, weights, optimizer);
    }

    [Theory]
    [InlineData(OptimizerKind.Muon), InlineData(OptimizerKind.AdamW)]
    public void All_of_a_run_comes_back(OptimizerKind kind)
    {
        var plan = s_plan with { Optimizer = kind, AdamRate = 0.1 + 0.2, Seed = ulong.MaxValue };
        var path = Save(_corpus["c.gguf"], plan, 17);
        Assert.Equal((plan, 17), Checkpoint.Peek(path));
        var map = new ParameterMap(plan.Config());
        using var weights = new Parameters(map);
        using var optimizer = new Optimizer(map, plan);
        Assert.Equal(17, Checkpoint.Load(path, plan, weights, optimizer));
        using var fresh = Parameters.Initialize(map, plan.Seed);
        foreach (var tensor in map.All)
            Assert.True(fresh.Of(tensor).SequenceEqual(weights.Of(tensor)), tensor.Name);
        Assert.Equal(-1, optimizer.FirstMoment.IndexOfAnyExcept(0.5f));
        Assert.Equal(-1, optimizer.SecondMoment.IndexOfAnyExcept(1f));

        // It is a model, too: whoever wants to talk to a run in the middle can.
        using var model = ModelFile.Open(path);
        Assert.Equal(plan.Config(), model.Config);
        Assert.Equal(_corpus.Tokenizer.Tokens, model.Tokenizer!.Tokens);
    }

    [Fact]
    public void Another_plan_is_refused_by_its_first_difference()
    {
        var path = Save(_corpus["c.gguf"], s_plan, 3);
        void Fault(PretrainPlan plan, string difference)
        {
            var message = Assert.Throws<InvalidDataException>(() => Load(path, plan)).Message;
            Assert.StartsWith($"{path}: belongs to another run: the checkpoint has {difference}", message);
            Assert.Contains("--out", message);
        }

        Fault(s_plan with { Width = 48 }, "Width 16, this run Width 48");
        Fault(s_plan with { Layers = 2, Seed = 7 }, "Layers 1, this run Layers 2");
        Fault(s_plan with { Optimizer = OptimizerKind.AdamW }, "Optimizer Muon, this run Optimizer AdamW");
        Fault(s_plan with { Steps = 61 }, "Steps 60, this run Steps 61");
        Fault(s_plan with { AdamRate = 0.011 }, "AdamRate 0.01, this run AdamRate 0.011");
        Fault(s_plan with { TiedHead = false }, "TiedHead true, this run TiedHead false");
    }

    [Fact]
    public void A_model_is_no_checkpoint_and_a_step_beyond_the_plan_no_step()
    {
        using var weights = Parameters.Initialize(new ParameterMap(s_plan.Config()), 1);
        ModelFile.Writer(weights, _corpus.Tokenizer, DType.F32, "model").Write(_corpus["m.gguf"]);
        foreach (var read in (Action[])[() => Checkpoint.Peek(_corpus["m.gguf"]),
            () => Load(_corpus["m.gguf"], s_plan)])
            Assert.Equal($"{_corpus["m.gguf"]}: is a model, not a checkpoint: it holds no training plan to resume.",
                Assert.Throws<InvalidDataException>(read).Message);
        Assert.Contains("stands at step 61 of 60", Assert.Throws<InvalidDataException>(() =>
            Load(Save(_corpus["c.gguf"], s_plan, 61), s_plan)).Message);
    }

    [Fact]
    public void Wrong_plans_are_refused_with_the_name_of_the_file()
    {
        var good = s_plan.ToJson();
        foreach (var json in (string[])
            [
                "", "null", "[]", "{}", good[..^5], good.Replace("\"Width\":16", "\"Width\":-16"),
                good.Replace("\"Width\":16", "\"Width\":1e99"), good.Replace("\"qwen3\"", "null"),
                good.Replace("\"qwen3\"", "\"gpt2\""), good.Replace("\"Rows\":8", "\"Rows\":99999999"),
                good.Replace("\"Accumulation\":1", "\"Accumulation\":0"), good.Replace("\"Muon\"", "\"Lion\""),
                good.Replace("\"Steps\":60", "\"Steps\":0"), good.Replace("\"Layers\":1,", ""),
                good.Replace(new string('0', 64), "short"), good.Replace($"\"{new string('0', 64)}\"", "null"),
            ])
        {
            Assert.NotEqual(good, json);
            var message = Assert.Throws<InvalidDataException>(() => PretrainPlan.FromJson(json, "x.gguf")).Message;
            Assert.StartsWith("x.gguf: the training plan cannot be read: ", message);
        }

        Assert.Equal(s_plan, PretrainPlan.FromJson(good, "x.gguf"));
    }

    [Fact]
    public void A_damaged_file_is_refused_and_never_worse()
    {
        var bytes = File.ReadAllBytes(Save(_corpus["c.gguf"], s_plan, 3));
        var path = _corpus["damaged.gguf"];
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
        {
            var cut = i < 60 ? i * 7 : random.Next(bytes.Length);
            File.WriteAllBytes(path, bytes[..cut]);
            Assert.ThrowsAny<InvalidDataException>(() => Load(path, s_plan));
        }

        // The first bytes are metadata, where a flip may be harmless (a name) or not (a count).
        var refused = 0;
        for (var i = 0; i < 400; i++)
        {
            var damaged = bytes.ToArray();
            damaged[random.Next(i % 4 == 0 ? bytes.Length : 12_000)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, damaged);
            try
            {
                Load(path, s_plan);
            }
            catch (Exception e) when (e is InvalidDataException or IOException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 40, 400);
    }

    // A real full disk: a tmpfs with room for one checkpoint, not for two, which only root may mount.
    [Fact]
    public void A_full_disk_leaves_the_old_checkpoint_intact()
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
            Assert.Skip("mounting a small tmpfs needs root on Linux");
        var size = new FileInfo(Save(_corpus["c.gguf"], s_plan, 3)).Length;
        var disk = Directory.CreateDirectory(_corpus["disk"]).FullName;
        if (Mount("mount", "-t", "tmpfs", "-o", $"size={size * 3 / 2}", "tmpfs", disk) != 0)
            Assert.Skip("this container may not mount a tmpfs");
        try
        {
            var path = Save(Path.Combine(disk, Checkpoint.FileName), s_plan, 3);
            var old = File.ReadAllBytes(path);
            var message = Assert.Throws<IOException>(() => Save(path, s_plan, 4, fill: 0.25f)).Message;
            Assert.StartsWith($"{path}: could not be written", message);
            Assert.EndsWith("The old file is intact.", message);
            Assert.Equal(old, File.ReadAllBytes(path));
            Assert.Equal([path], Directory.GetFiles(disk));
            Assert.Equal(3, Load(path, s_plan));
        }
        finally
        {
            Assert.Equal(0, Mount("umount", disk));
        }
    }

    private static int Mount(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}
