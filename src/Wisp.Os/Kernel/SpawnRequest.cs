using System.Text.Json.Serialization;
using Wisp.Kernel.Budgets;
using Wisp.Kernel.Scheduling;
using Wisp.Run;

namespace Wisp.Kernel;

/// <summary>What a process is to be.</summary>
public sealed record SpawnRequest
{
    /// <summary>What ps calls it.</summary>
    public required string Name { get; init; }

    /// <summary>Who it is and what it can do; empty for none.</summary>
    public string Instructions { get; init; } = "";

    /// <summary>Whether the kernel tells it, after the instructions, of the tools that it may call.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool ListsTools { get; init; }

    /// <summary>What the kernel told it of tools; it stays the same as long as the process lives, for a change there
    /// would have all of its prompt read again.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Tools { get; init; }

    /// <summary>The first message; empty waits for one.</summary>
    public string Message { get; init; } = "";

    /// <summary>What it may do. Of a child's, each must be within one of its parent's.</summary>
    public IReadOnlyList<Capability> Capabilities { get; init; } = [];

    /// <summary>Limits of it and all below it.</summary>
    public IReadOnlyDictionary<Resource, Limit> Limits { get; init; } = new Dictionary<Resource, Limit>();

    public SchedulingClass Class { get; init; } = SchedulingClass.Normal;

    public double Weight { get; init; } = 1;

    public ulong Seed { get; init; }

    public double Temperature { get; init; } = 0.8;

    /// <summary>The most tokens of one turn.</summary>
    public int TurnTokens { get; init; } = 1024;

    /// <summary>Whether it waits for another message after an answer, instead of ending with it.</summary>
    public bool Stays { get; init; }

    /// <summary>Whether it outlives its parent.</summary>
    public bool Detached { get; init; }

    /// <summary>Whether it ends with the kernel that it runs in, because whoever reads it is gone then.</summary>
    public bool Ephemeral { get; init; }

    /// <summary>Of what it knows beside its message, as <see cref="Guard.Label.ToText"/> writes it; empty for
    /// nothing.</summary>
    public string Label { get; init; } = "";

    /// <summary>Whether it begins a process group of its own.</summary>
    public bool NewGroup { get; init; }

    /// <summary>The chat client that answers; null is the kernel's own core.</summary>
    public string? Model { get; init; }

    /// <summary>Prefixes of keys and values are shared within a domain only.</summary>
    public long Domain { get; init; }

    internal Sampling Sampling => Temperature <= 0 ? Sampling.Greedy
        : new Sampling { Temperature = (float)Temperature };

    /// <exception cref="ArgumentException">Something in it cannot be.</exception>
    public void Check()
    {
        Require(Name.Length is > 0 and <= 64, $"A process needs a name of 1 to 64 characters; this has {Name.Length}.");
        Require(Temperature is >= 0 and < 100, $"The temperature is {Temperature}; it must be from 0 to 100.");
        Require(TurnTokens is > 0 and <= 1 << 20, $"A turn is to have {TurnTokens} tokens; it must be 1 to 1048576.");
        Require(Weight is > 0 and <= 1e6, $"The weight is {Weight}; it must be above 0 and at most 1000000.");
        Require(IsLabel(Label), $"'{Label}' is no label.");
        foreach (var (resource, limit) in Limits)
            Require(limit is { High: null or >= 0, Max: null or >= 0 }, $"The limit of {resource} is below 0.");
        foreach (var capability in Capabilities)
            Require(capability.Pattern.StartsWith('/') || capability.Pattern == "/**",
                $"{capability.Pattern}: a capability is about an absolute path.");

        static bool IsLabel(string text)
        {
            try
            {
                return text.Length == 0 || Guard.Label.Parse(text) is var _;
            }
            catch (FormatException)
            {
                return false;
            }
        }

        static void Require(bool holds, string message)
        {
            if (!holds)
                throw new ArgumentException(message);
        }
    }
}
