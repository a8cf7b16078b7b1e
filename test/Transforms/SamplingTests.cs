using Microsoft.ML;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Export.Steps;
using RealNvp.ML.Transforms;
using RealNvp.ML.Transforms.Noise;

namespace RealNvp.ML.Tests.Transforms;

/// <summary>A row of latents.</summary>
internal sealed class LatentRow
{
    [VectorType(FeatureRow.Size)]
    public float[] Latent { get; set; } = [];
}

public class SamplingTests
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly FlowModel _model = Flows.Random(named: true);

    [Fact]
    public void Rows_near_the_end_of_float32_are_told_once()
    {
        var messages = new List<string>();
        var ml = new MLContext(seed: 1);
        ml.Log += (_, e) => messages.Add(e.RawMessage);
        FlowModel Model(float scale)
            => new(FlowShape.Vector(2),
                [new Standardization([0, 0], [1, 1]), new TailCompression(1), new Standardization([0, 0], [scale, 1])]);
        using RealNvpTransformer flow = new(ml, Model(100)), tame = new(ml, Model(1));
        Assert.All(tame.Sample(100).GetColumn<float[]>("Features"), row => Assert.InRange(row[0], -1e6f, 1e6f));
        Assert.DoesNotContain(messages, message => message.Contains("end of float32", StringComparison.Ordinal));
        for (int i = 0; i < 2; i++)
            Assert.Contains(flow.Sample(100).GetColumn<float[]>("Features"), row => Math.Abs(row[0]) > 1e30f);
        Assert.Single(messages,
            message => message.StartsWith("Drawn rows have values beyond 1E+30, near the end of float32", StringComparison.Ordinal));
    }

    [Fact]
    public void Samples_are_a_view_of_one_column_that_repeats_itself()
    {
        using RealNvpTransformer transformer = new(_ml, _model);
        IDataView samples = transformer.Sample(1000, seed: 3);
        Assert.Equal(1000, samples.GetRowCount());
        DataViewSchema.Column column = Assert.Single(samples.Schema);
        Assert.Equal("Features", column.Name);
        Assert.Equal(new VectorDataViewType(NumberDataViewType.Single, FeatureRow.Size), column.Type);
        VBuffer<ReadOnlyMemory<char>> names = default;
        column.GetSlotNames(ref names);
        Assert.Equal("feature 3", names.GetItemOrDefault(3).ToString());

        float[][] rows = Read(samples);
        Assert.Equal(1000, rows.Length);
        Assert.Equal(rows, Read(samples));
        Assert.Equal(rows[..10], Read(transformer.Sample(10, seed: 3)));
        Assert.Equal(rows, Read(_ml.Data.SampleRealNvp(_model, 1000, seed: 3)));
        Assert.NotEqual(rows, Read(transformer.Sample(1000, seed: 4)));
        Assert.Empty(Read(transformer.Sample(0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => transformer.Sample(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => transformer.Sample(1, temperature: float.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => transformer.Sample(1, temperature: -1));
    }

    [Fact]
    public void Samples_are_the_noise_seen_through_the_flow()
    {
        using RealNvpTransformer transformer = new(_ml, _model);
        var noise = new float[FeatureRow.Size];
        foreach (float temperature in new[] { 1f, 0.5f })
        {
            IDataView scored = transformer.Transform(transformer.Sample(700, seed: 5, temperature));
            long row = 0;
            foreach (float[] latent in scored.GetColumn<float[]>("Latent"))
            {
                new GaussianNoise(5).Fill(row++, noise);
                for (int i = 0; i < noise.Length; i++)
                    Assert.Equal(temperature * noise[i], latent[i], 1e-3);
            }
        }
    }

    [Fact]
    public void Sampler_gives_back_the_features_of_latents()
    {
        FeatureRow[] data = FeatureRow.Many(_model, 300);
        using RealNvpTransformer transformer = new(_ml, _model);
        using RealNvpSampler sampler = transformer.CreateSampler(outputColumnName: "Back");
        IDataView back = sampler.Transform(transformer.Transform(_ml.Data.LoadFromEnumerable(data)));
        float[][] rows = [.. back.GetColumn<float[]>("Back")];
        for (int i = 0; i < data.Length; i++)
        {
            for (int j = 0; j < FeatureRow.Size; j++)
                Assert.Equal(data[i].Features[j], rows[i][j], 1e-3 * Math.Max(1, Math.Abs(rows[i][j])));
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => sampler.Transform(_ml.Data.LoadFromEnumerable(data)));
    }

    [Fact]
    public void Features_of_a_category_stand_together()
    {
        IReadOnlyList<FeatureGroup> groups = FeatureGroup.Of(
            ["weight", "colour.red", "colour.blue", "colour.depth", "colour.tone.dark", "colour.tone.light", "other.a", "x", "x:missing"],
            texts: ["colour", "colour.tone"], numbers: ["weight", "colour.depth", "x"]);
        Assert.Equal(["weight 0 ", "colour 1 red blue", "colour.depth 3 ", "colour.tone 4 dark light", "other.a 6 ", "x 7 "],
            groups.Select(group => $"{group.Name} {group.First} {string.Join(' ', group.Categories)}"));
        float[] row = [1, 0.2f, 0.9f, 3, 0.5f, 0.5f, 1, 3, 0.8f];
        Assert.Equal([null, "blue", null, "dark", null, null], groups.Select(group => group.CategoryOf(row)));
        Assert.Equal([1, 1.1f, 3, 1, 1, 3.8f], groups.Select(group => group.Sum(row)));
        Assert.Equal([false, false, false, false, false, true], groups.Select(group => group.IsMissing(row)));
        row[^1] = 0.2f;
        Assert.False(groups[^1].IsMissing(row));
        Assert.Equal(2, FeatureGroup.Of(["x", "x:missing"], [], ["x", "x:missing"]).Count); // a column of the data's own
    }

    [Fact]
    public void Cursor_sets_share_the_samples_out()
    {
        using RealNvpTransformer transformer = new(_ml, _model);
        IDataView samples = transformer.Sample(2000, seed: 2);
        float[][] expected = Read(samples);
        var found = new float[2000][];
        DataViewRowCursor[] cursors = samples.GetRowCursorSet(samples.Schema, 3);
        Assert.Equal(3, cursors.Length);
        Parallel.ForEach(cursors, cursor =>
        {
            using (cursor)
            {
                ValueGetter<VBuffer<float>> getter = cursor.GetGetter<VBuffer<float>>(samples.Schema[0]);
                ValueGetter<DataViewRowId> idGetter = cursor.GetIdGetter();
                VBuffer<float> value = default;
                DataViewRowId id = default;
                while (cursor.MoveNext())
                {
                    getter(ref value);
                    idGetter(ref id);
                    Assert.Null(found[id.Low]);
                    found[id.Low] = [.. value.DenseValues()];
                }
            }
        });
        Assert.Equal(expected, found);
    }

    [Fact]
    public void Many_samples_take_constant_memory()
    {
        using RealNvpTransformer transformer = new(_ml, _model);
        IDataView samples = transformer.Sample(10_000_000, seed: 2);
        Assert.Equal(10_000_000, samples.GetRowCount());
        using DataViewRowCursor cursor = samples.GetRowCursor(samples.Schema);
        ValueGetter<VBuffer<float>> getter = cursor.GetGetter<VBuffer<float>>(samples.Schema[0]);
        VBuffer<float> value = default;
        long Allocated(int rows)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < rows; i++)
            {
                Assert.True(cursor.MoveNext());
                getter(ref value);
            }
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
        Allocated(20_000); // the first batches bind their tensors
        Assert.True(Allocated(200_000) < 2_000_000, "less than 10 bytes per row: something per batch, nothing per row");
    }

    private static float[][] Read(IDataView view) => [.. view.GetColumn<float[]>("Features")];
}
