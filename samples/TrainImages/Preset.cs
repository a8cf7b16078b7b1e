using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace RealNvp.ML.Samples;

/// <summary>A data set of the paper: its flow, how image files become its features, and what was published for it.</summary>
/// <param name="Name">As the command line has it.</param>
/// <param name="Flow">The flow's size.</param>
/// <param name="Images">How files of an image folder become features.</param>
/// <param name="Published">Bits per dimension of test images (Dinh, Sohl-Dickstein, Bengio 2017, table 1), in words; null where there are
/// none.</param>
internal sealed record Preset(string Name, ImageFlowOptions Flow, ImagePreset Images, string? Published)
{
    /// <summary>All presets.</summary>
    public static Preset[] All { get; } =
    [
        new("small", ImageFlowOptions.Small, new ImagePreset(1, 28, 28), null),
        new("cifar10", ImageFlowOptions.Cifar10, ImagePreset.Cifar10, "3.49 on CIFAR-10"),
        new("imagenet32", ImageFlowOptions.ImageNet32, ImagePreset.ImageNet32, "4.28 on ImageNet at 32 x 32"),
        new("imagenet64", ImageFlowOptions.ImageNet64, ImagePreset.ImageNet64, "3.98 on ImageNet at 64 x 64"),
        new("celeba", ImageFlowOptions.CelebA, ImagePreset.CelebA, "3.02 on CelebA"),
        new("lsun", ImageFlowOptions.Lsun, ImagePreset.Lsun, "2.72, 2.81 and 3.08 on bedrooms, towers and churches of LSUN"),
    ];
}
