using Wisp.Chat;
using Wisp.Train.Align.Conversations;

namespace Wisp.Tests.Train.Align.Conversations;

public sealed class TemplateCheckTests
{
    private static string? Dropped(string source) => TemplateCheck.Dropped(new ChatTemplate(source));

    [Fact]
    public void Our_own_template_drops_nothing() => Assert.Null(Dropped(ChatFormat.Template));

    [Theory]
    [InlineData("{% for m in messages %}{{ m.content }}{% endfor %}", null)]
    [InlineData("{% for m in messages[1:] %}{{ m.content }}{% endfor %}", "turn 1 (system)")]
    [InlineData("{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}",
        "turn 1 (system)")]
    [InlineData("{{ messages[0].content }}{{ messages[-1].content }}", "turn 2 (user)")]
    // Refusing a system turn is said aloud; what comes without one is shown.
    [InlineData("{% if messages[0].role == 'system' %}{{ raise_exception('none') }}{% endif %}" +
        "{% for m in messages %}{{ m.content }}{% endfor %}", null)]
    [InlineData("{% if messages[0].role == 'system' %}{{ raise_exception('none') }}{% endif %}" +
        "{{ messages[-1].content }}", "turn 1 (user)")]
    [InlineData("{{ raise_exception('never') }}", "every conversation")]
    public void What_a_template_drops_is_named(string source, string? expected)
    {
        if (expected is null)
            Assert.Null(Dropped(source));
        else
            Assert.Contains(expected, Dropped(source));
    }
}
