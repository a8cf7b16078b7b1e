using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Noise;
using RealNvp.ML.Transforms.Onnx;

namespace RealNvp.ML.Transforms.Sampling;

/// <summary>
/// Fills the missing values of rows from p(missing | the others), for which a coupling flow has no closed form: chains over the missing
/// values, which need the log-likelihood alone, by differential evolution (ter Braak, "A Markov Chain Monte Carlo version of the genetic
/// algorithm Differential Evolution", Statistics and Computing 16, 2006). Steps are differences between other chains, so that they have the
/// scale and the correlations of what is missing. Half of the chains move at a time, by the differences of the other half, which leaves
/// the density as it is when they move together.
/// </summary>
internal sealed class Imputer
{
    /// <summary>Rows drawn for each row, whose values at the missing places are where chains may begin.</summary>
    private const int Pool = 512;

    private const int Chains = 64, Half = Chains / 2, Rounds = 150, Climbs = 60;

    /// <summary>Rows that move together: batches of about a thousand.</summary>
    private const int Together = 32;

    private readonly FlowRuntime _runtime;
    private readonly FlowModel _model;
    private readonly GaussianNoise _noise;
    private readonly UniformNoise _chance;
    private readonly bool _climbs;
    private readonly int _size;

    /// <summary>An imputer; row i's values depend on the seed and i alone.</summary>
    /// <param name="runtime">Scores, and draws where chains begin.</param>
    /// <param name="model">The flow.</param>
    /// <param name="mostLikely">Whether chains end at the most likely values, or at a draw.</param>
    /// <param name="seed">Which draws.</param>
    public Imputer(FlowRuntime runtime, FlowModel model, bool mostLikely, int seed)
    {
        (_runtime, _model, _climbs, _size) = (runtime, model, mostLikely, model.InputShape.Size);
        (_noise, _chance) = (new GaussianNoise(seed), new UniformNoise(seed));
    }

    /// <summary>Fills the NaN values of rows in place.</summary>
    /// <param name="rows">Rows of the flow's size.</param>
    /// <param name="conditions">One for each row where the flow has a condition.</param>
    public void Fill(float[][] rows, IReadOnlyList<float[]>? conditions)
    {
        var incomplete = new List<IncompleteRow>();
        for (int i = 0; i < rows.Length; i++)
        {
            int[] places = [.. Enumerable.Range(0, _size).Where(j => float.IsNaN(rows[i][j]))];
            if (places.Length > 0)
                incomplete.Add(new(i, rows[i], places, conditions?[i] ?? []));
        }
        foreach (IncompleteRow[] group in incomplete.Chunk(Together))
        {
            foreach (IncompleteRow row in group)
                Begin(row);
            for (int round = 0; round < Rounds + (_climbs ? Climbs : 0); round++)
            {
                Move(group, round, firstHalf: true);
                Move(group, round, firstHalf: false);
            }
            foreach (IncompleteRow row in group)
                row.Put(_climbs ? row.Best : row.States[(int)(Chances(row, round: -1, chain: 0, 1)[0] * Chains)]);
        }
    }

    /// <summary>Chains begin at values of drawn rows, resampled by how likely they are beside what is known.</summary>
    private void Begin(IncompleteRow row)
    {
        float[] latents = new float[Pool * _size], members = new float[_model.IsMixture ? Pool : 0];
        var noise = new LatentNoise(_model, _noise);
        for (int i = 0; i < Pool; i++)
        {
            long number = (long)row.Number * Pool + i;
            int member = noise.Fill(number, latents.AsSpan(i * _size, _size));
            if (members.Length > 0)
                members[i] = member;
        }
        float[] conditions = Repeated(row.Condition, Pool);
        float[] drawn = _runtime.Features(latents, members, conditions);
        var values = new float[Pool][];
        for (int i = 0; i < Pool; i++)
            values[i] = [.. row.Places.Select(place => drawn[i * _size + place])];
        for (int j = 0; j < row.Places.Length; j++)
            row.Scales[j] = Deviation([.. values.Select(value => value[j])]);

        float[] likely = LogLikelihoods([row], [values]);
        double largest = likely.Where(float.IsFinite).DefaultIfEmpty(0).Max();
        double[] weights = [.. likely.Select(value => float.IsFinite(value) ? Math.Exp(value - largest) : 0)];
        if (weights.Sum() == 0)
            Array.Fill(weights, 1);
        double step = weights.Sum() / Chains, at = Chances(row, -2, 0, 1)[0] * step, sum = 0;
        int taken = 0;
        for (int i = 0; i < Pool && taken < Chains; i++)
        {
            for (sum += weights[i]; taken < Chains && at < sum; at += step)
                row.Take(taken++, values[i], likely[i]);
        }
        for (; taken < Chains; taken++) // rounding of the sum
            row.Take(taken, row.States[0], row.Likely[0]);
        row.Interleave();
    }

    private void Move(IncompleteRow[] group, int round, bool firstHalf)
    {
        bool climbs = round >= Rounds;
        float[][][] proposals = [.. group.Select(row
            => Enumerable.Range(0, Half).Select(i => Proposal(row, round, i, firstHalf, climbs)).ToArray())];
        float[] likely = LogLikelihoods(group, proposals);
        for (int r = 0; r < group.Length; r++)
        {
            IncompleteRow row = group[r];
            for (int i = 0; i < Half; i++)
            {
                int chain = firstHalf ? i : Half + i;
                double gain = (double)likely[r * Half + i] - row.Likely[chain];
                // written so that a NaN stays
                if (climbs ? gain > 0 : gain >= 0 || Math.Log(Chances(row, round, chain, 1)[0]) < gain)
                    row.Take(chain, proposals[r][i], likely[r * Half + i]);
            }
        }
    }

    /// <summary>
    /// A difference of two chains of the other half, of ter Braak's length or, one time in ten, whole, which leads from mode to mode; or
    /// one value by a step of any scale.
    /// </summary>
    private float[] Proposal(IncompleteRow row, int round, int i, bool firstHalf, bool climbs)
    {
        int chain = firstHalf ? i : Half + i, other = firstHalf ? Half : 0, count = row.Places.Length;
        double[] chances = Chances(row, round, chain, 6);
        float[] from = row.States[chain], proposal = [.. from];
        Span<float> noise = stackalloc float[1];
        if (chances[1] < 0.3)
        {
            int j = (int)(chances[2] * count);
            _noise.Fill(NoiseRow(row, round, chain), noise);
            proposal[j] += noise[0] * row.Scales[j] * (float)Math.Pow(10, -3 * chances[3]);
            return proposal;
        }
        int a = (int)(chances[2] * Half), b = (int)(chances[3] * (Half - 1));
        b += b >= a ? 1 : 0;
        double length = chances[4] < 0.1 ? 1 : 2.38 / Math.Sqrt(2 * count);
        _noise.Fill(NoiseRow(row, round, chain), noise);
        for (int j = 0; j < count; j++)
        {
            double step = length * (row.States[other + a][j] - row.States[other + b][j]) + 1e-5 * row.Scales[j] * noise[0];
            if (climbs)
                step += chances[5] * (row.Best[j] - from[j]);
            proposal[j] += (float)step;
        }
        return proposal;
    }

    // rows of noise that Begin does not use
    private static long NoiseRow(IncompleteRow row, int round, int chain)
        => (1L << 40) + ((long)row.Number * (Rounds + Climbs) + round) * Chains + chain;

    private double[] Chances(IncompleteRow row, int round, int chain, int count)
    {
        var values = new double[count];
        _chance.Fill(row.Number, (round + 2) * Chains + chain, values);
        return values;
    }

    private float[] LogLikelihoods(IncompleteRow[] rows, float[][][] values)
    {
        int each = values[0].Length;
        var filled = new float[rows.Length * each * _size];
        for (int r = 0; r < rows.Length; r++)
        {
            for (int i = 0; i < each; i++)
            {
                Span<float> target = filled.AsSpan((r * each + i) * _size, _size);
                rows[r].Row.CopyTo(target);
                for (int j = 0; j < rows[r].Places.Length; j++)
                    target[rows[r].Places[j]] = values[r][i][j];
            }
        }
        return _runtime.LogLikelihoods(filled, [.. rows.SelectMany(row => Repeated(row.Condition, each))]);
    }

    private static float[] Repeated(float[] values, int times) => [.. Enumerable.Repeat(values, times).SelectMany(value => value)];

    private static float Deviation(float[] values)
    {
        double mean = values.Average();
        return (float)Math.Sqrt(values.Average(value => (value - mean) * (value - mean)));
    }

    /// <summary>A row with missing values, and its chains.</summary>
    private sealed class IncompleteRow(int number, float[] row, int[] places, float[] condition)
    {
        private float _best = float.NegativeInfinity;

        public int Number => number;

        public float[] Row => row;

        public int[] Places => places;

        public float[] Condition => condition;

        /// <summary>The standard deviation of each missing value over drawn rows.</summary>
        public float[] Scales { get; } = new float[places.Length];

        public float[][] States { get; } = new float[Chains][];

        public float[] Likely { get; } = new float[Chains];

        /// <summary>The most likely values so far.</summary>
        public float[] Best { get; private set; } = [];

        public void Take(int chain, float[] values, float likely)
        {
            (States[chain], Likely[chain]) = (values, likely);
            if (Best.Length == 0 || likely > _best)
                (Best, _best) = (values, likely);
        }

        /// <summary>Neighbours in the order of resampling are often the same: every second one goes to the other half.</summary>
        public void Interleave()
        {
            float[][] states = [.. States];
            float[] likely = [.. Likely];
            for (int i = 0; i < Chains; i++)
            {
                int to = i % 2 * Half + i / 2;
                (States[to], Likely[to]) = (states[i], likely[i]);
            }
        }

        public void Put(float[] values)
        {
            for (int j = 0; j < places.Length; j++)
                row[places[j]] = values[j];
        }
    }
}
