using System.IO.Pipelines;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using RealNvp.ML.AspNetCore.Http;
using RealNvp.ML.Export;
using RealNvp.ML.Serving;
using RealNvp.ML.Serving.Models;
using RealNvp.ML.Serving.Rows;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.AspNetCore.People;

/// <summary>Plain JSON, as people write it: rows in and scores out, rows drawn, and what there is to know of a model.</summary>
internal sealed class PeopleEndpoints(ModelHost host, RealNvpServiceOptions options)
{
    private const int FlushBytes = 1 << 16;

    /// <summary>GET models: the models that are served.</summary>
    public Task List(HttpContext context) => Reply.Json(context, json =>
    {
        json.WriteStartObject();
        json.WriteStartArray("models");
        foreach (string name in host.Names)
        {
            if (host.Hold(name) is not { } model)
                continue;
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("version", model.Version);
            if (host.Failure(name) is { } failure)
                json.WriteString("failure", failure);
            json.WriteEndObject();
            model.Release();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });

    /// <summary>GET models/M: what a model reads and gives, and what it has made of the rows so far.</summary>
    public Task Describe(HttpContext context) => NamedModel.With(context, host, (model, _) => Reply.Json(context, json =>
    {
        FlowModel flow = model.Flow.Model;
        json.WriteStartObject();
        json.WriteString("name", model.Name);
        json.WriteString("version", model.Version);
        json.WriteString("loaded", model.LoadedAt);
        if (host.Failure(model.Name) is { } failure)
            json.WriteString("failure", failure);
        json.WriteStartArray("reads");
        foreach (ModelColumn column in model.Inputs)
        {
            json.WriteStartObject();
            json.WriteString("name", column.Name);
            json.WriteString("kind", column.Kind switch
            {
                ColumnKind.Text => "text",
                ColumnKind.Boolean => "Boolean",
                _ => "number",
            });
            if (column.Size > 1)
                json.WriteNumber("values", column.Size);
            if (column.Slots.Count > 0)
                Reply.Texts(json, "names", column.Slots);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        Reply.Texts(json, "gives", model.Outputs.Select(output => output.Name));
        Reply.Texts(json, "features", flow.Metadata.FeatureNames);
        if (model.ConditionGroups.Count > 0)
            Reply.Texts(json, "condition", model.ConditionGroups.Select(group => group.Name));
        if (flow.Calibration.Count > 0)
        {
            Reply.Number(json, "threshold", model.Flow.Threshold);
            json.WriteNumber("contamination", flow.Calibration.Contamination);
            json.WriteNumber("calibrationRows", flow.Calibration.Count);
        }
        json.WriteNumber("rows", model.Watch.Rows);
        if (model.Watch.Flagged is { } flagged)
        {
            json.WriteNumber("flagged", flagged);
            Reply.Number(json, "flaggedShare", model.Watch.FlaggedShare);
        }
        Reply.Number(json, "driftDistance", model.Watch.DriftDistance);
        json.WriteBoolean("drifted", model.Watch.HasDrifted);
        json.WriteEndObject();
    }));

    /// <summary>POST models/M/score: rows in, the results of each out.</summary>
    public Task Score(HttpContext context) => NamedModel.With(context, host, async (model, _) =>
    {
        RowsRequest request = await Body.Read(context, options.MaxBodyBytes, body => ScoreBody.Read(body, model, options.MaxRows));
        await model.Score(request, context.RequestAborted);
        await Reply.Json(context, json =>
        {
            JsonEncodedText[] names = ModelTexts.Of(model).Outputs;
            Begin(json, model);
            for (int row = 0; row < request.Rows; row++)
            {
                json.WriteStartObject();
                foreach (int place in request.Wanted)
                {
                    json.WritePropertyName(names[place]);
                    Result(json, model.Outputs[place], request.Results[place]!, row);
                }
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        });
    });

    /// <summary>POST models/M/sample: rows drawn, as objects where the features have names.</summary>
    public Task Sample(HttpContext context) => NamedModel.With(context, host, async (model, _) =>
    {
        SampleBody asked = await Body.Read(context, options.MaxBodyBytes,
            body => SampleBody.Read(body, model, options.MaxDrawnRows));
        await model.Draw(asked.Count, asked.Seed, asked.Temperature, asked.Conditions, async (rows, outside) =>
        {
            var texts = ModelTexts.Of(model);
            PipeWriter body = context.Response.BodyWriter;
            context.Response.ContentType = "application/json";
            using IEnumerator<float[]> drawn = rows.GetEnumerator();
            bool isThere = drawn.MoveNext(); // what goes wrong does so before the answer begins
            using Utf8JsonWriter json = Reply.Writer(body);
            long flushed = 0;
            Begin(json, model);
            for (; isThere; isThere = drawn.MoveNext())
            {
                Row(json, drawn.Current, texts);
                if (json.BytesCommitted + json.BytesPending - flushed > FlushBytes)
                {
                    json.Flush();
                    flushed = json.BytesCommitted;
                    await outside(async () => await body.FlushAsync(context.RequestAborted));
                }
            }
            json.WriteEndArray();
            json.WriteEndObject();
            json.Flush();
            await outside(async () => await body.FlushAsync(context.RequestAborted));
        }, context.RequestAborted);
    });

    private static void Begin(Utf8JsonWriter json, ServedModel model)
    {
        json.WriteStartObject();
        json.WriteString("model", model.Name);
        json.WriteString("version", model.Version);
        json.WriteStartArray("rows");
    }

    /// <summary>A row by its columns; without names the list of its features.</summary>
    private static void Row(Utf8JsonWriter json, float[] row, ModelTexts texts)
    {
        float[] meant = texts.Numbers.Nearest(row);
        if (texts.Drawn.Length == 0)
        {
            json.WriteStartArray();
            foreach (float value in meant)
                Reply.Number(json, value);
            json.WriteEndArray();
            return;
        }
        json.WriteStartObject();
        foreach ((JsonEncodedText name, FeatureGroup group) in texts.Drawn)
        {
            json.WritePropertyName(name);
            if (group.IsMissing(row))
                json.WriteNullValue();
            else if (group.CategoryOf(row) is { } category)
                json.WriteStringValue(category);
            else
                Reply.Number(json, meant[group.First]);
        }
        json.WriteEndObject();
    }

    private static void Result(Utf8JsonWriter json, ModelColumn column, Array values, int row)
    {
        if (values is bool[] flags)
        {
            json.WriteBooleanValue(flags[row]);
        }
        else if (column.Size == 1)
        {
            Reply.Number(json, ((float[])values)[row]);
        }
        else
        {
            json.WriteStartArray();
            foreach (float value in ((float[])values).AsSpan(row * column.Size, column.Size))
                Reply.Number(json, value);
            json.WriteEndArray();
        }
    }
}
