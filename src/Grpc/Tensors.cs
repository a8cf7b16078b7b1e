using Google.Protobuf;
using RealNvp.ML.AspNetCore.Grpc.Wire;
using RealNvp.ML.AspNetCore.Http;
using RealNvp.ML.AspNetCore.Protocol;
using RealNvp.ML.Serving.Rows;

namespace RealNvp.ML.AspNetCore.Grpc;

/// <summary>Tensors as messages have them: values in the field of their datatype, or the raw bytes of all.</summary>
internal static class Tensors
{
    /// <summary>What a model reads or gives.</summary>
    public static ModelMetadataResponse.Types.TensorMetadata Describe(ModelColumn column)
    {
        var described = new ModelMetadataResponse.Types.TensorMetadata { Name = column.Name, Datatype = Datatype.Of(column) };
        described.Shape.AddRange(ShapeOf(-1, column));
        return described;
    }

    /// <summary>Reads the inputs of a request.</summary>
    /// <exception cref="RequestException">One is not as the model needs it.</exception>
    public static void Read(ModelInferRequest request, GivenInputs given)
    {
        int raw = request.RawInputContents.Count;
        if (raw > 0 && raw != request.Inputs.Count)
            throw new RequestException($"The request has raw contents of {raw} inputs, and {request.Inputs.Count} inputs: all or none.");
        foreach ((int i, ModelInferRequest.Types.InferInputTensor input) in request.Inputs.Index())
        {
            GivenInputs.Place place = given.Begin(input.Name, input.Datatype, input.Shape);
            if (raw > 0 && input.Contents is not null)
                throw new RequestException($"The input '{input.Name}' has contents and raw ones; give one of them.");
            JsonValues.Check(place.Column, raw > 0 ? ReadRaw(request.RawInputContents[i].Span, place, input.Datatype)
                : Read(input.Contents ?? new(), place, input.Datatype));
        }
    }

    /// <summary>Adds an output to an answer.</summary>
    public static void Write(ModelInferResponse answer, ModelColumn column, int rows, Array values, bool isRaw)
    {
        var output = new ModelInferResponse.Types.InferOutputTensor { Name = column.Name, Datatype = Datatype.Of(column) };
        output.Shape.AddRange(ShapeOf(rows, column));
        answer.Outputs.Add(output);
        if (isRaw)
        {
            answer.RawOutputContents.Add(UnsafeByteOperations.UnsafeWrap(Datatype.Write(values)));
            return;
        }
        output.Contents = new InferTensorContents();
        if (values is bool[] flags)
            output.Contents.BoolContents.AddRange(flags);
        else
            output.Contents.Fp32Contents.AddRange((float[])values);
    }

    private static Array ReadRaw(ReadOnlySpan<byte> bytes, GivenInputs.Place place, string datatype)
    {
        Array values = place.Take(bytes.Length, Datatype.LeastBytes(datatype));
        Datatype.Read(place.Column, datatype, bytes, values);
        return values;
    }

    private static Array Read(InferTensorContents contents, GivenInputs.Place place, string datatype)
    {
        (int count, Func<int, double> at) = ValuesOf(contents, datatype);
        if (count != place.Count)
        {
            throw new RequestException($"The input '{place.Column.Name}' has {count} values in the contents of {datatype}, expected "
                + $"{place.Count} by its shape.");
        }
        Array values = place.Take(count, least: 1); // there are as many
        for (int i = 0; i < values.Length; i++)
        {
            if (values is ReadOnlyMemory<char>[] texts)
                texts[i] = contents.BytesContents[i].ToStringUtf8().AsMemory();
            else
                Datatype.Set(values, i, at(i));
        }
        return values;
    }

    /// <summary>How many values the field of a datatype has, and its numbers.</summary>
    private static (int Count, Func<int, double> At) ValuesOf(InferTensorContents contents, string datatype) => datatype switch
    {
        "BOOL" => (contents.BoolContents.Count, i => contents.BoolContents[i] ? 1 : 0),
        "INT8" or "INT16" or "INT32" => (contents.IntContents.Count, i => contents.IntContents[i]),
        "INT64" => (contents.Int64Contents.Count, i => contents.Int64Contents[i]),
        "UINT8" or "UINT16" or "UINT32" => (contents.UintContents.Count, i => contents.UintContents[i]),
        "UINT64" => (contents.Uint64Contents.Count, i => contents.Uint64Contents[i]),
        "FP32" => (contents.Fp32Contents.Count, i => contents.Fp32Contents[i]),
        "FP64" => (contents.Fp64Contents.Count, i => contents.Fp64Contents[i]),
        _ => (contents.BytesContents.Count, _ => throw new InvalidOperationException("Texts are no numbers.")),
    };

    private static IEnumerable<long> ShapeOf(int rows, ModelColumn column)
        => column.Dimensions.Select(dimension => (long)dimension).Prepend(rows);
}
