#:project ../../src/Trainers/RealNvp.ML.Trainers.csproj
// The first figure of the paper with two moons: the data, the same rows as the flow's noise, rows that it draws, and its density.
// With FOLDER its two graphs are exported there, for samples/Browser.
// Usage: dotnet run samples/quick/two-moons.cs [PICTURE.png [STEPS [FOLDER]]]

using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

if (args is ["--help" or "-h" or "-?"])
{
    Console.WriteLine("Usage: dotnet run samples/quick/two-moons.cs [PICTURE.png [STEPS [FOLDER]]]: two moons and their flow.");
    return;
}
const int Side = 320, Gap = 10;
var random = new Random(1);
float[][] moons = [.. Enumerable.Range(0, 4000).Select(i =>
{
    double turn = Math.PI * random.NextDouble(), away = i % 2;
    return new[] { (float)(Math.Cos(turn) * (1 - 2 * away) + away), (float)(Math.Sin(turn) * (1 - 2 * away) + away / 2) }
        .Select(x => x + 0.08f * (float)(random.NextDouble() + random.NextDouble() - 1)).ToArray();
})];

var mlContext = new MLContext(seed: 1);
RealNvpTrainer.Options options = RealNvpTrainer.Options.ForDensity();
options.Steps = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 4000;
using RealNvpTransformer flow = mlContext.AnomalyDetection.Trainers.RealNvp(options).Fit(Rows(moons));

// a mesh over the plane, for the density at its points
float[][] mesh = [.. from y in Enumerable.Range(0, Side) from x in Enumerable.Range(0, Side) select new[] { X(x), Y(y) }];
float[] density = [.. flow.Transform(Rows(mesh)).GetColumn<float>("LogLikelihood").Select(MathF.Exp)];

byte[] pixels = new byte[(4 * Side + 3 * Gap) * Side * 4];
pixels.AsSpan().Fill(255);
Dots(0, moons, 0.5, 0.25, 1.6);
Dots(1, [.. flow.Transform(Rows(moons)).GetColumn<float[]>("Latent")], 0, 0, 3.5);
Dots(2, [.. flow.Sample(count: moons.Length, seed: 1).GetColumn<float[]>("Features")], 0.5, 0.25, 1.6);
float highest = density.Max();
for (int i = 0; i < mesh.Length; i++)
    Paint(3 * (Side + Gap) + i % Side, i / Side, (byte)(255 - 255 * Math.Min(1, density[i] / highest * 1.5)));

using MLImage picture = MLImage.CreateFromPixels(4 * Side + 3 * Gap, Side, MLPixelFormat.Rgba32, pixels);
string file = args.FirstOrDefault() ?? "two-moons.png";
picture.SavePng(file);
Console.WriteLine($"{file}: data, latent, samples, density");
if (args.Length > 2)
{
    RealNvpColumns columns = new() { Contributions = "Contributions" }; // a column that costs, so only where named
    using RealNvpTransformer explaining = mlContext.Transforms.ApplyRealNvp(flow.Model, columns: columns).Fit(Rows(moons));
    explaining.ExportDensity(Path.Combine(args[2], "density.onnx"), optionalInputs: false); // a browser warns of them
    explaining.ExportSampler(Path.Combine(args[2], "sampler.onnx"), optionalInputs: false);
    Console.WriteLine($"{args[2]}: density.onnx, sampler.onnx");
}

float X(int pixel) => (float)(0.5 + 1.6 * (2.0 * pixel / Side - 1));
float Y(int pixel) => (float)(0.25 - 1.6 * (2.0 * pixel / Side - 1));

void Dots(int panel, float[][] points, double centerX, double centerY, double half)
{
    foreach (float[] point in points)
    {
        double x = (1 + (point[0] - centerX) / half) / 2 * Side, y = (1 - (point[1] - centerY) / half) / 2 * Side;
        if (x is >= 1 and < Side && y is >= 1 and < Side)
            Paint(panel * (Side + Gap) + (int)x, (int)y, 40);
    }
}

void Paint(int x, int y, byte grey)
{
    int at = (y * (4 * Side + 3 * Gap) + x) * 4;
    (pixels[at], pixels[at + 1], pixels[at + 2]) = (grey, (byte)(grey + (255 - grey) / 5), (byte)(grey + (255 - grey) / 3));
}

IDataView Rows(float[][] points) => mlContext.Data.LoadFromEnumerable(points.Select(point => new Point { Features = point }));

internal sealed class Point
{
    [VectorType(2)]
    public float[] Features { get; set; } = [];
}
