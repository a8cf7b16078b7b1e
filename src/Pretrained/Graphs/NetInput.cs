using RealNvp.ML.Export.Onnx;

namespace RealNvp.ML.Pretrained.Graphs;

/// <summary>What a net reads.</summary>
/// <param name="Name">The input.</param>
/// <param name="Height">Of pictures, in pixels.</param>
/// <param name="Width">Of pictures, in pixels.</param>
/// <param name="OnlyOutput">The graph's output, where it has one.</param>
internal sealed record NetInput(string Name, int Height, int Width, string? OnlyOutput)
{
    /// <summary>The input of a graph, by name where it is given; sizes that are given must not disagree with it.</summary>
    /// <exception cref="ArgumentException">There is none, or there are several, or no size is known.</exception>
    public static NetInput Of(ModelProto model, string path, string? name, int? height, int? width)
    {
        HashSet<string> constants = [.. model.Graph.Initializer.Select(constant => constant.Name)];
        ValueInfoProto[] inputs = [.. model.Graph.Input.Where(input => !constants.Contains(input.Name))];
        string there = string.Join(", ", inputs.Select(input => $"'{input.Name}'"));
        ValueInfoProto found = (name is null
            ? inputs.Length == 1 ? inputs[0] : null
            : Array.Find(inputs, input => input.Name == name))
            ?? throw new ArgumentException(name is null
                ? $"{path} has {inputs.Length} inputs, {there}: name the one that pictures go in by."
                : $"{path} has no input '{name}'; it has {there}.", nameof(name));
        TensorShapeProto? shape = found.Type?.TensorType?.Shape;
        if (shape is null || shape.Dim.Count != 4 || shape.Dim[1].DimValue is not (0 or 3))
        {
            throw new ArgumentException(
                $"The input '{found.Name}' of {path} has the shape [{Text(shape)}], expected [N, 3, height, width].", nameof(name));
        }
        return new(found.Name, Side(2, height, "height"), Side(3, width, "width"),
            model.Graph.Output.Count == 1 ? model.Graph.Output[0].Name : null);

        int Side(int dimension, int? given, string what)
        {
            const int Most = 1 << 13;
            int said = (int)shape.Dim[dimension].DimValue;
            if (said > 0 && given is not null && given != said)
                throw new ArgumentException($"{path} reads pictures of {what} {said}, and {given} is asked for.", what);
            int side = given ?? said;
            return side is > 0 and <= Most ? side : throw new ArgumentException(
                $"{path} does not say the {what} of its pictures: give it, from 1 to {Most}.", what);
        }
    }

    private static string Text(TensorShapeProto? shape) => shape is null ? "?" : string.Join(", ", shape.Dim.Select(dimension
        => dimension.DimParam is { Length: > 0 } axis ? axis : dimension.DimValue > 0 ? $"{dimension.DimValue}" : "?"));
}
