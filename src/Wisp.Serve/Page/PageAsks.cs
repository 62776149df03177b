using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Wisp.Agents;
using Wisp.Kernel;
using Wisp.Serve.Http;

namespace Wisp.Serve.Page;

/// <summary>
/// POST /page/asks: a person's yes or no to what an answer asked. Only questions of answers that the page is being sent
/// can be answered there: those of other processes are not for whoever has it open.
/// </summary>
internal sealed class PageAsks
{
    private readonly ConcurrentDictionary<int, IAgentKernel> _open = new();

    /// <summary>The question that an answer waits for; null where it waits for none any more.</summary>
    /// <param name="before">What it waited for until now.</param>
    public void Show(IAgentKernel kernel, AskReport? before, AskReport? now)
    {
        if (before is not null && before != now)
            _open.TryRemove(KeyValuePair.Create(before.Number, kernel));
        if (now is not null)
            _open[now.Number] = kernel;
    }

    public async Task Handle(HttpContext context)
    {
        using var body = await JsonReply.Read(context);
        var fields = new Fields(body.RootElement);
        var number = fields.Count("ask", 0) ?? throw fields.Missing("ask");
        var yes = fields.Flag("yes") ?? throw fields.Missing("yes");
        try
        {
            await (_open.GetValueOrDefault(number) ?? throw new ArgumentException("it is not open")).AnswerAsync(
                number, yes);
        }
        catch (Exception e) when (e is ArgumentException or IOException)
        {
            throw new ApiException(404, "That is not asked any more.", e);
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }
}
