using System.Collections.Immutable;
using RealNvp.ML.Pretrained.Graphs;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Images.Cropping;

namespace RealNvp.ML.Pretrained.Features;

/// <summary>What a transform of pictures into features does, as data.</summary>
/// <param name="Cropping">The columns, and which part of a picture the net sees.</param>
/// <param name="Recipe">What becomes of it.</param>
/// <param name="Dimensions">Of the net's tensors, without that of the batch.</param>
/// <param name="Digest">SHA-256 of the net's file.</param>
/// <param name="MeanDigest">SHA-256 of the file with the mean image; empty where there is none.</param>
internal sealed record FeatureSettings(ImageCropping Cropping, FeatureRecipe Recipe, ImmutableArray<ImmutableArray<int>> Dimensions,
    string Digest, string MeanDigest)
{
    /// <summary>No vector has more values.</summary>
    private const long MostValues = 1 << 26;

    /// <summary>The shape of the features: values, or channels, height and width.</summary>
    public ImmutableArray<int> Shape { get; } = FeatureGraph.Shape(Recipe, Dimensions);

    /// <summary>The features of a picture.</summary>
    public int Size => Shape.Aggregate((a, b) => a * b);

    /// <summary>Looks into the net's file for the dimensions of its tensors.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="ArgumentException">A tensor is missing, or is none of features.</exception>
    public static FeatureSettings Of(ImageCropping cropping, FeatureRecipe recipe)
    {
        byte[] net = NetFile.Read(recipe.File, null);
        string mean = recipe.MeanFile is { } file ? NetFile.Digest(NetFile.Read(file, null)) : "";
        return new FeatureSettings(cropping.Checked(), recipe, FeatureGraph.Dimensions(recipe, net), NetFile.Digest(net), mean).Checked();
    }

    /// <summary>The graph from pixels to features, as ONNX.</summary>
    /// <exception cref="FileNotFoundException">The net's file is nowhere.</exception>
    /// <exception cref="InvalidDataException">It is another file.</exception>
    public Export.Onnx.ModelProto BuildGraph() => FeatureGraph.Build(Recipe, Dimensions, NetFile.Read(Recipe.File, Digest),
        Recipe.MeanFile is { } file ? NetFile.Read(file, MeanDigest) : null);

    /// <summary>Writes this into a model's stream.</summary>
    public void Save(BinaryWriter writer)
    {
        Cropping.Save(writer);
        foreach (string text in (string[])[Recipe.File, Recipe.MeanFile ?? "", Recipe.Input, Digest, MeanDigest])
            writer.Write(text);
        writer.Write(Recipe.IsBgr);
        foreach (float number in (float[])[Recipe.Scale, .. Recipe.Mean, .. Recipe.Deviation])
            writer.Write(number);
        writer.Write(Recipe.IsPooled);
        writer.Write(Recipe.Normalize);
        writer.Write(Recipe.Grid?.Height ?? 0);
        writer.Write(Recipe.Grid?.Width ?? 0);
        writer.Write(Recipe.Tensors.Length);
        for (int i = 0; i < Recipe.Tensors.Length; i++)
        {
            writer.Write(Recipe.Tensors[i]);
            writer.Write(Dimensions[i].Length);
            foreach (int length in Dimensions[i])
                writer.Write(length);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It did not write this.</exception>
    public static FeatureSettings Load(BinaryReader reader)
    {
        ImageCropping cropping = ImageCropping.Load(reader);
        string file = reader.ReadString(), mean = reader.ReadString(), input = reader.ReadString();
        string digest = reader.ReadString(), meanDigest = reader.ReadString();
        bool isBgr = reader.ReadBoolean();
        float scale = reader.ReadSingle();
        ImmutableArray<float> means = Three(), deviations = Three();
        bool isPooled = reader.ReadBoolean(), normalize = reader.ReadBoolean();
        (int Height, int Width) grid = (reader.ReadInt32(), reader.ReadInt32());
        int count = Length(reader.ReadInt32(), 1, 1 << 10);
        var tensors = ImmutableArray.CreateBuilder<string>(count);
        var dimensions = ImmutableArray.CreateBuilder<ImmutableArray<int>>(count);
        for (int i = 0; i < count; i++)
        {
            tensors.Add(reader.ReadString());
            int rank = Length(reader.ReadInt32(), 1, 3);
            dimensions.Add([.. Enumerable.Range(0, rank).Select(_ => Length(reader.ReadInt32(), 1, 1 << 24))]);
        }
        var recipe = new FeatureRecipe(file, mean.Length > 0 ? mean : null, input, cropping.Target.Height, cropping.Target.Width, isBgr,
            scale, means, deviations, tensors.ToImmutable(), isPooled,
            grid == (0, 0) ? null : (Length(grid.Height, 1, 1 << 13), Length(grid.Width, 1, 1 << 13)), normalize);
        return new FeatureSettings(cropping, recipe, dimensions.ToImmutable(), digest, meanDigest).Checked();

        ImmutableArray<float> Three() => [reader.ReadSingle(), reader.ReadSingle(), reader.ReadSingle()];

        static int Length(int value, int least, int most) => value >= least && value <= most
            ? value
            : throw new InvalidDataException($"a length is {value}, expected {least} to {most}");
    }

    private FeatureSettings Checked()
    {
        long size = Shape.Aggregate(1L, (a, b) => a * b);
        return size <= MostValues ? this : throw new ArgumentException(
            $"The features of a picture would be {string.Join(" x ", Shape)} values, expected at most {MostValues}: name fewer maps, or a "
            + "smaller grid.");
    }
}
