using Microsoft.ML;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Columns;
using RealNvp.ML.Transforms.Noise;

namespace RealNvp.ML.Transforms.Alarms;

/// <summary>A calibration for each group of rows, and the common one for groups that have too few rows, or were never seen.</summary>
internal sealed class GroupCalibrations
{
    private const int MostGroups = 100_000;
    private const string Expected = "scores of rows, a Single";

    private readonly SortedDictionary<string, Calibration> _groups;

    private GroupCalibrations(Calibration common, SortedDictionary<string, Calibration> groups) => (Common, _groups) = (common, groups);

    /// <summary>Of all rows together.</summary>
    public Calibration Common { get; }

    /// <summary>Those of groups that have rows enough, by name.</summary>
    public IReadOnlyDictionary<string, Calibration> Groups => _groups;

    /// <summary>The calibration for a row of a group.</summary>
    public Calibration Of(string group) => _groups.GetValueOrDefault(group, Common);

    /// <summary>Reads the scores of a view, and keeps a random thousand of each group that has as many as its threshold needs.</summary>
    /// <param name="scored">The rows, which no flow was trained on.</param>
    /// <param name="scoreColumn">Their scores.</param>
    /// <param name="groupColumn">Their groups.</param>
    /// <param name="contamination">The share to flag.</param>
    /// <param name="tooFew">Receives the groups without a calibration of their own, with their rows.</param>
    /// <exception cref="ArgumentException">A column is missing or of another type, or there is no finite score.</exception>
    public static GroupCalibrations Of(IDataView scored, string scoreColumn, string groupColumn, double contamination,
        Action<IReadOnlyList<(string Group, int Rows)>> tooFew)
    {
        DataViewSchema.Column score = ScoreColumn(scored.Schema, scoreColumn), group = GroupColumn.Find(scored.Schema, groupColumn);
        var common = new Scores(0);
        var groups = new SortedDictionary<string, Scores>(StringComparer.Ordinal);
        using (DataViewRowCursor cursor = scored.GetRowCursor([score, group]))
        {
            ValueGetter<float> getScore = cursor.GetGetter<float>(score);
            Func<string> getGroup = GroupColumn.Names(cursor, group);
            float value = 0;
            while (cursor.MoveNext())
            {
                getScore(ref value);
                if (!float.IsFinite(value))
                    continue;
                common.Offer(value);
                string name = getGroup();
                if (!groups.TryGetValue(name, out Scores? own))
                {
                    if (groups.Count == MostGroups)
                    {
                        throw new ArgumentException($"Column '{groupColumn}' has more than {MostGroups} groups: a threshold for each "
                            + "needs rows enough in each. Name a column of fewer groups.", nameof(scored));
                    }
                    groups.Add(name, own = new Scores(groups.Count + 1));
                }
                own.Offer(value);
            }
        }
        if (groups.Count == 0)
            throw new ArgumentException($"No row has a finite value in column '{scoreColumn}', expected scores to calibrate by.",
                nameof(scored));
        var all = new Calibration(common.Kept, contamination);
        var sufficient = new SortedDictionary<string, Calibration>(StringComparer.Ordinal);
        var few = new List<(string, int)>();
        foreach ((string name, Scores scores) in groups)
        {
            var calibration = new Calibration(scores.Kept, contamination);
            // where nothing is to be flagged, every group has rows enough for that
            if (contamination > 0 && float.IsPositiveInfinity(calibration.Threshold)) few.Add((name, scores.Kept.Count));
            else sufficient.Add(name, calibration);
        }
        if (few.Count > 0)
            tooFew(few);
        return new(all, sufficient);
    }

    /// <summary>The column of scores.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or no Single.</exception>
    public static DataViewSchema.Column ScoreColumn(DataViewSchema schema, string name) => InputColumn.FindSingle(schema, name, Expected);

    /// <summary>The same as far as a schema shape can tell.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is missing or no Single.</exception>
    public static SchemaShape.Column ScoreColumn(SchemaShape shape, string name) => InputColumn.FindSingle(shape, name, Expected);

    /// <summary>Writes this into a model's stream.</summary>
    public void Save(BinaryWriter writer)
    {
        writer.Write(Common.Contamination);
        writer.Write(_groups.Count);
        Write(Common);
        foreach ((string name, Calibration calibration) in _groups)
        {
            writer.Write(name);
            Write(calibration);
        }

        void Write(Calibration calibration)
        {
            writer.Write(calibration.Count);
            foreach (float score in calibration.Scores)
                writer.Write(score);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It did not write this.</exception>
    public static GroupCalibrations Load(BinaryReader reader)
    {
        double contamination = reader.ReadDouble();
        int count = reader.ReadInt32();
        Require(contamination is >= 0 and < 1 && count is >= 0 and <= MostGroups);
        Calibration common = Read();
        var groups = new SortedDictionary<string, Calibration>(StringComparer.Ordinal);
        for (int i = 0; i < count; i++)
            groups[reader.ReadString()] = Read();
        return new(common, groups);

        Calibration Read()
        {
            int scores = reader.ReadInt32();
            Require(scores is >= 0 and <= Calibration.MaxScores);
            var values = new float[scores];
            for (int i = 0; i < scores; i++)
                Require(float.IsFinite(values[i] = reader.ReadSingle()));
            return new Calibration(values, contamination);
        }

        static void Require(bool holds)
        {
            if (!holds)
                throw new InvalidDataException("The saved thresholds by group are damaged.");
        }
    }

    /// <summary>A uniform sample of scores that pass by.</summary>
    private sealed class Scores(int seed)
    {
        private readonly ReservoirPlaces _places = new(Calibration.MaxScores, new Random(seed));

        public List<float> Kept { get; } = [];

        public void Offer(float score)
        {
            if (_places.Next() is not { } place)
                return;
            if (place == Kept.Count)
                Kept.Add(score);
            else
                Kept[place] = score;
        }
    }
}
