using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Microsoft.ML.Transforms.Image;
using RealNvp.ML.Pretrained;
using RealNvp.ML.Tests.Transforms.Images;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tests.Pretrained;

/// <summary>The net of the package, beside ML.NET's own transformer of it and beside its file in ONNX Runtime.</summary>
public sealed class ResNet18Tests
{
    private const int Side = 224;

    private readonly MLContext _ml = new(seed: 1);

    [Fact]
    public void Pooled_vectors_are_those_of_DnnFeaturizeImage_in_any_batch()
    {
        IDataView pictures = Pictures.Load(_ml, 3, Side, Side);
        IDataView resized = _ml.Transforms.ResizeImages("Sized", Side, Side, "Image").Fit(pictures).Transform(pictures);
        IEstimator<ITransformer> stock = _ml.Transforms.ExtractPixels("Pixels", "Sized").Append(_ml.Transforms.DnnFeaturizeImage("Stock",
            input => input.ModelSelector.ResNet18(_ml, input.OutputColumn, input.InputColumn), "Pixels"));
        float[][] expected = [.. stock.Fit(resized).Transform(resized).GetColumn<float[]>("Stock")];
        Assert.NotInRange(Distance(expected[0], expected[1]), 0, 1);

        Near(expected, Features(normalize: false, batchSize: 2, backbone: null), 1e-5);
        float[][] unit = [.. expected.Select(row => Array.ConvertAll(row, value => value / Norm(row)))];
        Near(unit, Features(normalize: null, batchSize: 3, backbone: Backbone.ResNet18), 1e-5);

        float[][] Features(bool? normalize, int batchSize, Backbone? backbone)
        {
            using PretrainedFeaturesTransformer net = _ml.Transforms.PretrainedFeatures("Features", "Image", normalize: normalize,
                batchSize: batchSize, backbone: backbone).Fit(pictures);
            Assert.Equal([512], net.FeatureShape);
            return [.. net.Transform(pictures).GetColumn<float[]>("Features")];
        }
    }

    [Fact]
    public void Maps_are_those_of_the_file_with_more_outputs_brought_to_one_grid()
    {
        const int Grid = 28;
        IDataView pictures = Pictures.Load(_ml, 2, Side, Side);
        using PretrainedFeaturesTransformer net = _ml.Transforms.PretrainedFeatures("Maps", maps: ["layer1", "layer2", "ReLU347_Output_0"],
            grid: (Grid, Grid)).Fit(pictures);
        Assert.Equal([448, Grid, Grid], net.FeatureShape);
        IDataView mapped = net.Transform(pictures);
        Assert.Equal([448, Grid, Grid], ((VectorDataViewType)mapped.Schema["Maps"].Type).Dimensions);
        float[] found = mapped.GetColumn<float[]>("Maps").Last();

        (float[] layer1, float[] layer2, float[] layer3) = Outputs(Pictures.Planar(1, Side, Side));
        double[] expected = [.. OnGrid(layer1, 64, 56), .. layer2.Select(value => (double)value), .. OnGrid(layer3, 256, 14)];
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < found.Length; i++)
            Assert.Equal(expected[i], found[i], 1e-4 * Math.Max(1, Math.Abs(expected[i])));

        // between the centres of positions, linear; which for half the size is the mean of four
        static IEnumerable<double> OnGrid(float[] map, int channels, int side)
        {
            for (int i = 0; i < channels * Grid * Grid; i++)
            {
                (int channel, double y, double x) = (i / (Grid * Grid), At(i / Grid % Grid, side), At(i % Grid, side));
                (int top, int left) = (Math.Min((int)y, side - 2), Math.Min((int)x, side - 2));
                (double down, double right) = (y - top, x - left);
                double Value(int row, int column) => map[channel * side * side + (top + row) * side + left + column];
                yield return (1 - down) * ((1 - right) * Value(0, 0) + right * Value(0, 1))
                    + down * ((1 - right) * Value(1, 0) + right * Value(1, 1));
            }
        }

        static double At(int position, int side) => Math.Clamp((position + 0.5) * side / Grid - 0.5, 0, side - 1);
    }

    [Fact]
    public void Pictures_of_any_size_are_scaled_to_what_the_net_reads_and_given_on()
    {
        // the whole picture, stretched, by default; and its centre where that is said
        IDataView pictures = Pictures.Load(_ml, 5, 40, 60);
        using PretrainedFeaturesTransformer whole = _ml.Transforms.PretrainedFeatures().Fit(pictures),
            centre = _ml.Transforms.PretrainedFeatures(crop: ImageCrop.Center).Fit(pictures);
        IDataView cropped = _ml.Transforms.CropImages("Cut", Side, Side, ImageCrop.Center, "Image").Fit(pictures).Transform(pictures);
        using PretrainedFeaturesTransformer cut = _ml.Transforms.PretrainedFeatures("Features", "Cut").Fit(cropped);
        float[][] expected = [.. cut.Transform(cropped).GetColumn<float[]>("Features")];
        Near(expected, [.. centre.Transform(pictures).GetColumn<float[]>("Features")], 1e-6);

        IDataView read = whole.Transform(pictures);
        var features = new List<float[]>();
        foreach (Read row in _ml.Data.CreateEnumerable<Read>(read, reuseRowObject: false)) // an image is there until the next one is
        {
            int red = row.Image.PixelFormat == MLPixelFormat.Bgra32 ? 2 : 0;
            Assert.Equal((features.Count, 40, 60, Pictures.Level(features.Count, 0, 7, 9)),
                ((int)row.Number, row.Image.Height, row.Image.Width, row.Image.Pixels[(7 * 60 + 9) * 4 + red]));
            features.Add(row.Features);
        }
        Assert.Equal(5, features.Count);
        Assert.NotInRange(Distance(expected[4], features[4]), 0, 0.01);
        using var engine = _ml.Model.CreatePredictionEngine<Pictures.Row, Read>(whole,
            new PredictionEngineOptions { OwnsTransformer = false, InputSchemaDefinition = Pictures.Schema(40, 60) });
        Pictures.Row one = _ml.Data.CreateEnumerable<Pictures.Row>(pictures, reuseRowObject: false).ElementAt(3);
        Near([features[3]], [engine.Predict(one).Features], 1e-6);
    }

    /// <summary>Outputs added to the file by appending a message, which protobuf reads as one with it.</summary>
    private static (float[], float[], float[]) Outputs(float[] pixels)
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "DnnImageModels");
        using var before = new InferenceSession(Path.Combine(folder, "ResNetPrepOnnx", "ResNetPreprocess.onnx"));
        using var prepared = before.Run([Named("OriginalInput", new DenseTensor<float>(pixels, [1, 3, Side, Side]))]);
        string[] names = ["ReLU283_Output_0", "ReLU315_Output_0", "ReLU347_Output_0"];
        byte[] more = [.. names.SelectMany(name =>
        {
            byte[] value = [0x0a, (byte)name.Length, .. name.Select(letter => (byte)letter), 0x12, 4, 0x0a, 2, 0x08, 1]; // float
            byte[] output = [0x62, (byte)value.Length, .. value]; // field 12 of the graph
            return (byte[])[0x3a, (byte)output.Length, .. output]; // field 7 of the model
        })];
        using var net = new InferenceSession([.. File.ReadAllBytes(Path.Combine(folder, "ResNet18Onnx", "ResNet18.onnx")), .. more]);
        using var maps = net.Run([Named("Input247", prepared[0].AsTensor<float>())], names);
        return (maps[0].AsEnumerable<float>().ToArray(), maps[1].AsEnumerable<float>().ToArray(), maps[2].AsEnumerable<float>().ToArray());

        static NamedOnnxValue Named(string name, Tensor<float> value) => NamedOnnxValue.CreateFromTensor(name, value);
    }

    private static void Near(float[][] expected, float[][] found, double relative)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.InRange(Distance(expected[i], found[i]), 0, relative * Norm(expected[i]));
    }

    private static double Distance(float[] a, float[] b) => Norm([.. a.Zip(b, (left, right) => left - right)]);

    private static float Norm(float[] row) => (float)Math.Sqrt(row.Sum(value => (double)value * value));

    private sealed class Read
    {
        public float Number { get; set; }

        [ImageType(40, 60)]
        public MLImage Image { get; set; } = null!;

        public float[] Features { get; set; } = [];
    }
}
