using System.Globalization;
using RealNvp.ML.Trainers;

namespace RealNvp.ML.Samples;

/// <summary>What the command line asks for.</summary>
internal sealed class Arguments
{
    private static readonly Dictionary<string, string> s_help = new()
    {
        ["--data DIR"] = "CIFAR-10 in its binary version, MNIST and its likes as IDX, or image files: with CelebA's "
            + $"{ImageFiles.PartitionList}, or in train/, val/ and test/, or as they are",
        ["--preset NAME"] = $"{string.Join(", ", Preset.All.Select(preset => preset.Name))}; by default what the folder holds: small for "
            + "IDX, celeba where its list is, else cifar10",
        ["--epochs N"] = "passes over the training images; 20 by default. More of them, or more steps, make a run longer that was stopped "
            + "or is finished",
        ["--steps N"] = "optimizer steps, instead of epochs",
        ["--minutes N"] = "training ends after so long, with the best flow so far; 2.5 will do. Epochs or steps then only shape the "
            + "learning rate",
        ["--batch N"] = "images per step; 64 by default",
        ["--width N"] = "maps of the first nets, instead of the preset's",
        ["--blocks N"] = "residual blocks of each net, instead of the preset's",
        [ByClassFlag] = "the class is a condition of the flow, where the data have labels: CIFAR-10, and IDX with their labels",
        ["--train N"] = "only the first N training images",
        ["--test N"] = "only the first N test images",
        ["--rate R"] = "the highest learning rate; 0.003 up to 28 x 28 pixels and 0.001 beyond by default",
        ["--schedule NAME"] = "how the rate falls: cosine, the default, plateau or none",
        ["--weight-decay W"] = "decoupled weight decay; none by default",
        ["--average D"] = "validates and keeps an average of the weights, of decay D a step: 0.999 is over about a thousand steps",
        ["--dropout P"] = "the share of maps that is dropped in training; 0.2 below 5,000 images and none from there on by default",
        [OriginalFlag] = "every choice of the original code, in the flow and in its training",
        [ModernFlag] = "learned dequantisation and averaged weights: fewer bits in the same time",
        ["--hold-out S"] = "the share of the training images that choose the best flow, 0.04 by default; 0 keeps the last one. Where it is "
            + "not said, the first 2,000 of the data's own validation images do, if there are any",
        ["--sample-every N"] = "a grid of samples each N steps or so, from the best flow so far, as samples-STEP.png",
        ["--tensorboard DIR"] = "event files with the progress, for tensorboard --logdir",
        ["--precision P"] = "f32, the default, or on a GPU tf32 or bf16: convolutions of fewer bits, faster where images or nets are large",
        ["--device D"] = "cpu, the default, cuda or cuda:1; needs -p:Backend=cuda",
        ["--threads N"] = "threads of libtorch",
        ["--seed N"] = "of everything random; 1 by default",
        ["--out DIR"] = "where model and pictures go; artifacts/samples/TrainImages/PRESET by default",
        ["--checkpoints DIR"] = "where the run goes on after an interruption; checkpoints in the output folder by default",
        [DistributedFlag] = "shares the training with the other processes that Open MPI's mpirun has started: mpirun -n 2 dotnet "
            + "TrainImages.dll ...",
    };

    private const string DistributedFlag = "--distributed", ByClassFlag = "--by-class", OriginalFlag = "--original",
        ModernFlag = "--modern";
    private const int MostMinutes = 35_000; // 24 days: timers count milliseconds in 32 bits

    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    /// <summary>Reads the command line.</summary>
    /// <exception cref="ArgumentException">An option is unknown, missing or has no usable value.</exception>
    public Arguments(string[] args)
    {
        (IsDistributed, IsByClass, IsOriginal, IsModern) = (args.Contains(DistributedFlag), args.Contains(ByClassFlag),
            args.Contains(OriginalFlag), args.Contains(ModernFlag));
        if (IsOriginal && IsModern)
            throw new ArgumentException($"{OriginalFlag} and {ModernFlag} exclude each other.");
        args = [.. args.Where(argument => argument is not (DistributedFlag or ByClassFlag or OriginalFlag or ModernFlag))];
        for (int i = 0; i < args.Length; i += 2)
        {
            if (!s_help.Keys.Any(option => option.Split(' ')[0] == args[i]))
                throw new ArgumentException($"Unknown option '{args[i]}'.");
            _values[args[i]] = i + 1 < args.Length ? args[i + 1] : throw new ArgumentException($"Option {args[i]} needs a value.");
        }
        Data = Text("--data") ?? throw new ArgumentException("--data is missing: the folder of the images.");
        Preset = Choice("--preset", Preset.All.ToDictionary(preset => preset.Name), ImageData.PresetOf(Data).Name);
        var precisions = new Dictionary<string,
            TrainingPrecision> { ["f32"] = TrainingPrecision.Float32, ["tf32"] = TrainingPrecision.TensorFloat32,
            ["bf16"] = TrainingPrecision.BFloat16 };
        Precision = Choice("--precision", precisions, "f32");
        Out = Text("--out") ?? Path.Combine("artifacts", "samples", "TrainImages", Preset.Name);
        Checkpoints = Text("--checkpoints") ?? Path.Combine(Out, "checkpoints");
        (Epochs, Steps, BatchSize) = (Number("--epochs") ?? 20, Number("--steps"), Number("--batch") ?? 64);
        Minutes = Real("--minutes", minutes => minutes is > 0 and <= MostMinutes, $"a number above 0, of {MostMinutes} at most");
        Rate = Real("--rate", rate => rate is > 0 and < 1, "a number between 0 and 1");
        Decay = Text("--schedule") is null ? null : Choice("--schedule", new Dictionary<string, LearningRateDecay>
        {
            ["cosine"] = LearningRateDecay.Cosine, ["plateau"] = LearningRateDecay.Plateau, ["none"] = LearningRateDecay.None,
        }, "");
        const string Share = "a number from 0 to below 1";
        (WeightDecay, Average, Dropout, HoldOut)
            = (Real("--weight-decay", IsShare, Share), Real("--average", IsShare, Share), Real("--dropout", IsShare, Share),
                Real("--hold-out", IsShare, Share));
        (Train, Test, Threads, Seed) = (Number("--train"), Number("--test"), Number("--threads"), Number("--seed") ?? 1);
        SampleEvery = Number("--sample-every");
        Flow = Preset.Flow with { BaseWidth = Number("--width") ?? Preset.Flow.BaseWidth,
            Blocks = Number("--blocks") ?? Preset.Flow.Blocks };

        static bool IsShare(double value) => value is >= 0 and < 1;
    }

    /// <summary>What the options are.</summary>
    public static string Usage => "Usage: TrainImages --data DIR [OPTIONS]\n"
        + string.Join('\n', s_help.Select(option => $"  {option.Key,-18}{option.Value}"));

    /// <summary>The folder of the images.</summary>
    public string Data { get; }

    /// <summary>The data set of the paper whose flow is trained.</summary>
    public Preset Preset { get; }

    /// <summary>The preset's flow, or a narrower or wider one.</summary>
    public ImageFlowOptions Flow { get; }

    /// <summary>Passes over the training images.</summary>
    public int Epochs { get; }

    /// <summary>Steps instead of epochs, or null.</summary>
    public int? Steps { get; }

    /// <summary>After how long training ends with the best flow so far, or null for no such end.</summary>
    public double? Minutes { get; }

    /// <summary>Images per step.</summary>
    public int BatchSize { get; }

    /// <summary>The highest learning rate, or null for the trainer's own choice.</summary>
    public double? Rate { get; }

    /// <summary>How the learning rate falls, or null for the trainer's own choice.</summary>
    public LearningRateDecay? Decay { get; }

    /// <summary>Decoupled weight decay, or null for none.</summary>
    public double? WeightDecay { get; }

    /// <summary>The decay of an average of the weights, or null for none.</summary>
    public double? Average { get; }

    /// <summary>The share of maps that is dropped, or null for the trainer's own choice.</summary>
    public double? Dropout { get; }

    /// <summary>Whether all is as in the original code.</summary>
    public bool IsOriginal { get; }

    /// <summary>Whether the flow and its training are of the modern preset.</summary>
    public bool IsModern { get; }

    /// <summary>The share of the training images that choose the best flow, or null for the data's own or the usual share.</summary>
    public double? HoldOut { get; }

    /// <summary>Steps between two grids of samples, or null for none.</summary>
    public int? SampleEvery { get; }

    /// <summary>The folder of event files, or null for none.</summary>
    public string? TensorBoard => Text("--tensorboard");

    /// <summary>The most training images, or null for all.</summary>
    public int? Train { get; }

    /// <summary>The most test images, or null for all.</summary>
    public int? Test { get; }

    /// <summary>The precision of convolutions in training.</summary>
    public TrainingPrecision Precision { get; }

    /// <summary>The device, or null for the CPU.</summary>
    public string? Device => Text("--device");

    /// <summary>Threads of libtorch, or null for its own choice.</summary>
    public int? Threads { get; }

    /// <summary>The seed of everything random.</summary>
    public int Seed { get; }

    /// <summary>Whether other processes train the same flow with this one.</summary>
    public bool IsDistributed { get; }

    /// <summary>Whether the class of an image is a condition.</summary>
    public bool IsByClass { get; }

    /// <summary>The folder that results go to.</summary>
    public string Out { get; }

    /// <summary>The folder of checkpoints.</summary>
    public string Checkpoints { get; }

    private string? Text(string name) => _values.GetValueOrDefault(name);

    private int? Number(string name) => Text(name) switch
    {
        null => null,
        { } text when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0 => number,
        { } text => throw new ArgumentException($"{name} is '{text}', expected a number from 1 on."),
    };

    private double? Real(string name, Func<double, bool> holds, string expected) => Text(name) switch
    {
        null => null,
        { } text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && holds(number) => number,
        { } text => throw new ArgumentException($"{name} is '{text}', expected {expected}."),
    };

    private T Choice<T>(string name, Dictionary<string, T> choices, string otherwise)
        => choices.TryGetValue(Text(name) ?? otherwise, out T? value)
        ? value
        : throw new ArgumentException($"{name} is '{Text(name)}', expected one of {string.Join(", ", choices.Keys)}.");
}
