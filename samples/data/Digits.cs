using System.Globalization;
using System.IO.Compression;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace RealNvp.ML.Samples;

/// <summary>The handwritten digits (README.md beside this file): images of 8 x 8 pixels and 17 levels.</summary>
public static class Digits
{
    /// <summary>The levels of a pixel: 0, no ink, to 16.</summary>
    public const int Levels = 17;

    /// <summary>Pixels of an image.</summary>
    public const int Pixels = Side * Side;

    /// <summary>Pixels in a row and rows of an image.</summary>
    public const int Side = 8;

    /// <summary>Classes of digits.</summary>
    public const int Classes = 10;

    private const int Count = 1797, Test = 359;

    /// <summary>The copy beside the executable.</summary>
    public static string Path { get; } = System.IO.Path.Combine(AppContext.BaseDirectory, "digits.csv.gz");

    /// <summary>Reads the file and splits it, always in the same way: 1438 images to train on and 359 to test.</summary>
    /// <exception cref="InvalidDataException">The file is not this data set.</exception>
    public static (Digit[] Train, Digit[] Test) Load(string path)
    {
        var rows = new List<Digit>();
        using (var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress)))
        {
            while (reader.ReadLine() is { } line)
            {
                float[] row = [.. line.Split(',').Select(cell => float.Parse(cell, CultureInfo.InvariantCulture))];
                if (row.Length != Pixels + 1 || !row.All(level => level is >= 0 and < Levels && level == (int)level))
                    throw new InvalidDataException($"'{path}' holds the line '{line}', expected {Pixels} levels from 0 to {Levels - 1} "
                        + "and a digit.");
                rows.Add(new Digit { Features = row[..Pixels], Label = row[Pixels], Class = OneHot((int)row[Pixels]) });
            }
        }
        if (rows.Count != Count)
            throw new InvalidDataException($"'{path}' holds {rows.Count} images, expected {Count}.");
        Digit[] shuffled = [.. rows];
        new Random(1).Shuffle(shuffled);
        return (shuffled[Test..], shuffled[..Test]);
    }

    /// <summary>A digit as the condition of a flow: ten numbers, of which its own is 1.</summary>
    public static float[] OneHot(int digit) => [.. Enumerable.Range(0, Classes).Select(i => i == digit ? 1f : 0)];

    /// <summary>
    /// Images as a view whose column <c>Features</c> says that they are images: Vector of Single, 1 channel, 8, 8; and the column
    /// <c>Class</c>, their classes.
    /// </summary>
    public static IDataView View(MLContext mlContext, IEnumerable<Digit> images)
    {
        var schema = SchemaDefinition.Create(typeof(Digit));
        schema[nameof(Digit.Features)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 1, Side, Side);
        schema[nameof(Digit.Class)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, Classes);
        return mlContext.Data.LoadFromEnumerable(images, schema);
    }
}

/// <summary>One image.</summary>
public sealed class Digit
{
    /// <summary>Levels, row by row from the top.</summary>
    public float[] Features { get; set; } = [];

    /// <summary>The digit that was written, 0 to 9.</summary>
    public float Label { get; set; }

    /// <summary>The same as the condition of a flow, by <see cref="Digits.OneHot"/>; NaN where it is not known.</summary>
    public float[] Class { get; set; } = [.. Enumerable.Repeat(float.NaN, Digits.Classes)];

    /// <summary>The same image given another class, or none.</summary>
    public Digit Given(int? digit)
        => new() { Features = Features, Label = Label, Class = digit is { } known ? Digits.OneHot(known) : new Digit().Class };
}
