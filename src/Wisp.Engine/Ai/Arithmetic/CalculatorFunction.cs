using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Wisp.Ai.Arithmetic;

/// <summary>
/// <see cref="Calculator"/> as a function that a model can call, under the name and the words that ours were taught.
/// </summary>
public sealed class CalculatorFunction : AIFunction
{
    public override string Name => "calculator";

    public override string Description => "Works out an arithmetic expression.";

    public override JsonElement JsonSchema { get; } = JsonElement.Parse("""
        {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]}
        """);

    /// <returns>The result as text, or what is wrong with the expression: the model is to read either.</returns>
    protected override ValueTask<object?> InvokeCoreAsync(
        AIFunctionArguments arguments, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        return new(Calculator.Reply(arguments.GetValueOrDefault("expression") switch
        {
            string text => text,
            JsonElement { ValueKind: JsonValueKind.String } json => json.GetString(),
            JsonElement { ValueKind: JsonValueKind.Number } json => json.GetRawText(),
            _ => null,
        }));
    }
}
