using System.Text.Json;

namespace Wisp.Kernel;

/// <summary>
/// A capability in the hands of a process. A child's grant hangs on its parent's: each use counts in both, and what is
/// taken from the parent is taken from the child.
/// </summary>
internal sealed class Grant(Capability capability, Grant? parent)
{
    public Capability Capability { get; } = capability;

    public Grant? Parent { get; } = parent;

    public int Used { get; private set; }

    public bool IsRevoked { get; set; }

    /// <summary>Whether a person has agreed to it, so that what stands above asks no more.</summary>
    public bool IsApproval { get; init; }

    /// <summary>Why it does not allow this now; null where it does.</summary>
    public string? Objection(Syscall call, DateTimeOffset now, bool tainted)
    {
        for (var at = this; at is not null; at = at.Parent)
        {
            var c = at.Capability;
            if (at.IsRevoked)
                return "it was revoked";
            if (c.Uses is { } uses && at.Used >= uses)
                return $"its {uses} uses are used up";
            if (c.Until is { } until && now >= until)
                return $"it ended at {until:u}";
            if (tainted && !c.WhenTainted)
                return "the process has read what neither the user nor wisp wrote";
            if (c.Arguments.Count > 0 && !Fits(c, call.Body))
                return "the arguments are not among those allowed";
        }

        return null;
    }

    public bool Asks
    {
        get
        {
            for (var at = this; at is not null; at = at.Parent)
                if (at.IsApproval)
                    return false;
                else if (at.Capability.Asks)
                    return true;
            return false;
        }
    }

    public void Use()
    {
        for (var at = this; at is not null; at = at.Parent)
            at.Used++;
    }

    private static bool Fits(Capability capability, string body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Object && capability.Arguments.All(rule =>
                document.RootElement.TryGetProperty(rule.Key, out var value)
                && rule.Value.Contains(value.ValueKind == JsonValueKind.String ? value.GetString()!
                    : value.GetRawText()));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
    }
}
