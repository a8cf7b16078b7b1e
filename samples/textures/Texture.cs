namespace RealNvp.ML.Samples;

/// <summary>What the generated pictures show.</summary>
public enum Texture
{
    /// <summary>A plain weave of two threads.</summary>
    Weave,

    /// <summary>Planed wood.</summary>
    Grain,
}

/// <summary>What is wrong in a picture.</summary>
public enum Defect
{
    /// <summary>Nothing.</summary>
    Good,

    /// <summary>A soft dark spot.</summary>
    Stain,

    /// <summary>A thin dark line.</summary>
    Cut,

    /// <summary>A small round bump with its shade.</summary>
    Knot,

    /// <summary>A piece of thread, or of a ring, that has another colour.</summary>
    Thread,
}
