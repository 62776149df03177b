using Wisp.Serve;
using Wisp.Serve.Loading;

namespace Wisp.Tests.Serve;

/// <summary>Models come when they are asked for and go when nobody does.</summary>
public class ModelPoolTests
{
    [Fact]
    public async Task A_model_that_nobody_asks_for_goes_and_comes_back()
    {
        await using var server = await LiveServer.Open(new ServeOptions { IdleAfter = TimeSpan.FromMilliseconds(1) });
        while (server.Server.Models.Loaded.Count > 0) // the pool looks every second
            await Task.Yield();
        var reply = await server.Post("/v1/completions", """{"prompt": "The fox", "max_tokens": 3}""");
        Assert.Equal(LiveServer.Model, (string)reply["model"]!);
    }

    [Fact]
    public async Task A_model_in_use_stays_and_the_one_unused_for_longest_makes_room()
    {
        await using var server = await LiveServer.Open(
            new ServeOptions { MaxLoaded = 1, Folders = { LiveServer.ModelFolder } });
        var pool = server.Server.Models;
        using (var lease = await pool.Take(LiveServer.Model, default))
        {
            var fault = await Assert.ThrowsAsync<Wisp.Serve.Http.ApiException>(() => pool.Take("wisp-base", default));
            Assert.Equal((503, "models_busy"), (fault.Status, fault.Code));
            Assert.True(fault.RetryAfter > TimeSpan.Zero);
        }

        using (var other = await pool.Take("wisp-base", default))
            Assert.Equal(["wisp-base"], pool.Loaded.Select(loaded => loaded.Model.Id));
        using var back = await pool.Take(null, default); // the default one
        Assert.Equal(LiveServer.Model, back.Model.Id);
    }

    [Fact]
    public async Task Many_who_ask_at_once_wait_for_one_load()
    {
        await using var server = await LiveServer.Open(new ServeOptions { Folders = { LiveServer.ModelFolder } });
        var leases = await Task.WhenAll(
            Enumerable.Range(0, 16).Select(_ => server.Server.Models.Take("wisp-base", default)));
        Assert.Single(leases.Select(lease => lease.Model).Distinct());
        foreach (var lease in leases)
            lease.Dispose();
    }

    [Theory]
    [InlineData("../models/wisp-chat")]
    [InlineData("/etc/passwd")]
    [InlineData("wisp-chat.gguf")]
    [InlineData("")]
    public void A_name_is_never_a_path(string name) =>
        Assert.Null(new ModelShelf(new ServeOptions { Folders = { LiveServer.ModelFolder } }).Find(name));

    [Theory]
    [InlineData("wisp-chat")]
    [InlineData("WISP-chat")]
    [InlineData("wisp-chat:latest")]
    public void A_name_is_found_as_clients_write_it(string name) => Assert.Equal("wisp-chat",
        new ModelShelf(new ServeOptions { Folders = { LiveServer.ModelFolder } }).Find(name)?.Id);
}
