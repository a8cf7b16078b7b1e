namespace RealNvp.ML.Serving;

/// <summary>
/// Where the files of models are: a folder, or what an application brings. A file is a pipeline that ML.NET saved (<c>.zip</c>) or a flow
/// by itself (<c>FlowModel.Save</c>). Used by several threads at once.
/// </summary>
public interface IFlowStore
{
    /// <summary>The names of the models that are there.</summary>
    ValueTask<IReadOnlyList<string>> ListAsync(CancellationToken cancellation = default);

    /// <summary>What changes whenever a model's file does, such as its time and length; null where there is no such model.</summary>
    ValueTask<string?> StampAsync(string name, CancellationToken cancellation = default);

    /// <summary>A model's file; null where there is none.</summary>
    ValueTask<byte[]?> ReadAsync(string name, CancellationToken cancellation = default);
}
