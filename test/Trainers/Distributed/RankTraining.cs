using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Engine;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Nets;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Trainers.Distributed;

/// <summary>Trainings that one process or several do, in the tests' process or in those that mpirun starts.</summary>
internal static class RankTraining
{
    /// <summary>
    /// Tells a process of <see cref="TrainingProcess"/> to be a rank: what follows is the training, a folder and an action.
    /// </summary>
    public const string Kind = "rank";

    /// <summary>A weighted table with dropout, noise and trimming, and the same with batch norm.</summary>
    public const string Table = "table", NormedTable = "normed-table";

    /// <summary>Small images with flips and dropout, whose nets have batch norms.</summary>
    public const string Images = "images";

    /// <summary>An action of a rank: none, or the death of the last one in its middle.</summary>
    public const string Whole = "whole", Dies = "dies", Cancels = "cancels", Fails = "fails";

    /// <summary>The steps of a table, and of images, where each takes ten times as long.</summary>
    private const int Steps = 200, StepsOfImages = 50;

    /// <summary>In the process of a rank: trains, and writes its model beside the checkpoints.</summary>
    public static void Run(string[] parts)
    {
        (string what, string folder, string action) = (parts[1], parts[2], parts[3]);
        using MpiExchange mpi = MpiExchange.Open();
        bool last = mpi.Rank == mpi.Ranks - 1;
        using var source = new CancellationTokenSource();
        long exchanges = 0; // two in each step, to train and to trim, and some around an evaluation
        var exchange = new Watched(mpi, () =>
        {
            if (!last || ++exchanges < 250)
                return;
            if (action == Dies)
                Process.GetCurrentProcess().Kill();
            if (action == Fails)
                throw new InvalidDataException("the last rank has had enough");
            if (action == Cancels)
                source.Cancel();
        });
        try
        {
            FlowModel model = Fit(what, exchange, Path.Combine(folder, "checkpoints"), options => options.CancellationToken = source.Token);
            model.Save(Path.Combine(folder, $"model-{mpi.Rank}.rnvp"));
        }
        catch (OperationCanceledException)
        {
            File.WriteAllText(Path.Combine(folder, $"cancelled-{mpi.Rank}"), "");
        }
    }

    /// <summary>Trains.</summary>
    public static FlowModel Fit(string what, IGradientExchange? exchange, string? folder, Action<RealNvpTrainer.Options>? change = null)
    {
        var ml = new MLContext(seed: 1);
        RealNvpTrainer.Options options = what != Images ? new()
        {
            // tanh: a ReLU's input that is zero but for roundings has one gradient or another, and one row's then parts the weights
            Table = new() { Couplings = 4, HiddenUnits = 16, BatchNorm = what == NormedTable, Activation = Activation.Tanh },
            ExampleWeightColumnName = "Weight", Trim = 0.1, Dropout = 0.1,
        } : new()
        {
            Image = new() { Scales = 2, BaseWidth = 4, Blocks = 1, Levels = 17, LevelWidth = 1, HorizontalFlips = true }, Dropout = 0.2,
            BatchSize = 15, // which two do not share evenly
        };
        (options.Steps, options.Patience, options.Threads, options.Exchange)
            = (what == Images ? StepsOfImages : Steps, 0, 1, exchange);
        if (folder is not null)
            options.Checkpoints = new(folder) { Interval = 20, Resume = true };
        change?.Invoke(options);
        IDataView rows = what != Images ? TrainingProcess.TableRows(ml) : ImageRows(ml);
        using RealNvpTransformer model = ml.AnomalyDetection.Trainers.RealNvp(options).Fit(rows);
        return model.Model;
    }

    /// <summary>log p of the rows of a training, by a trained flow.</summary>
    public static float[] LogLikelihoods(string what, FlowModel model)
    {
        var ml = new MLContext(seed: 1);
        IDataView rows = what == Images ? ImageRows(ml) : TrainingProcess.TableRows(ml);
        using RealNvpTransformer flow = ml.Transforms.ApplyRealNvp(model).Fit(rows);
        return [.. flow.Transform(rows).GetColumn<float>("LogLikelihood")];
    }

    /// <summary>Every weight of a flow.</summary>
    public static float[] Weights(FlowModel model) => [.. model.Members.SelectMany(steps => steps).SelectMany(step
        => StepKinds.Save(step).Tensors.OrderBy(tensor => tensor.Key, StringComparer.Ordinal).SelectMany(tensor
            => MemoryMarshal.Cast<byte, float>(tensor.Value.Values.Span).ToArray()))];

    private static IDataView ImageRows(MLContext ml)
    {
        SchemaDefinition schema = SchemaDefinition.Create(typeof(Row));
        schema["Features"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 1, 8, 8);
        var random = new Random(1);
        return ml.Data.LoadFromEnumerable(Enumerable.Range(0, 150).Select(_ =>
        {
            double phase = 6 * random.NextDouble();
            return new Row { Features = [.. Enumerable.Range(0, 64).Select(i
                => (float)Math.Round(8 + 6 * Math.Sin(phase + i % 8 / 2.0 + i / 16.0) + 2 * random.NextDouble() - 1))] };
        }).ToArray(), schema);
    }

    private sealed class Row
    {
        public float[] Features { get; set; } = [];
    }

    /// <summary>An exchange that is told of every sum.</summary>
    private sealed class Watched(IGradientExchange inner, Action summing) : IGradientExchange
    {
        public int Rank => inner.Rank;

        public int Ranks => inner.Ranks;

        public void Sum(TorchSharp.torch.Tensor values)
        {
            summing();
            inner.Sum(values);
        }

        public void Broadcast(TorchSharp.torch.Tensor values) => inner.Broadcast(values);

        public void Abort(string message) => inner.Abort(message);
    }
}
