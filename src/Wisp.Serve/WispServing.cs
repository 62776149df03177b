using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Wisp.Serve.Http;
using Wisp.Serve.LlamaServer;
using Wisp.Serve.Loading;
using Wisp.Serve.Ollama;
using Wisp.Serve.OpenAi;
using Wisp.Serve.OpenAi.Responses;
using Wisp.Serve.Page;
using Wisp.Serve.Store;
using Wisp.Serve.Watching;

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
        services.AddSingleton(_ => options.Database is { } path ? WispDatabase.Open(path) : WispDatabase.InMemory());
        services.AddSingleton(provider =>
            new Conversations(provider.GetRequiredService<WispDatabase>(), options.Time));
        services.AddSingleton(provider =>
            new ResponseStore(provider.GetRequiredService<WispDatabase>(), options.Time));
        services.AddMetrics();
        services.AddSingleton<Telemetry>();
        services.AddSingleton<PrometheusText>();
        services.AddSingleton<WarmUp>();
        services.AddHostedService(provider => provider.GetRequiredService<WarmUp>());
        services.AddSingleton<PageKernel>();
        services.AddHostedService(provider => provider.GetRequiredService<PageKernel>());
        return services;
    }

    /// <summary>OpenAI's API under /v1.</summary>
    public static IEndpointRouteBuilder MapWispOpenAI(this IEndpointRouteBuilder routes)
    {
        OpenAiRoutes.Map(routes);
        return routes;
    }

    /// <summary>Ollama's API under /api.</summary>
    public static IEndpointRouteBuilder MapWispOllama(this IEndpointRouteBuilder routes)
    {
        OllamaRoutes.Map(routes);
        return routes;
    }

    /// <summary>What llama-server has beside OpenAI's API: /health, /metrics, /tokenize and so on.</summary>
    public static IEndpointRouteBuilder MapWispLlamaServer(this IEndpointRouteBuilder routes)
    {
        Health.Map(routes);
        LlamaRoutes.Map(routes);
        return routes;
    }

    /// <summary>The page to chat on, at /.</summary>
    public static IEndpointRouteBuilder MapWispPage(this IEndpointRouteBuilder routes)
    {
        PageRoutes.Map(routes);
        return routes;
    }

    /// <summary>All that <c>wisp serve</c> answers to.</summary>
    public static IEndpointRouteBuilder MapWisp(this IEndpointRouteBuilder routes)
    {
        routes.MapWispOpenAI();
        routes.MapWispOllama();
        routes.MapWispLlamaServer();
        routes.MapWispPage();
        return routes;
    }
}
