using Wisp.Chat.Values;

namespace Wisp.Chat;

/// <summary>Variables of one body, and beyond them those of the bodies around it, as the template is written.</summary>
internal sealed class Scope(Scope? parent)
{
    private Dictionary<string, Value>? _values;

    public Scope? Parent { get; } = parent;

    public Value? Find(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Parent)
            if (scope._values is not null && scope._values.TryGetValue(name, out var value))
                return value;
        return null;
    }

    /// <summary>Never changes a variable of the bodies around: what a loop sets is gone after it.</summary>
    public void Set(string name, Value value) => (_values ??= [])[name] = value;
}
