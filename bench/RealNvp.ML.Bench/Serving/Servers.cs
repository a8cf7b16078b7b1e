using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Flows;

namespace RealNvp.ML.Bench.Serving;

/// <summary>The servers that are measured, each in a process of its own until it is killed.</summary>
internal static class Servers
{
    /// <summary>The service, coalescing requests.</summary>
    public const string Ours = "ours";

    /// <summary>ML.NET's engine for single rows, several in a pool, as ML.NET's documentation has it.</summary>
    public const string Engines = "engines";

    /// <summary>Serves a model, and says where on standard output.</summary>
    public static void Run(string which, string path)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        if (which == Ours)
        {
            builder.Services.AddRealNvp(options =>
            {
                options.Models.Add(path);
                options.PollInterval = TimeSpan.FromMilliseconds(100);
            });
        }
        builder.Services.ConfigureHttpJsonOptions(options => options.SerializerOptions.TypeInfoResolverChain.Insert(0, ServedJson.Default));
        WebApplication application = builder.Build();
        if (which == Ours)
            application.MapRealNvp();
        else
            MapEngines(application, path);
        application.Start();
        Console.WriteLine(application.Urls.Single());
        application.WaitForShutdown();
    }

    private static void MapEngines(WebApplication application, string path)
    {
        var context = new MLContext();
        ITransformer model = context.Model.Load(path, out DataViewSchema schema);
        var input = SchemaDefinition.Create(typeof(ServedRow));
        input[nameof(ServedRow.Features)].ColumnType = schema["Features"].Type;
        var pool = new ConcurrentBag<PredictionEngine<ServedRow, ServedScore>>(); // an engine is for one thread at a time
        application.MapPost("/score", (ServedRow[] rows) =>
        {
            if (!pool.TryTake(out PredictionEngine<ServedRow, ServedScore>? engine))
            {
                engine = context.Model.CreatePredictionEngine<ServedRow, ServedScore>(model,
                    new PredictionEngineOptions { InputSchemaDefinition = input, OwnsTransformer = false });
            }
            var scores = new ServedScore[rows.Length];
            for (int i = 0; i < rows.Length; i++)
                scores[i] = engine.Predict(rows[i]);
            pool.Add(engine);
            return scores;
        });
    }

    /// <summary>Saves a pipeline of a flow by itself.</summary>
    public static void Save(BenchmarkFlow flow, string path, float threshold)
    {
        var ml = new MLContext(seed: 1);
        IDataView data = Tables.Cached(ml, flow.Rows(1));
        using var transformer = ml.Transforms.ApplyRealNvp(flow.Build()).Fit(data);
        using var other = transformer.WithThreshold(threshold); // a file of another version
        ml.Model.SaveAtomically(other, data.Schema, path);
    }
}
