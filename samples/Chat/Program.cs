// A chat with any GGUF model. For one without a chat template:
// dotnet run --project samples/Chat -c Release -- models/wisp-base.gguf --chatml
using Microsoft.Extensions.AI;
using Wisp.Ai;

using var client = WispChatClient.Open(args[0], new ChatClientOptions
{
    Template = args.Contains("--chatml") ? ChatMl.Template : null, // null is the template in the file
});
List<ChatMessage> chat = [];
while (Console.ReadLine() is { } line)
{
    chat.Add(new ChatMessage(ChatRole.User, line));
    List<ChatResponseUpdate> answer = [];
    await foreach (var update in client.GetStreamingResponseAsync(chat))
    {
        Console.Write(update);
        answer.Add(update);
    }

    Console.WriteLine();
    chat.AddMessages(answer);
}
