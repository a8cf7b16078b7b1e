namespace RealNvp.ML.Export;

/// <summary>
/// What the score map is on pictures that were held out of training, and the thresholds that follow (split-conformal, as in
/// <see cref="Calibration"/>). Of the map's mean there is nothing to keep: it is the score divided by the number of positions, and has the
/// score's p-values and decisions.
/// </summary>
public sealed class ScoreMapCalibration
{
    /// <summary>A calibration from held-out maps.</summary>
    /// <param name="maxima">The largest value of each map, at most <see cref="Calibration.MaxScores"/>, all finite.</param>
    /// <param name="positions">Values at random positions of the maps, at most as many, all finite.</param>
    /// <param name="contamination">The share of pictures, and of positions, like those of training that the thresholds flag.</param>
    public ScoreMapCalibration(IEnumerable<float> maxima, IEnumerable<float> positions, double contamination)
        => (Maximum, Position) = (new Calibration(maxima, contamination), new Calibration(positions, contamination));

    /// <summary>
    /// By the largest value of a map: a picture above the threshold is flagged, and with it every position above it; of new pictures like
    /// those of training a share of at most the contamination has any.
    /// </summary>
    public Calibration Maximum { get; }

    /// <summary>
    /// By the value at one position: of all positions of new pictures like those of training, about a share of the contamination is above
    /// the threshold. Positions of a picture go together, so that a picture has many of them or few.
    /// </summary>
    public Calibration Position { get; }

    /// <summary>The same maps with another contamination.</summary>
    public ScoreMapCalibration WithContamination(double contamination) => new(Maximum.Scores, Position.Scores, contamination);
}
