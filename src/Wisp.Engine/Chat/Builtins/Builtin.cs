using Wisp.Chat.Values;

namespace Wisp.Chat.Builtins;

/// <summary>A filter, test, method or function.</summary>
/// <param name="run">The rendering that asks.</param>
/// <param name="self">What it is applied to; none for a function.</param>
internal delegate Value Builtin(Evaluator run, Value self, Arguments arguments);
