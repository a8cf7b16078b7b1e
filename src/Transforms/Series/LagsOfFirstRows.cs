namespace RealNvp.ML.Transforms;

/// <summary>What becomes of the rows of a group that have too few rows before them for every lag.</summary>
public enum LagsOfFirstRows
{
    /// <summary>They are left out, which makes the view shorter by the largest lag for each group.</summary>
    Skip = 0,

    /// <summary>They are kept, and what is before the first row of the group is NaN.</summary>
    NaN = 1,
}
