using System.CommandLine;
using RealNvp.ML.Tool.Models;
using RealNvp.ML.Tool.Running;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Tool.Verbs;

/// <summary>The options that flag rows otherwise than a model was trained to.</summary>
internal sealed class AlarmSettings
{
    private readonly Option<double?> _contamination = VerbOptions.Share("--contamination",
        "Flag this share of rows like the training rows, instead of the share that the model was trained for.");
    private readonly Option<float?> _threshold = new("--threshold")
    {
        Description = "Flag rows with a score above this.", HelpName = "NATS",
    };

    /// <summary>Adds them to a verb.</summary>
    public void AddTo(Command verb)
    {
        verb.Add(_contamination);
        verb.Add(_threshold);
    }

    /// <summary>A model's flow with another threshold; null where none is asked for.</summary>
    /// <exception cref="UsageException">Two are, or one that would change nothing.</exception>
    public RealNvpTransformer? Adjusted(ParseResult said, SavedModel model)
    {
        float? threshold = said.GetValue(_threshold);
        if (model.HasGroupThresholds && (threshold ?? said.GetValue(_contamination)) is not null)
        {
            throw new UsageException("The model flags rows by a threshold for each group (CalibrateByGroup), which --contamination and "
                + "--threshold do not change.");
        }
        if (said.GetValue(_contamination) is not { } share)
            return threshold is { } score ? model.Flow.WithThreshold(score) : null;
        if (threshold is not null)
            throw new UsageException("--contamination and --threshold both set the threshold; give one.");
        return model.Flow.WithContamination(share);
    }
}
