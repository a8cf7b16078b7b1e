using Microsoft.ML;
using static TorchSharp.torch;

namespace RealNvp.ML.Trainers.Data;

/// <summary>Which rows a training reads, how it cuts them, and where it holds them.</summary>
internal sealed record RowSettings
{
    public required string FeatureColumn { get; init; }

    /// <summary>The column of conditions, if rows have any.</summary>
    public required string? ConditionColumn { get; init; }

    /// <summary>The column of weights, if rows have any.</summary>
    public required string? WeightColumn { get; init; }

    /// <summary>The column of sampling keys, if rows of one key are to stand in one slice.</summary>
    public required string? SamplingKeyColumn { get; init; }

    /// <summary>Rows of their own to validate on, if there are any; the fraction then is 0.</summary>
    public required IDataView? Validation { get; init; }

    /// <summary>Rows of their own to calibrate with, if there are any; the fraction then is 0.</summary>
    public required IDataView? Calibration { get; init; }

    public required double ValidationFraction { get; init; }

    /// <summary>Rows that the validation slice grows to, a quarter of all at most: a choice by fewer is a choice by chance.</summary>
    public required int LeastValidation { get; init; }

    public required double CalibrationFraction { get; init; }

    /// <summary>What the calibration slice should be large enough for.</summary>
    public required double Contamination { get; init; }

    /// <summary>Whether a row with a NaN or infinite feature is an error.</summary>
    public required bool RefusesNonFinite { get; init; }

    /// <summary>Bytes of rows that are held; more stream.</summary>
    public required long ResidentLimit { get; init; }

    /// <summary>The rows from which a streamed batch is drawn.</summary>
    public required int ShufflePool { get; init; }

    /// <summary>Of the slices.</summary>
    public required int Seed { get; init; }

    /// <summary>Where rows are held.</summary>
    public required Device Device { get; init; }

    public required CancellationToken Cancellation { get; init; }
}
