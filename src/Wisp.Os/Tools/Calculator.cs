using System.Text.Json;
using Wisp.Guard;
using Wisp.Kernel;

namespace Wisp.Tools;

/// <summary>The calculator as a driver: the first tool of every agent.</summary>
public sealed class Calculator : Driver
{
    /// <summary>What a model is told of it, in the words that our own models learned.</summary>
    public const string Description = """
        {"type": "function", "function": {"name": "calculator", "description": "Works out an arithmetic expression.",
        """ + " " + """
        "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]}}}
        """;

    // The same question has the same answer, and nothing happens.
    public override Effect ClassOf(Verb verb, string path) => Effect.Pure;

    public override ValueTask<SysResult> CallAsync(DriverCall call, CancellationToken cancel) => new(call.Verb switch
    {
        Verb.Call => Call(call),
        Verb.Read => Result(SysStatus.Ok, Description),
        Verb.Stat => Result(SysStatus.Ok, "tool"),
        _ => Result(SysStatus.Denied, "a tool can be called and read"),
    });

    private static SysResult Call(DriverCall call)
    {
        try
        {
            using var arguments = JsonDocument.Parse(call.Body);
            if (arguments.RootElement.ValueKind != JsonValueKind.Object
                || !arguments.RootElement.TryGetProperty("expression", out var given)
                || given.ValueKind != JsonValueKind.String)
                return Result(SysStatus.Malformed,
                    """the calculator takes {"expression": "..."}, a text such as (3 + 4) * 2""");
            var sum = Ai.Arithmetic.Calculator.Work(given.GetString()!);
            return Result(SysStatus.Ok, sum.IsExact ? sum.Text : $"about {sum.Text}");
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException)
        {
            return Result(SysStatus.Malformed, $"the calculator cannot read this: {e.Message}");
        }
    }

    private static SysResult Result(SysStatus status, string text) => new(status, text, Label.From(Source.Kernel));
}
