using RealNvp.ML.Export;
using RealNvp.ML.Trainers;
using RealNvp.ML.Transforms;

namespace Microsoft.ML;

/// <summary>Takes flows out of the checkpoints of a training.</summary>
public static class FlowCheckpoints
{
    extension(FlowModel)
    {
        /// <summary>
        /// The flow of the newest whole checkpoint of a folder (<see cref="CheckpointOptions"/>), calibrated and with its graphs checked,
        /// as the end of training makes it: to sample and to score with while a run goes on in this or another process, or after it was
        /// killed. Takes no lock and changes nothing; a run that writes there meanwhile is not disturbed.
        /// </summary>
        /// <remarks>
        /// Of a run that is finished it is the flow that Fit gave, unless <paramref name="latest"/>. Before, its latent is standard normal:
        /// a mixture of latents (<see cref="TableFlowOptions.MixtureBound"/>) is fitted at the end. Of a mixture of flows it has the
        /// members that have come to a checkpoint. Needs libtorch, and takes the time that the end of a training does: a second for tables,
        /// up to a minute for the paper's image flows.
        /// </remarks>
        /// <param name="folder">The folder of the checkpoints.</param>
        /// <param name="latest">
        /// Whether the weights of the checkpoint's own step are wanted. False, the default, gives the best model so far by validation
        /// likelihood; before the first evaluation the latest weights. Where weights are averaged, either is their average.
        /// </param>
        /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
        /// <exception cref="FileNotFoundException">There is no checkpoint in it.</exception>
        /// <exception cref="InvalidDataException">No checkpoint is whole, or it is of a version that kept less in it.</exception>
        /// <exception cref="DllNotFoundException">A native package is missing.</exception>
        /// <exception cref="FlowParityException">ONNX Runtime does not give what the flow computes; the exception holds the
        /// flow.</exception>
        /// <example>
        /// <code>
        /// FlowModel soFar = FlowModel.FromCheckpoint("checkpoints");
        /// using RealNvpTransformer flow = mlContext.Transforms.ApplyRealNvp(soFar).Fit(data);
        /// </code>
        /// </example>
        public static FlowModel FromCheckpoint(string folder, bool latest = false)
            => RealNvpTrainer.FromCheckpoint(new MLContext(), folder, latest);
    }
}
