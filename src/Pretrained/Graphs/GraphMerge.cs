using RealNvp.ML.Export.Onnx;

namespace RealNvp.ML.Pretrained.Graphs;

/// <summary>
/// Puts the nodes of one graph into another. The names of the larger one stay, for its nodes may hold graphs of their own that use them;
/// those that are added get a prefix.
/// </summary>
internal static class GraphMerge
{
    /// <summary>Adds the nodes and constants of a graph, whose opset is made that of the other, or the other way round.</summary>
    /// <param name="model">Receives them. Its inputs and outputs stay as they are.</param>
    /// <param name="added">The other model, which may be changed.</param>
    /// <param name="names">Names in <paramref name="model"/> of tensors of <paramref name="added"/>; all others get a new one.</param>
    /// <param name="atStart">Whether the nodes come before those that are there, which read them.</param>
    /// <exception cref="NotSupportedException">The opsets differ, and a node has no form in the newer one.</exception>
    public static void Add(ModelProto model, ModelProto added, IReadOnlyDictionary<string, string> names, bool atStart = false)
    {
        int opset = Math.Max(OpsetLift.OpsetOf(model), OpsetLift.OpsetOf(added));
        OpsetLift.Lift(model, opset);
        OpsetLift.Lift(added, opset);
        model.IrVersion = Math.Max(model.IrVersion, added.IrVersion);
        HashSet<string> taken = NamesOf(model.Graph);
        string prefix = "RealNvp.";
        for (int i = 1; taken.Any(name => name.StartsWith(prefix, StringComparison.Ordinal)); i++)
            prefix = $"RealNvp{i}.";
        string Renamed(string name) => name.Length == 0 ? "" : names.GetValueOrDefault(name) ?? prefix + name;
        foreach (TensorProto constant in added.Graph.Initializer)
        {
            constant.Name = Renamed(constant.Name);
            model.Graph.Initializer.Add(constant);
        }
        foreach (NodeProto node in added.Graph.Node)
        {
            node.Name = prefix + node.Name;
            for (int i = 0; i < node.Input.Count; i++)
                node.Input[i] = Renamed(node.Input[i]);
            for (int i = 0; i < node.Output.Count; i++)
                node.Output[i] = Renamed(node.Output[i]);
        }
        if (atStart)
        {
            NodeProto[] after = [.. model.Graph.Node];
            model.Graph.Node.Clear();
            model.Graph.Node.Add(added.Graph.Node);
            model.Graph.Node.Add(after);
        }
        else
        {
            model.Graph.Node.Add(added.Graph.Node);
        }
    }

    /// <summary>Makes room for a name: a tensor of the graph that bears it gets another.</summary>
    /// <exception cref="NotSupportedException">There is one, and the graph has graphs inside nodes, which may use it.</exception>
    public static void Free(GraphProto graph, string name)
    {
        HashSet<string> taken = NamesOf(graph);
        if (!taken.Contains(name))
            return;
        if (graph.Node.SelectMany(node => node.Attribute).Any(attribute => attribute.G.Length > 0 || attribute.Graphs.Count > 0))
            throw new NotSupportedException($"The net has a tensor '{name}', and nodes with graphs in them: rename the tensor.");
        string other = name + "_";
        while (taken.Contains(other))
            other += "_";
        foreach (TensorProto constant in graph.Initializer.Where(constant => constant.Name == name))
            constant.Name = other;
        foreach (ValueInfoProto value in graph.Input.Concat(graph.Output).Where(value => value.Name == name))
            value.Name = other;
        foreach (NodeProto node in graph.Node)
        {
            for (int i = 0; i < node.Input.Count; i++)
                node.Input[i] = node.Input[i] == name ? other : node.Input[i];
            for (int i = 0; i < node.Output.Count; i++)
                node.Output[i] = node.Output[i] == name ? other : node.Output[i];
        }
    }

    /// <summary>The names of all tensors.</summary>
    public static HashSet<string> NamesOf(GraphProto graph)
        => [.. graph.Input.Select(value => value.Name), .. graph.Initializer.Select(constant => constant.Name),
            .. graph.Node.SelectMany(node => node.Output)];
}
