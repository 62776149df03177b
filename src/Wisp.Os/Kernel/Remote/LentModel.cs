using System.Threading.Channels;
using Wisp.Kernel.Cores;
using Wisp.Kernel.Events;

namespace Wisp.Kernel.Remote;

/// <summary>A model in the program at the other end of a connection, which sees there what its process does.</summary>
internal sealed class LentModel : AskedModel
{
    // Of one process's text: whoever does not read it loses the connection with the process, and no more.
    private readonly Channel<KernelReply> _replies = Channel.CreateUnbounded<KernelReply>();
    private readonly Lock _lock = new();
    private (int Number, TaskCompletionSource<ChatTurn> Done)? _turn;

    /// <summary>What the client is to get, until the process is over.</summary>
    public ChannelReader<KernelReply> Replies => _replies.Reader;

    public override async Task<ChatTurn> AnswerAsync(AskedTurn turn, CancellationToken cancel)
    {
        var done = new TaskCompletionSource<ChatTurn>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
            _turn = (turn.Number, done);
        _replies.Writer.TryWrite(new KernelReply
        {
            Turn = new LentTurn(turn.Number, turn.News, turn.Seed, turn.Tokens, turn.IsStopping),
        });
        return await done.Task.WaitAsync(cancel).ConfigureAwait(false);
    }

    public override void Saw(JournalEntry entry)
    {
        _replies.Writer.TryWrite(new KernelReply { Entry = entry });
        if (entry.Event is Exited)
            _replies.Writer.TryComplete();
    }

    public override void Lost(string why) => _replies.Writer.TryComplete();

    /// <summary>What the client says of a turn; of one that was given up it is nothing.</summary>
    public void Take(KernelRequest reply)
    {
        lock (_lock)
            if (_turn is var (number, done) && number == reply.Number)
                if (reply.Turn is { } turn)
                    done.TrySetResult(turn);
                else
                    done.TrySetException(new IOException(reply.Text));
    }
}
