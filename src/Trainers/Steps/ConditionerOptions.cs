using RealNvp.ML.Export.Steps;

namespace RealNvp.ML.Trainers.Steps;

/// <summary>The size and behaviour of the net inside a coupling.</summary>
internal sealed record ConditionerOptions(int HiddenLayers, int HiddenUnits, Activation Activation, double Dropout, double LogScaleGain);
