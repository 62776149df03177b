namespace Wisp.Run;

/// <summary>The members of the chain that stand in an order of their own.</summary>
public enum SamplerStep
{
    Penalties,
    Dry,
    TopNSigma,
    TopK,
    TypicalP,
    TopP,
    MinP,
    Xtc,
    Temperature,
}

/// <summary>Orders of steps and their names, which are llama.cpp's.</summary>
public static class SamplerOrder
{
    private static readonly (SamplerStep Step, string[] Names)[] s_names =
    [
        (SamplerStep.Penalties, ["penalties"]),
        (SamplerStep.Dry, ["dry"]),
        (SamplerStep.TopNSigma, ["top_n_sigma"]),
        (SamplerStep.TopK, ["top_k"]),
        (SamplerStep.TypicalP, ["typ_p", "typical", "typical_p"]),
        (SamplerStep.TopP, ["top_p", "nucleus"]),
        (SamplerStep.MinP, ["min_p"]),
        (SamplerStep.Xtc, ["xtc"]),
        (SamplerStep.Temperature, ["temperature", "temp"]),
    ];

    public static IReadOnlyList<SamplerStep> Default { get; } = [.. s_names.Select(entry => entry.Step)];

    /// <summary>"penalties;dry;..."</summary>
    public static string Describe(IEnumerable<SamplerStep> order) =>
        string.Join(';', order.Select(step => s_names.First(entry => entry.Step == step).Names[0]));

    /// <summary>The steps of a list of names with ; or , between; - and _ are the same.</summary>
    /// <exception cref="FormatException">A name is none of a step; the message lists them.</exception>
    public static IReadOnlyList<SamplerStep> Parse(string names)
    {
        var order = new List<SamplerStep>();
        foreach (var name in names.Split(';', ',').Select(name => name.Trim()))
        {
            var found = s_names.Where(entry =>
                entry.Names.Contains(name.Replace('-', '_'), StringComparer.OrdinalIgnoreCase)).ToList();
            if (found.Count == 0)
                throw new FormatException($"'{name}' is no sampler. There are: {Describe(Default)}.");
            order.Add(found[0].Step);
        }

        return order;
    }
}
