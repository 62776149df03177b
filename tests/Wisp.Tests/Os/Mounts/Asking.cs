using Wisp.Guard;
using Wisp.Kernel;

namespace Wisp.Tests.Os.Mounts;

/// <summary>Calls of a driver as the gate makes them.</summary>
internal static class Asking
{
    public static readonly ReaderSet User = ReaderSet.Of("user");

    public static SysResult Ask(this Driver driver, Verb verb, string path, string body = "", Label? label = null)
    {
        var call = new DriverCall("key", new Pid(1), verb, path, body, label ?? Label.From(Source.User));
        return driver.CallAsync(call, TestContext.Current.CancellationToken).AsTask().GetAwaiter().GetResult();
    }

    public static string Text(this Driver driver, Verb verb, string path, string body = "")
    {
        var result = driver.Ask(verb, path, body);
        Assert.True(result.IsOk, result.Text);
        return result.Text;
    }

    /// <summary>A refusal: one short line that names the path.</summary>
    public static string Refusal(this Driver driver, Verb verb, string path, SysStatus status, string body = "")
    {
        var result = driver.Ask(verb, path, body);
        Assert.Equal((status, false), (result.Status, result.Text.Contains('\n')));
        Assert.InRange(result.Text.Length, 10, 400);
        return result.Text;
    }
}
