using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Pretrained;

namespace RealNvp.ML.Bench.Pictures;

/// <summary>
/// Each class's first training and test pictures as rows of features: the pooled ones, of length 1, of CIFAR-10's pictures, or the pixels
/// of MNIST's.
/// </summary>
internal sealed class OneClassPictures
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly string _folder;
    private readonly int _train;
    private readonly bool _isPixels;
    private readonly Progress _progress;
    private readonly (string Class, float[] Features)[] _test;

    /// <summary>Reads the test pictures.</summary>
    /// <exception cref="BenchmarkFailedException">A file is missing or not the set's.</exception>
    public OneClassPictures(PicturesArguments arguments, Progress progress)
    {
        (_folder, _train, _isPixels, _progress) = (Path.Combine(arguments.Data!, "images"), arguments.Train,
            arguments.Set == PicturesArguments.Pixels, progress);
        _test = Features(isTest: true, arguments.ClassesOfSet, arguments.Test, "test pictures");
    }

    /// <summary>The test pictures' features.</summary>
    public float[][] Test => Array.ConvertAll(_test, row => row.Features);

    /// <summary>Which of them are of other classes.</summary>
    public bool[] IsOther(string name) => Array.ConvertAll(_test, row => row.Class != name);

    /// <summary>The features of a class's training pictures.</summary>
    public float[][] Train(string name) => [.. Features(isTest: false, [name], _train, $"pictures of class {name}")
        .Select(row => row.Features)];

    private IDataView Load(bool isTest)
    {
        if (!_isPixels)
            return _ml.Data.LoadCifar10(isTest ? Path.Combine(_folder, "cifar10-test.bin.gz") : _folder);
        string start = Path.Combine(_folder, isTest ? "mnist-t10k" : "mnist-train");
        return _ml.Data.LoadIdx($"{start}-images-idx3-ubyte.gz", $"{start}-labels-idx1-ubyte.gz");
    }

    private (string Class, float[] Features)[] Features(bool isTest, string[] classes, int each, string stage)
    {
        try
        {
            IDataView all = Load(isTest);
            ReadOnlyMemory<char>[] names = Names(all);
            var counts = classes.ToDictionary(name => name, _ => 0);
            Picture[] chosen = [.. _ml.Data.CreateEnumerable<Picture>(all, reuseRowObject: false, ignoreMissingColumns: true).Where(picture
                => counts.TryGetValue(names[picture.Label - 1].ToString(), out int count)
                    && (counts[names[picture.Label - 1].ToString()] = count + 1) <= each)];
            if (chosen.Length < each * classes.Length)
            {
                throw new BenchmarkFailedException(
                    $"{_folder} has {chosen.Length} pictures for {classes.Length} classes, expected {each} of each.");
            }
            if (_isPixels)
                return Array.ConvertAll(chosen, picture => (names[picture.Label - 1].ToString(), picture.Features));
            var schema = SchemaDefinition.Create(typeof(Picture));
            schema[nameof(Picture.Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 3, 32, 32);
            IDataView view = _ml.Data.LoadFromEnumerable(chosen, schema);
            var pipeline = _ml.Transforms.ConvertToImage(32, 32, "Image", "Features").Append(_ml.Transforms.PretrainedFeatures("Pooled"));
            using TransformerChain<PretrainedFeaturesTransformer> model = pipeline.Fit(view);
            var rows = new List<(string, float[])>();
            foreach (float[] features in model.Transform(view).GetColumn<float[]>("Pooled"))
            {
                rows.Add((names[chosen[rows.Count].Label - 1].ToString(), features));
                _progress.Show(stage, rows.Count, chosen.Length);
            }
            return [.. rows];
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw new BenchmarkFailedException($"{_folder} cannot be read: {e.Message}");
        }
    }

    private static ReadOnlyMemory<char>[] Names(IDataView view)
    {
        VBuffer<ReadOnlyMemory<char>> names = default;
        view.Schema["Label"].GetKeyValues(ref names);
        return [.. names.DenseValues()];
    }

    private sealed class Picture
    {
        [KeyType(10)]
        public uint Label { get; set; }

        public float[] Features { get; set; } = [];
    }
}
