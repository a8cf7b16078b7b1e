using Orleans;

namespace RealNvp.ML.Orleans;

/// <summary>What there is to know of a model, as the silo that answers has it.</summary>
[GenerateSerializer]
[Immutable]
[Alias("RealNvp.ML.Orleans.FlowDescription")]
public sealed record FlowDescription
{
    /// <summary>The model's name.</summary>
    [Id(0)]
    public required string Name { get; init; }

    /// <summary>The beginning of its file's SHA-256: the same wherever the same file is served.</summary>
    [Id(1)]
    public required string Version { get; init; }

    /// <summary>The silo that answers.</summary>
    [Id(2)]
    public required string Silo { get; init; }

    /// <summary>When the silo loaded it.</summary>
    [Id(3)]
    public DateTimeOffset LoadedAt { get; init; }

    /// <summary>What went wrong with the last file, if the one before is served on; null otherwise.</summary>
    [Id(4)]
    public string? Failure { get; init; }

    /// <summary>The columns that callers bring.</summary>
    [Id(5)]
    public IReadOnlyList<FlowColumn> Reads { get; init; } = [];

    /// <summary>The columns that they may want.</summary>
    [Id(6)]
    public IReadOnlyList<FlowColumn> Gives { get; init; } = [];

    /// <summary>The score beyond which rows are flagged; NaN of a flow without calibration.</summary>
    [Id(7)]
    public float Threshold { get; init; } = float.NaN;

    /// <summary>Rows that this silo has scored since it loaded the file.</summary>
    [Id(8)]
    public long Rows { get; init; }

    /// <summary>The share of the last 500 of them that was flagged; NaN before.</summary>
    [Id(9)]
    public double FlaggedShare { get; init; } = double.NaN;

    /// <summary>Whether 500 rows were unlike the calibration rows, and that is no accident.</summary>
    [Id(10)]
    public bool HasDrifted { get; init; }
}

/// <summary>A column that a model reads or gives.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Kind">Single, Number (sent as float or double), Boolean or Text.</param>
/// <param name="Size">Values per row.</param>
/// <param name="IsOptional">Whether it may be left out.</param>
[GenerateSerializer]
[Immutable]
[Alias("RealNvp.ML.Orleans.FlowColumn")]
public sealed record FlowColumn([property: Id(0)] string Name, [property: Id(1)] string Kind, [property: Id(2)] int Size,
    [property: Id(3)] bool IsOptional);
