namespace Wisp.Tests.Browser;

[Trait("cost", "medium")]
public class ChromiumTests(Chromium chromium)
{
    [Fact]
    public async Task Requests_to_other_hosts_and_faults_of_the_page_are_noticed()
    {
        await using var visit = await chromium.VisitAsync("http://wisp.test");
        await visit.Page.RouteAsync("http://wisp.test/", route => route.FulfillAsync(new()
        {
            ContentType = "text/html",
            Body = "<img src='https://elsewhere.test/x.png'><script>throw new Error('oh')</script>",
        }));
        await visit.Page.GotoAsync("/");
        Assert.Equal(["https://elsewhere.test/x.png"], visit.Foreign);
        Assert.Contains(visit.Faults, fault => fault.Contains("oh", StringComparison.Ordinal));
    }
}
