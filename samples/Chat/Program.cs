// A chat with any GGUF model: dotnet run --project samples/Chat -c Release -- models/wisp-base.gguf
using Microsoft.Extensions.AI;
using Wisp.Ai;

using var client = WispChatClient.Open(args[0], new ChatClientOptions { Template = args.ElementAtOrDefault(1) });
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
