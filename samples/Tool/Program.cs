// An answer for which the model calls a function, as it is written:
// dotnet run --project samples/Tool -c Release -- models/wisp-chat.gguf "What is 640 - 281?"
using Microsoft.Extensions.AI;
using Wisp.Ai;
using Wisp.Ai.Arithmetic;
using var client = WispChatClient.Open(args[0]).AsBuilder().UseFunctionInvocation().Build();
var calculator = AIFunctionFactory.Create(Compute, "calculator", "Works out an arithmetic expression.");
await foreach (var update in client.GetStreamingResponseAsync(args[1], new() { Temperature = 0, Tools = [calculator] }))
    Console.Write(update);
static string Compute(string expression) => Calculator.Reply(expression);
