using Wisp.Guard;

namespace Wisp.Tests.Guard;

public class LabelTests
{
    private static readonly Source[] s_sources =
    [
        Source.User, Source.Kernel, Source.Tool("web", "bing"), Source.Tool("web"), Source.Web("https://a.example"),
        Source.File("/docs/ä b;|:.txt"), Source.Model("wisp-chat"), Source.Peer("auditor"),
    ];

    private static readonly string[] s_readers = ["user", "ann", "bob", "-", "*", "=;|"];

    private static Label Draw(Random random) => new(
        SourceSet.Of([.. s_sources.Where(_ => random.Next(3) == 0)]),
        random.Next(4) == 0 ? ReaderSet.Everyone : ReaderSet.Of([.. s_readers.Where(_ => random.Next(2) == 0)]));

    [Fact]
    public void Join_is_a_semilattice_and_flow_is_its_order()
    {
        var random = new Random(1);
        for (var i = 0; i < 5000; i++)
        {
            Label a = Draw(random), b = Draw(random), c = Draw(random);
            Assert.Equal(a, a.Join(a));
            Assert.Equal(a.Join(b), b.Join(a));
            Assert.Equal(a.Join(b).Join(c), a.Join(b.Join(c)));
            Assert.Equal(a, a.Join(Label.Public));
            Assert.Equal(a.Join(b).GetHashCode(), b.Join(a).GetHashCode());

            Assert.True(a.FlowsTo(a.Join(b)));
            Assert.Equal(a.FlowsTo(b), a.Join(b) == b);
            if (a.FlowsTo(b) && b.FlowsTo(c))
                Assert.True(a.FlowsTo(c));
            if (a.FlowsTo(b) && b.FlowsTo(a))
                Assert.Equal(a, b);
            if (a.FlowsTo(c) && b.FlowsTo(c))
                Assert.True(a.Join(b).FlowsTo(c)); // the least of all places that take both
        }
    }

    [Fact]
    public void A_flow_that_widens_readers_is_refused()
    {
        var random = new Random(2);
        var refused = 0;
        for (var i = 0; i < 5000; i++)
        {
            Label a = Draw(random), b = Draw(random);
            var widens = b.Readers.IsEveryone
                ? !a.Readers.IsEveryone : !a.Readers.IsEveryone && b.Readers.Names.Except(a.Readers.Names).Any();
            Assert.Equal(!widens, a.FlowsTo(b.Readers));
            if (!widens)
                continue;
            refused++;
            Assert.False(a.FlowsTo(b));
            Assert.Throws<FlowException>(() => a.RequireFlow(b, "a value"));
            var message = Assert.Throws<FlowException>(() => a.RequireFlow(b.Readers, "a value")).Message;
            Assert.StartsWith("a value: may be read by", message, StringComparison.Ordinal);
        }

        Assert.InRange(refused, 500, 4500);
    }

    [Fact]
    public void A_source_that_a_place_does_not_take_is_refused()
    {
        var place = Label.From(Source.User);
        Label.From(Source.User).RequireFlow(place, "a note");
        Assert.Contains("web:https://a.example", Assert.Throws<FlowException>(() =>
            Label.From(Source.User, Source.Web("https://a.example")).RequireFlow(place, "a note")).Message,
            StringComparison.Ordinal);
        Assert.True(Label.From(Source.User).IsFrom(SourceSet.Of(Source.User, Source.Kernel)));
        Assert.False(Label.From(Source.User, Source.Model("m")).IsFrom(SourceSet.Of(Source.User, Source.Kernel)));
    }

    [Fact]
    public void The_label_that_somebody_forgot_goes_nowhere()
    {
        Assert.False(default(Label).FlowsTo(ReaderSet.Of("user")));
        Assert.False(default(Label).FlowsTo(Label.Public));
        Assert.Equal(ReaderSet.Nobody, default(Label).Join(Label.Public).Readers);
    }

    [Fact]
    public void Readers_only_ever_become_fewer()
    {
        var random = new Random(3);
        for (var i = 0; i < 2000; i++)
        {
            Label a = Draw(random), b = Draw(random);
            Assert.True(a.Join(b).Readers.IsSubsetOf(a.Readers));
            Assert.True(a.OnlyFor(b.Readers).Readers.IsSubsetOf(a.Readers));
        }
    }

    [Fact]
    public void What_is_stored_is_read_again()
    {
        var random = new Random(4);
        for (var i = 0; i < 2000; i++)
        {
            var label = Draw(random);
            Assert.Equal(label, Label.Parse(label.ToText()));
            Assert.DoesNotContain('\n', label.ToText());
        }

        // The stored form never changes.
        Assert.Equal("0;2:web:bing;4:/a%3Ab|=ann", new Label(
            SourceSet.Of(Source.File("/a:b"), Source.User, Source.Tool("web", "bing")), ReaderSet.Of("ann")).ToText());
        Assert.Equal(("|*", "|-"), (Label.Public.ToText(), default(Label).ToText()));
    }

    [Theory]
    [InlineData(""), InlineData("0"), InlineData("9|*"), InlineData("x|*"), InlineData("0|ann"), InlineData("0|*|*")]
    [InlineData("0;|*"), InlineData("2:a:b:c|-"), InlineData("0|")]
    public void What_is_no_label_is_refused(string text) =>
        Assert.Throws<FormatException>(() => Label.Parse(text));
}
