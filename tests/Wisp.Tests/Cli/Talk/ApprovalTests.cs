using System.Collections.Concurrent;
using Wisp.Agents;
using Wisp.Cli.Talk;
using Wisp.Kernel;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;

namespace Wisp.Tests.Cli.Talk;

/// <summary>The yes or no of a person at the terminal.</summary>
public sealed class ApprovalTests : IAsyncDisposable
{
    private static readonly AskReport s_ask = new(7, new Pid(1), AskKind.Call, "Allow it?");

    private readonly BlockingCollection<ConsoleKeyInfo> _typed = [];
    private readonly KeyReader _keys;
    private readonly Kernel _kernel = new();

    public ApprovalTests() => _keys = new KeyReader(() => _typed.Take(), () => _typed.Count > 0);

    public async ValueTask DisposeAsync()
    {
        await _kernel.DisposeAsync();
        _typed.Dispose();
    }

    [Theory]
    [InlineData("y", true)]
    [InlineData("qN", false)]
    public async Task The_first_y_or_n_decides(string typed, bool yes)
    {
        using var approval = new Approval(_keys, _kernel);
        approval.Take(s_ask);
        Type(typed);
        Assert.Equal((7, yes), await _kernel.Answered.Task);
    }

    [Fact]
    public async Task What_was_typed_before_the_question_is_no_yes_and_stays_for_the_editor()
    {
        Type("yes");
        using var approval = new Approval(_keys, _kernel);
        approval.Take(s_ask);
        Type("n");
        Assert.Equal((7, false), await _kernel.Answered.Task);
        Assert.Equal("yes", string.Concat(_keys.Next().Key.KeyChar, _keys.Next().Key.KeyChar,
            _keys.Next().Key.KeyChar));
    }

    [Fact]
    public void A_question_that_is_settled_elsewhere_takes_no_key()
    {
        using (var approval = new Approval(_keys, _kernel))
        {
            approval.Take(s_ask);
            approval.Take(null);
        }

        _keys.TakeAhead(); // a reading is under way, and must not be waited for
        Type("y");
        Assert.Equal('y', _keys.Next().Key.KeyChar);
        Assert.False(_kernel.Answered.Task.IsCompleted);
    }

    private void Type(string text)
    {
        foreach (var c in text)
            _typed.Add(new ConsoleKeyInfo(c, default, shift: false, alt: false, control: false));
    }

    private sealed class Kernel : IAgentKernel
    {
        public TaskCompletionSource<(int Ask, bool Yes)> Answered { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsAlive => true;

        public Task AnswerAsync(int ask, bool yes)
        {
            Answered.SetResult((ask, yes));
            return Task.CompletedTask;
        }

        public Task<Pid> SpawnAsync(SpawnRequest request, AskedModel model) => throw new NotSupportedException();

        public Task SignalAsync(Pid pid, Signal signal) => throw new NotSupportedException();

        public Task ReloadAsync() => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
