using System.IO.Compression;
using System.Security.Cryptography;
using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Bench.Survival;

/// <summary>What is done with a damaged file of each kind, and the whole files that are damaged.</summary>
internal sealed class Victims : IDisposable
{
    private const int Steps = 8;
    private const string Schema = "Schema"; // ML.NET's name of the entry

    private readonly MLContext _ml = new(seed: 1);
    private readonly Scratch _folder = new();
    private readonly IDataView _table, _images;
    private readonly byte[][] _flows, _zips;
    private readonly HashSet<string> _schemas;
    private readonly string _hash;
    private readonly string _checkpoint;

    public Victims()
    {
        _table = SmallTrainings.Rows(_ml, images: false, count: 24);
        _images = SmallTrainings.Rows(_ml, images: true, count: 12);
        using RealNvpTransformer table = SmallTrainings.Fit("table", Steps), mixture = SmallTrainings.Fit("mixture", Steps),
            density = SmallTrainings.Fit("density", Steps), image = SmallTrainings.Fit("image", Steps);
        _flows = [.. new[] { table, mixture, density, image }.Select(model => Bytes(model.Model.Save))];
        using RealNvpSampler sampler = table.CreateSampler();
        _zips = [.. new[]
        {
            (ITransformer)_ml.Transforms.CopyColumns("Copy", "Features").Append(_ml.Transforms.ApplyRealNvp(table.Model)).Fit(_table),
            sampler, image, _ml.Transforms.Lags("Before", ["Features"], [1, 2]).Fit(_table),
        }.Select(model => Bytes(stream => _ml.Model.Save(model, _table.Schema, stream)))];
        _schemas = [.. _zips.SelectMany(Entries).Where(entry => entry.Name == Schema).Select(entry => Convert.ToHexString(entry.Content))];
        using RealNvpTransformer trained = SmallTrainings.Fit("averaged", Steps, _folder["whole"]);
        _hash = SmallTrainings.Hash(trained.Model);
        _checkpoint = Directory.GetFiles(_folder["whole"]).Order(StringComparer.Ordinal).Last();
    }

    /// <summary>Damages a file of a kind by a number; what is returned uses it, and gives what came of it.</summary>
    public Func<string> Damage(string kind, int number)
    {
        var random = new Random(1_000_003 * kind.Length + number);
        switch (kind)
        {
            case MutateCheck.Flow:
                byte[] flow = DamagedFlow(random, number);
                return () => UseFlow(flow, number);
            case MutateCheck.Zip:
                byte[] zip = DamagedZip(random, number);
                return () => UseZip(zip);
            default:
                string folder = DamagedCheckpoint(random, number);
                return () => UseCheckpoint(folder);
        }
    }

    public void Dispose() => _folder.Dispose();

    private byte[] DamagedFlow(Random random, int number)
    {
        byte[] file = _flows[random.Next(_flows.Length)];
        return (number % 10) switch
        {
            < 2 => ByteMutation.Of(file, random),
            < 4 => FlowMutation.Sealed(file, ByteMutation.Of(FlowMutation.Content(file), random)),
            _ => FlowMutation.Of(file, random),
        };
    }

    private string UseFlow(byte[] file, int number)
    {
        FlowModel model = FlowModel.Load(new MemoryStream(file));
        model.Summary();
        IDataView rows = model.InputShape.IsImage ? _images : _table;
        if (model.InputShape.Size != (model.InputShape.IsImage ? 64 : 4))
            return "loaded, of another shape";
        using var flow = (RealNvpTransformer)_ml.Transforms.ApplyRealNvp(model).Fit(rows);
        float[] scores = [.. flow.Transform(rows).GetColumn<float>("Score")];
        _ = flow.Sample(3).GetColumn<float[]>("Features").Count();
        model.Save(Stream.Null);
        if (number % 4 == 0)
        {
            flow.ExportDensity(_folder["density.onnx"]);
            flow.ExportSampler(_folder["sampler.onnx"]);
        }
        return scores.All(float.IsFinite) ? "loaded" : "loaded, scores that are not finite";
    }

    private byte[] DamagedZip(Random random, int number)
    {
        byte[] file = _zips[random.Next(_zips.Length)];
        if (number % 2 == 0)
            return ByteMutation.Of(file, random);
        List<(string Name, byte[] Content)> entries = [.. Entries(file)];
        int at = random.Next(entries.Count), other = random.Next(entries.Count);
        if (entries[at].Name == Schema || entries[other].Name == Schema)
            return ByteMutation.Of(file, random);
        (string name, byte[] content) = entries[at];
        switch (random.Next(8))
        {
            case 0: entries.RemoveAt(at); break;
            case 1: (entries[at], entries[other]) = ((name, entries[other].Content), (entries[other].Name, content)); break;
            case 2: entries.Add((name, ByteMutation.Of(content, random))); break;
            default: entries[at] = (name, ByteMutation.Of(content, random)); break;
        }
        return Zip(entries);
    }

    private string UseZip(byte[] file)
    {
        if (!SchemaIsWhole(file))
            return "not tried: ML.NET's own schema is damaged";
        ITransformer model = _ml.Model.Load(new MemoryStream(file), out _);
        using var disposable = model as IDisposable;
        IDataView rows = _table;
        IEnumerable<ITransformer> parts = model as IEnumerable<ITransformer> ?? [model];
        if (parts.Any(part => part is RealNvpSampler))
            rows = _ml.Transforms.CopyColumns("Latent", "Features").Fit(_table).Transform(_table);
        else if (parts.OfType<RealNvpTransformer>().Any(flow => flow.Model.InputShape.IsImage))
            rows = _images;
        IDataView result = model.Transform(rows);
        if (result.Schema.GetColumnOrNull("Score") is not null)
            _ = result.GetColumn<float>("Score").Count();
        return "loaded";
    }

    /// <summary>ML.NET reads its binary schema without end where a count in it is wrong: no loader of ours is reached.</summary>
    private bool SchemaIsWhole(byte[] file)
    {
        try
        {
            return Entries(file).Where(entry => entry.Name == Schema).All(entry => _schemas.Contains(Convert.ToHexString(entry.Content)));
        }
        catch (Exception e) when (e is InvalidDataException or IOException or NotSupportedException or ArgumentException)
        {
            return true; // nothing that could be read without end
        }
    }

    private string DamagedCheckpoint(Random random, int number)
    {
        string folder = _folder["damaged"];
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        byte[] whole = File.ReadAllBytes(_checkpoint), damaged = ByteMutation.Of(number % 2 == 0 ? whole : whole[..^32], random);
        if (number % 2 == 1)
            damaged = [.. damaged, .. SHA256.HashData(damaged)];
        File.WriteAllBytes(Path.Combine(folder, Path.GetFileName(_checkpoint)), damaged);
        return folder;
    }

    private string UseCheckpoint(string folder)
    {
        using RealNvpTransformer model = SmallTrainings.Fit("averaged", Steps, folder);
        return SmallTrainings.Hash(model.Model) == _hash ? "the same weights" : "other weights";
    }

    private static IEnumerable<(string Name, byte[] Content)> Entries(byte[] file)
    {
        using var archive = new ZipArchive(new MemoryStream(file));
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            using Stream stream = entry.Open();
            yield return (entry.FullName, Bytes(stream.CopyTo));
        }
    }

    private static byte[] Zip(List<(string Name, byte[] Content)> entries) => Bytes(stream =>
    {
        using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        foreach ((string name, byte[] content) in entries)
        {
            using Stream entry = archive.CreateEntry(name, CompressionLevel.Fastest).Open();
            entry.Write(content);
        }
    });

    private static byte[] Bytes(Action<Stream> write)
    {
        using var stream = new MemoryStream();
        write(stream);
        return stream.ToArray();
    }
}
