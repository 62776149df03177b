using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Wisp.Serve.Http;
using Wisp.Serve.Loading;
using Wisp.Serve.OpenAi;

namespace Wisp.Serve;

/// <summary>Wisp inside an ASP.NET Core program.</summary>
public static class WispServing
{
    /// <summary>Adds the models; the default one is loaded as the host starts.</summary>
    public static IServiceCollection AddWisp(this IServiceCollection services, Action<ServeOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        var options = new ServeOptions();
        configure(options);
        return services.AddWisp(options);
    }

    /// <inheritdoc cref="AddWisp(IServiceCollection, Action{ServeOptions})"/>
    public static IServiceCollection AddWisp(this IServiceCollection services, ServeOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<ModelShelf>();
        services.AddSingleton<ModelPool>();
        services.AddSingleton<Faults>();
        services.AddSingleton<WarmUp>();
        services.AddHostedService(provider => provider.GetRequiredService<WarmUp>());
        return services;
    }

    /// <summary>OpenAI's API under /v1.</summary>
    public static IEndpointRouteBuilder MapWispOpenAI(this IEndpointRouteBuilder routes)
    {
        OpenAiRoutes.Map(routes);
        return routes;
    }

    /// <summary>All that <c>wisp serve</c> answers to.</summary>
    public static IEndpointRouteBuilder MapWisp(this IEndpointRouteBuilder routes)
    {
        routes.MapWispOpenAI();
        LlamaServer.Health.Map(routes);
        return routes;
    }
}
