namespace RealNvp.ML.Transforms.Noise;

/// <summary>
/// Which of the items that pass by a uniform random sample keeps, and where (Vitter 1985, algorithm R): the first ones in their order, then
/// each in the place of another or not at all.
/// </summary>
/// <param name="capacity">The most that are kept.</param>
/// <param name="random">Asked once for each item after the first <paramref name="capacity"/>.</param>
internal sealed class ReservoirPlaces(int capacity, Random random)
{
    private long _seen;

    /// <summary>The place of the next item: as many as are kept where it is added to them, null where it is left out.</summary>
    public int? Next()
    {
        if (_seen++ < capacity)
            return (int)(_seen - 1);
        long place = random.NextInt64(_seen);
        return place < capacity ? (int)place : null;
    }
}
