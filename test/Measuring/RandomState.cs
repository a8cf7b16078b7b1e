using RealNvp.ML.Trainers.Flows.Steps;
using TorchSharp;
using static TorchSharp.torch;

namespace RealNvp.ML.Tests.Measuring;

/// <summary>Random, non-trivial parameters and running statistics for a module under test.</summary>
internal static class RandomState
{
    // what a step is made of, and not trained: masks, the norm of weights that have no gain, what a linear map keeps from its start
    private static readonly string[] s_constants
        = ["conditioning", "transformed", "passing", "unit", "permutation", "signs", "identity", "below", "above",
            "fixedMatrix", "planes", "deviations"];

    /// <summary>Sets them, in double precision from here on; a lower strength leaves a flow of many steps tamer.</summary>
    public static void Set(nn.Module module, double strength = 1)
    {
        using IDisposable guard = no_grad();
        var generator = new Generator(7);
        foreach ((string name, Tensor value) in module.state_dict())
        {
            // a rotation is random from the start, and must stay one
            if (!value.is_floating_point() || module is RotationModule || s_constants.Contains(name.Split('.')[^1]))
                continue;
            bool variance = name.Contains("ariance", StringComparison.Ordinal);
            bool positive = variance || name.Contains("deviation", StringComparison.Ordinal)
                || name.Contains("gain", StringComparison.Ordinal) || name == "widths";
            (double low, double high) = variance ? (1 - 0.7 * strength, 1 - 0.1 * strength) : (0.3 * strength, 0.9 * strength);
            if (positive) value.uniform_(low, high, generator);
            else value.normal_(0.1, 0.6 * strength, generator);
        }
        module.to(ScalarType.Float64);
    }
}
