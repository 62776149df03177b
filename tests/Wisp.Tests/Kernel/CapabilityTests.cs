using Wisp.Kernel;

namespace Wisp.Tests.Kernel;

public sealed class CapabilityTests
{
    private static readonly string[] s_paths =
        ["/", "/docs", "/docs/a", "/docs/a/b", "/docsx", "/tools/calc", "/tools/mail", "/proc/7"];

    private static readonly DateTimeOffset s_now = new(2026, 11, 30, 0, 0, 0, TimeSpan.Zero);

    private static Capability Any(Random random)
    {
        var pattern = s_paths[random.Next(1, s_paths.Length)] + (random.Next(2) == 0 ? "/**" : "");
        return new Capability
        {
            Pattern = random.Next(8) == 0 ? "/**" : pattern,
            Rights = (Right)random.Next(512),
            Uses = random.Next(2) == 0 ? random.Next(4) : null,
            Until = random.Next(2) == 0 ? s_now.AddHours(random.Next(-2, 3)) : null,
            Asks = random.Next(2) == 0, Delegable = random.Next(2) == 0, WhenTainted = random.Next(2) == 0,
            Arguments = random.Next(2) == 0 ? new Dictionary<string, IReadOnlyList<string>>()
                : new Dictionary<string, IReadOnlyList<string>>
                {
                    ["to"] = random.Next(2) == 0 ? ["ann"] : ["ann",
                    "bob"]
                },
        };
    }

    // What a capability lets through, written as the definition says.
    private static bool Allows(Capability c, string path, Right right, string to, bool tainted, int used) =>
        (c.Pattern.EndsWith("/**")
            ? path == c.Pattern[..^3] || path.StartsWith(c.Pattern[..^2]) : path == c.Pattern)
        && c.Rights.HasFlag(right) && (c.Uses is null || used < c.Uses) && (c.Until is null || s_now < c.Until)
        && (c.WhenTainted || !tainted) && c.Arguments.All(rule => rule.Value.Contains(to));

    [Fact]
    public void What_is_within_another_capability_allows_nothing_that_the_other_does_not()
    {
        var random = new Random(1);
        var within = 0;
        for (var i = 0; i < 12_000; i++)
        {
            Capability child = Any(random), parent = Any(random);
            if (random.Next(3) == 0)
                child = parent with
                {
                    Rights = child.Rights & parent.Rights,
                    Uses = parent.Uses is null ? child.Uses
                    : parent.Uses
                };
            if (!child.IsWithin(parent))
                continue;
            within++;
            foreach (var path in s_paths)
                foreach (var right in (Right[])[Right.List, Right.Read, Right.Write, Right.Call, Right.Spawn])
                    foreach (var to in (string[])["ann", "bob", "eve"])
                        foreach (var tainted in (bool[])[false, true])
                            for (var used = 0; used < 4; used++)
                                if (Allows(child, path, right, to, tainted, used))
                                {
                                    Assert.True(Allows(parent, path, right, to, tainted, used));
                                    Assert.True(child.Asks || !parent.Asks);
                                }
        }

        Assert.True(within > 200, $"only {within} pairs were ordered");
    }

    [Theory]
    [InlineData("/docs/**", "/docs", true), InlineData("/docs/**", "/docs/a", true)]
    [InlineData("/docs/**", "/docsx", false), InlineData("/docs", "/docs/a", false)]
    [InlineData("/**", "/anything/at/all", true), InlineData("/**", "/", true)]
    public void Patterns_cover_whole_parts_of_a_path(string pattern, string path, bool covers) =>
        Assert.Equal(covers, new Capability { Pattern = pattern, Rights = Right.Read }.Covers(path));

    [Fact]
    public void A_use_by_a_child_counts_for_its_parent_too()
    {
        var parent = new Grant(new Capability { Pattern = "/tools/**", Rights = Right.Call, Uses = 2 }, null);
        Grant a = new(parent.Capability, parent), b = new(parent.Capability, parent);
        var call = new DriverSyscall(new Pid(1), Verb.Call, "/tools/mail", "{}", Effect.Once);
        a.Use();
        b.Use();
        Assert.Contains("2 uses", a.Objection(call, s_now, false));
        Assert.Contains("2 uses", parent.Objection(call, s_now, false));
        var other = new Grant(new Capability { Pattern = "/**", Rights = Right.Call }, null);
        var child = new Grant(other.Capability, other);
        other.IsRevoked = true;
        Assert.Equal("it was revoked", child.Objection(call, s_now, false));
    }

    [Theory]
    [InlineData("""{"to":"ann"}""", true), InlineData("""{"to":"eve"}""", false), InlineData("{}", false)]
    [InlineData("""["to","ann"]""", false), InlineData("git status; rm -rf /", false)]
    [InlineData("""{"to":"ann","to":"eve"}""", false)]
    public void Arguments_are_compared_as_values(string body, bool allowed)
    {
        var grant = new Grant(new Capability
        {
            Pattern = "/tools/mail", Rights = Right.Call,
            Arguments = new Dictionary<string, IReadOnlyList<string>> { ["to"] = ["ann"] },
        }, null);
        var call = new DriverSyscall(new Pid(1), Verb.Call, "/tools/mail", body, Effect.Once);
        Assert.Equal(allowed, grant.Objection(call, s_now, false) is null);
    }
}
