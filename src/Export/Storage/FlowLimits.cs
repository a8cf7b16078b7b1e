namespace RealNvp.ML.Export.Storage;

/// <summary>
/// What a flow file may ask for. A few bytes can promise much: an image of gigabytes, a hundred thousand steps, days of arithmetic. What is
/// above these bounds is refused before memory is taken or work begins; training keeps to them too, so that it makes nothing that does not
/// load.
/// </summary>
internal static class FlowLimits
{
    /// <summary>Flows that a model is a mixture of.</summary>
    public const int MostMembers = 1 << 10;

    /// <summary>Steps of all members together: a session takes one to three milliseconds for each.</summary>
    public const int MostSteps = 1 << 11;

    /// <summary>Named values of all steps, names of features and facts of a training: each takes up to 200 bytes of memory.</summary>
    public const int MostParts = 1 << 18;

    /// <summary>
    /// The sum over all learned linear maps of D^3, by which the time goes that their inverses take.
    /// </summary>
    public const double MostInversion = 1L << 34;

    /// <summary>
    /// Counts what a flow file holds, by the numbers of its fields in flow_model.proto and without parsing it: a message of two bytes takes
    /// two hundred when parsed. What is no protobuf is left to the parser.
    /// </summary>
    /// <exception cref="FlowModelException">It holds more than this.</exception>
    public static void Check(ReadOnlySpan<byte> content)
    {
        long members = 0, steps = 0, parts = 0;
        for (WireFields fields = new(content); fields.Next();)
        {
            switch (fields.Number)
            {
                case FlowModelMessage.MembersFieldNumber:
                    members++;
                    CountSteps(fields.Bytes, ref steps, ref parts);
                    break;
                case FlowModelMessage.MetadataFieldNumber or FlowModelMessage.ConditionFieldNumber:
                    parts += Count(fields.Bytes);
                    break;
            }
        }
        Require("members", members, MostMembers);
        Require("steps", steps, MostSteps);
        Require("named values", parts, MostParts);
    }

    private static void CountSteps(ReadOnlySpan<byte> member, ref long steps, ref long parts)
    {
        for (WireFields fields = new(member); fields.Next();)
        {
            steps++;
            parts += Count(fields.Bytes);
        }
    }

    private static long Count(ReadOnlySpan<byte> message)
    {
        long count = 0;
        for (WireFields fields = new(message); fields.Next();)
            count++;
        return count;
    }

    private static void Require(string what, long found, long most)
    {
        if (found > most)
            throw new FlowModelException($"The flow model has {found} {what}, at most {most} are read.");
    }
}
