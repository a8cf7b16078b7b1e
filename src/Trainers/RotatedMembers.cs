namespace RealNvp.ML.Trainers;

/// <summary>Which members of a mixture rotate the features at random before each coupling, instead of permuting them.</summary>
public enum RotatedMembers
{
    /// <summary>None: features keep their axes.</summary>
    None,

    /// <summary>The first, the third and so on: axes and rotations rank different data well, and the mixture has both. A single flow rotates.</summary>
    EverySecond,

    /// <summary>All.</summary>
    All,
}
