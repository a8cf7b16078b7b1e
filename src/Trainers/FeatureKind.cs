namespace RealNvp.ML.Trainers;

/// <summary>What the values of a feature column are.</summary>
public enum FeatureKind
{
    /// <summary>Features of a row, each by itself: a column of any dimensions is read as a flat vector.</summary>
    Table,

    /// <summary>Pixels of an image, on levels: channels x height x width.</summary>
    Pixels,

    /// <summary>
    /// Continuous maps, channels x height x width: as a layer of a pretrained net gives them, or values that were measured on a grid.
    /// </summary>
    Maps,
}
