using RealNvp.ML.Bench.Anomaly;
using RealNvp.ML.Bench.Clusters;
using RealNvp.ML.Bench.Conditional;
using RealNvp.ML.Bench.Cuda;
using RealNvp.ML.Bench.Density;
using RealNvp.ML.Bench.Devices;
using RealNvp.ML.Bench.Engine;
using RealNvp.ML.Bench.Images;
using RealNvp.ML.Bench.Pictures;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Bench.Sampling;
using RealNvp.ML.Bench.Scoring;
using RealNvp.ML.Bench.Series;
using RealNvp.ML.Bench.Serving;
using RealNvp.ML.Bench.Small;
using RealNvp.ML.Bench.Survival;
using RealNvp.ML.Bench.Training;
using RealNvp.ML.Transforms.Onnx;

OnnxTelemetry.TurnOff(); // some baselines call ONNX Runtime before the library does

// One line per subcommand.
return Launcher.Run(args,
    new ScoringBenchmark(),
    new SamplingBenchmark(),
    new AnomalyBenchmark(),
    new SmallBenchmark(),
    new TrainingBenchmark(),
    new MembersBenchmark(),
    new RanksBenchmark(),
    new DensityBenchmark(),
    new ConditionalBenchmark(),
    new GivenBenchmark(),
    new SeriesBenchmark(),
    new ImagesBenchmark(),
    new PicturesBenchmark(),
    new EngineBenchmark(),
    new DeviceBenchmark(),
    new SurvivalBenchmark(),
    new ServingBenchmark(),
    new ClusterBenchmark(),
    new CudaBenchmark());
