using System.Text.Json;
using RealNvp.ML.Bench.Flows;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Bench.Cuda;

/// <summary>The steps of a <see cref="BenchmarkFlow"/> as JSON, for scoring.py.</summary>
internal static class FlowWeights
{
    /// <summary>Writes the file.</summary>
    public static void Write(FlowModel model, string path)
    {
        using FileStream file = File.Create(path);
        using var json = new Utf8JsonWriter(file);
        json.WriteStartObject();
        json.WriteNumber("features", model.InputShape.Size);
        json.WriteStartArray("steps");
        for (int i = 0; i < model.Steps.Length; i++)
        {
            json.WriteStartObject();
            switch (model.Steps[i])
            {
                case Standardization step:
                    json.WriteString("kind", nameof(Standardization));
                    Write(json, "mean", step.Mean);
                    Write(json, "deviation", step.StandardDeviation);
                    break;
                case TailCompression step:
                    json.WriteString("kind", nameof(TailCompression));
                    json.WriteNumber("bound", step.Bound);
                    break;
                case Permutation step:
                    json.WriteString("kind", nameof(Permutation));
                    Write(json, "order", step.Order.Select(position => (float)position));
                    break;
                case AffineCoupling step when model.Steps[i + 1] is BatchNorm norm && norm.Positions.SequenceEqual(step.Mask.Transformed):
                    Write(json, step, norm);
                    i++;
                    break;
                default:
                    throw new BenchmarkFailedException($"scoring.py does not know the step {model.Steps[i].Kind}.");
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, AffineCoupling step, BatchNorm norm)
    {
        bool firstConditions = step.Mask.Conditioning[0] == 0;
        CouplingMask halves = firstConditions ? step.Mask : step.Mask.Complement();
        bool inOrder = halves.Conditioning.Concat(halves.Transformed).SequenceEqual(Enumerable.Range(0, norm.Features));
        if (step.Activation != Activation.Relu || !inOrder)
            throw new BenchmarkFailedException("scoring.py knows couplings of ReLU nets over the two halves of a row alone.");
        json.WriteString("kind", "Coupling");
        json.WriteNumber("half", halves.Conditioning.Length);
        json.WriteBoolean("first_conditions", firstConditions);
        json.WriteStartArray("trunk");
        foreach (DenseLayer layer in step.Trunk)
            Write(json, layer);
        json.WriteEndArray();
        json.WritePropertyName("log_scale");
        Write(json, step.LogScale);
        json.WritePropertyName("shift");
        Write(json, step.Shift);
        Write(json, "gain", step.Gain);
        Write(json, "scale", norm.Scale);
        Write(json, "offset", norm.Shift);
    }

    private static void Write(Utf8JsonWriter json, DenseLayer layer)
    {
        json.WriteStartObject();
        json.WriteNumber("outputs", layer.Outputs);
        Write(json, "weight", layer.Weights);
        Write(json, "bias", layer.Bias);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, IEnumerable<float> values)
    {
        json.WriteStartArray(name);
        foreach (float value in values)
            json.WriteNumberValue(value);
        json.WriteEndArray();
    }
}
