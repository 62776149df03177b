using Wisp.Kernel.Remote;

namespace Wisp.Cli.Os;

/// <summary>The way from a command to the user's kernel.</summary>
internal static class KernelLink
{
    public const string Group = "Operating system";

    /// <exception cref="UserException">No kernel runs.</exception>
    public static KernelClient Open()
    {
        var path = KernelSocket.Path(Environment.GetEnvironmentVariable);
        return KernelClient.TryConnect(path) ?? throw new UserException(
            $"No kernel runs (nothing listens at {path}). Start one: wisp kernel; wisp chat and wisp serve do too.");
    }

    /// <summary>Sends one request; what the kernel refuses is an error of the user's.</summary>
    public static async Task<KernelReply> AskAsync(KernelRequest request, CancellationToken cancel)
    {
        using var client = Open();
        try
        {
            return await client.SendAsync(request, cancel).ConfigureAwait(false);
        }
        catch (ArgumentException e)
        {
            throw new UserException(e.Message, e);
        }
    }
}
