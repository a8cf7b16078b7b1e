using System.Reflection;
using RealNvp.ML.Trainers;
using TorchSharp;

namespace RealNvp.ML.Tests.Trainers;

/// <summary>
/// What training computes never makes a number for one native call: TorchSharp does not keep it alive during the call, and over millions of
/// steps a finalizer frees one in that moment.
/// </summary>
public sealed class HeldNumbersTests
{
    private const byte Call = 0x28, CallVirtual = 0x6F;

    [Fact]
    public void Training_calls_nothing_that_makes_a_temporary_number()
    {
        MethodBase[] makers = [.. typeof(torch.Tensor).GetMethods().Where(MakesNumbers)];
        Assert.Contains(makers, method => method.Name == "op_Addition");
        Assert.Contains(makers, method => method.Name == "square");
        Assert.DoesNotContain(makers, method => method.Name == "mul");
        string[] found = [.. typeof(RealNvpTrainer).Assembly.GetTypes()
            .SelectMany(type => type.GetMethods(BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic
                | BindingFlags.Instance | BindingFlags.Static))
            .SelectMany(method => Calls(method).Where(call => makers.Contains(call) || IsConversion(call))
            .Select(call => $"{method.DeclaringType}.{method.Name} calls {call}"))];
        Assert.Empty(found);
    }

    private static bool MakesNumbers(MethodBase method)
        => Calls(method).Any(call => IsConversion(call)
        || (call.DeclaringType == method.DeclaringType && call != method && Calls(call).Any(IsConversion)));

    private static bool IsConversion(MethodBase method) => method.DeclaringType == typeof(Scalar) && method.Name == "op_Implicit";

    /// <summary>
    /// What follows a call's opcode and names a method; bytes that only look like that name none, or one that is not asked for.
    /// </summary>
    private static IEnumerable<MethodBase> Calls(MethodBase method)
    {
        byte[] code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        for (int i = 0; i + sizeof(int) < code.Length; i++)
        {
            if (code[i] is Call or CallVirtual && Resolve(method, BitConverter.ToInt32(code, i + 1)) is { } called)
                yield return called;
        }
    }

    private static MethodBase? Resolve(MethodBase method, int token)
    {
        try
        {
            return method.Module.ResolveMethod(token, method.DeclaringType?.GetGenericArguments(),
                method.IsGenericMethod ? method.GetGenericArguments() : null);
        }
        catch (Exception e) when (e is ArgumentException or BadImageFormatException or MissingMethodException or TypeLoadException)
        {
            return null;
        }
    }
}
