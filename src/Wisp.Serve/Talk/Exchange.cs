using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using Wisp.Agents;
using Wisp.Ai;
using Wisp.Guard;
using Wisp.Kernel;
using Wisp.Run;
using Wisp.Serve.Store;

namespace Wisp.Serve.Talk;

/// <summary>What just happened to an answer.</summary>
/// <param name="News">More of it; null where only its state changed.</param>
/// <param name="Answer">All of it so far.</param>
/// <param name="IsSaved">Whether all of it stands in the database: only then may it be shown as saved.</param>
/// <param name="Ask">What a person is asked before it goes on; null while nothing is.</param>
public sealed record ExchangeStep(MessagePart? News, Message Answer, bool IsSaved, AskReport? Ask = null);

/// <summary>Answers messages of kept conversations, and keeps the answers while they are written.</summary>
/// <param name="kernel">Where answers are processes.</param>
/// <param name="tools">What the model may call.</param>
public sealed class Exchange(Conversations conversations, TimeProvider time, IAgentKernel kernel, Toolbox tools)
{
    // Alternatives are read by people; more than these have almost no share.
    private const int Alternatives = 8;

    // What a kill may cost of an answer that is being written; each save is a commit to the disk.
    private static readonly TimeSpan s_saveEvery = TimeSpan.FromSeconds(1);

    /// <summary>Messages of the branch that the model did not see, because they no longer fit.</summary>
    public int LeftOut { get; private set; }

    /// <summary>
    /// Writes a new answer to a message, beside those that it may have already. However the reading of the steps ends,
    /// what was written is kept.
    /// </summary>
    /// <param name="sampling">What holds where the settings say nothing.</param>
    /// <exception cref="PromptTooLongException">The message alone does not fit; nothing is added.</exception>
    /// <exception cref="ArgumentException">Settings out of range; nothing is added.</exception>
    public async IAsyncEnumerable<ExchangeStep> Answer(WispChatClient client, Message question, ChatSettings settings,
        Sampling? sampling, [EnumeratorCancellation] CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(question);
        ArgumentNullException.ThrowIfNull(settings);
        var options = settings.ToOptions(sampling, tools.Functions, Alternatives);
        var branch = conversations.Branch(question.Id);
        var messages = Transcript.Fit(client, branch, options, out var leftOut);
        LeftOut = leftOut;
        var task = new AnswerTask(conversations.Find(question.Conversation)?.Title ?? "", messages, options)
        {
            Capabilities = options.Tools is null ? [] : tools.Capabilities,
            Label = Label.Join(branch.Skip(leftOut).SelectMany(message => message.Parts)
                .Where(part => part.Kind == PartKind.Call)
                .Select(part => Toolbox.LabelOf(part.Name!, part.Arguments ?? "{}"))),
        };
        var model = ((ChatClientMetadata?)client.GetService(typeof(ChatClientMetadata)))?.DefaultModelId;
        var writer = new Answer(client);
        await using var news = writer.Write(kernel, task, cancel).GetAsyncEnumerator(cancel);
        // The first token is waited for before the answer is added: a request that is refused leaves no trace.
        var first = await news.MoveNextAsync();
        var answer = conversations.Add(new Message
        {
            Conversation = question.Conversation, Parent = question.Id, Role = MessageRole.Assistant,
            State = MessageState.Writing, Parts = [.. writer.Parts], Model = model,
        });
        var end = MessageState.Stopped;
        string? fault = null;
        var savedAt = time.GetTimestamp();
        try
        {
            for (var more = first; more;)
            {
                answer = answer with { Parts = [.. writer.Parts], Cost = writer.Cost };
                var due = time.GetElapsedTime(savedAt) >= s_saveEvery;
                if (due)
                {
                    conversations.Update(answer);
                    savedAt = time.GetTimestamp();
                }

                yield return new ExchangeStep(news.Current, answer, due, writer.Ask);
                try
                {
                    more = await news.MoveNextAsync();
                }
                catch (OperationCanceledException) when (cancel.IsCancellationRequested)
                {
                    break;
                }
                catch (Exception e) when (e is not OutOfMemoryException)
                {
                    (end, fault) = (MessageState.Failed, e.Message);
                    break;
                }

                if (!more)
                    end = writer.State;
            }

            if (!first)
                end = writer.State;
        }
        finally
        {
            answer = answer with { Parts = [.. writer.Parts], Cost = writer.Cost, State = end, Fault = fault };
            conversations.Update(answer);
            if (writer.Scores.Count > 0)
                conversations.KeepScores(answer.Id, writer.Scores);
        }

        yield return new ExchangeStep(null, answer, IsSaved: true);
    }
}
