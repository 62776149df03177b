using Wisp.Train.Report;

namespace Wisp.Tests.Train.Report;

public sealed class RunLogTests : IDisposable
{
    private readonly RunFolder _run = new();

    public void Dispose() => _run.Dispose();

    private string LogPath => _run.File(RunLog.FileName);

    private static StepRecord Step(int step, float loss = 3.5f) => new(step, loss, 1e-3f, 0.5f, 0.25, 4096);

    private void Fill(params LogRecord[] records)
    {
        using var log = new RunLog(_run.Path);
        foreach (var record in records)
            log.Append(record);
    }

    [Fact]
    public void What_was_appended_is_read_back()
    {
        LogRecord[] records =
        [
            Step(1, float.NaN), Step(2, 3.25f), new EvalRecord(2, 3.1, 1.875),
            new SampleRecord(2, "The \"little\" fox", " ran\n\u001b[31m away 🦊\ud800."),
        ];
        Fill(records);

        var read = RunLog.Read(_run.Path);

        Assert.Equal([Step(1, float.NaN), Step(2, 3.25f)], read.Steps);
        Assert.Equal([new EvalRecord(2, 3.1, 1.875)], read.Evals);
        Assert.Equal("The \"little\" fox", read.Samples[0].Prompt);
        Assert.Equal(" ran\n\u001b[31m away 🦊\ufffd.", read.Samples[0].Text); // half a surrogate pair has no UTF-8
        Assert.Equal(4, File.ReadAllLines(LogPath).Length);
    }

    [Fact]
    public void A_record_can_be_read_as_soon_as_it_is_appended()
    {
        using var log = new RunLog(_run.Path);
        log.Append(Step(1));
        Assert.Single(RunLog.Read(_run.Path).Steps);
    }

    [Fact]
    public void A_last_line_torn_at_any_byte_costs_that_line_only()
    {
        Fill(Step(1), Step(2), new EvalRecord(2, 3, 1.9));
        var whole = File.ReadAllBytes(LogPath);
        var lastLine = Array.LastIndexOf(whole, (byte)'\n', whole.Length - 2) + 1;
        for (var length = lastLine; length < whole.Length - 1; length++)
        {
            File.WriteAllBytes(LogPath, whole[..length]);
            var read = RunLog.Read(_run.Path);
            Assert.Equal(2, read.Steps.Count);
            Assert.Empty(read.Evals);
        }
    }

    [Fact]
    public void A_new_record_is_not_glued_to_a_torn_line()
    {
        Fill(Step(1), Step(2));
        File.AppendAllText(LogPath, "{\"kind\":\"step\",\"st");
        using (var log = new RunLog(_run.Path, step: 2))
            log.Append(Step(3));
        Assert.Equal([1, 2, 3], RunLog.Read(_run.Path).Steps.Select(s => s.Step));
    }

    [Fact]
    public void Resuming_cuts_back_to_the_checkpoint_so_that_no_step_stands_twice()
    {
        Fill(
            Step(1), Step(2), new EvalRecord(2, 3, 1.9), new SampleRecord(2, "a", "b"),
            Step(3), new EvalRecord(3, 2, 1.8), Step(4));
        using (var log = new RunLog(_run.Path, step: 2))
        {
            log.Append(new EvalRecord(2, 3, 1.9)); // the checkpoint was saved before this evaluation: it comes again
            log.Append(new SampleRecord(2, "a", "b"));
            log.Append(new SampleRecord(2, "another prompt", "c"));
            log.Append(Step(3, 2f));
            log.Append(new EvalRecord(3, 2, 1.7));
        }

        var read = RunLog.Read(_run.Path);
        Assert.Equal([Step(1), Step(2), Step(3, 2f)], read.Steps);
        Assert.Equal([new EvalRecord(2, 3, 1.9), new EvalRecord(3, 2, 1.7)], read.Evals);
        Assert.Equal(["a", "another prompt"], read.Samples.Select(s => s.Prompt));
    }

    [Fact]
    public void A_run_from_step_zero_starts_an_empty_log()
    {
        Fill(new EvalRecord(0, 8, 3), Step(1));
        using (new RunLog(_run.Path))
        {
        }

        Assert.Equal("", File.ReadAllText(LogPath));
    }

    [Theory]
    [InlineData("rubbish")]
    [InlineData("null")]
    [InlineData("{\"kind\":\"unheard of\",\"step\":1}")]
    [InlineData("{\"step\":1}")]
    [InlineData("{\"kind\":\"step\",\"step\":1}")]
    public void Damage_above_the_last_line_is_named_with_file_and_line(string damage)
    {
        Fill(Step(1));
        File.AppendAllText(LogPath, damage + "\n");
        Assert.Single(RunLog.Read(_run.Path).Steps); // as the last line it counts as torn
        File.AppendAllText(LogPath, "{\"kind\":\"eval\",\"step\":2,\"lossNats\":1,\"bitsPerByte\":1}\n");

        var fault = Assert.Throws<InvalidDataException>(() => RunLog.Read(_run.Path));
        Assert.Contains($"{LogPath}, line 2", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_a_log_has_no_records() => Assert.Empty(RunLog.Read(_run.Path).Steps);
}
