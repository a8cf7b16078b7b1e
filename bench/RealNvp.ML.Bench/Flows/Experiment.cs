using System.Globalization;
using System.Reflection;
using RealNvp.ML.Bench.Running;
using RealNvp.ML.Trainers;

namespace RealNvp.ML.Bench.Flows;

/// <summary>
/// Trainer options other than those that a subcommand reports, as <c>Members=4,Noise=0.1</c>. Such a run chooses defaults; it is not a result, so its report says what it
/// is and it yields no figures.
/// </summary>
internal sealed class Experiment
{
    private static readonly FieldInfo[] s_fields =
        [.. typeof(RealNvpTrainer.Options).GetFields(BindingFlags.Public | BindingFlags.Instance).Where(field => field.FieldType.IsValueType && IsChoice(field))];

    private readonly (FieldInfo Field, object Value)[] _changes;
    private readonly Func<RealNvpTrainer.Options> _unchanged;

    /// <summary>Reads the changes; null or empty for none.</summary>
    /// <param name="changes">As on the command line.</param>
    /// <param name="unchanged">What is changed; the trainer's defaults where it is left out.</param>
    /// <exception cref="BenchmarkFailedException">An option is unknown or its value does not fit.</exception>
    public Experiment(string? changes, Func<RealNvpTrainer.Options>? unchanged = null)
    {
        _changes = [.. (changes ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Parse)];
        _unchanged = unchanged ?? (() => new RealNvpTrainer.Options());
    }

    /// <summary>Whether nothing is changed.</summary>
    public bool IsDefault => _changes.Length == 0;

    /// <summary>The options, all but the seed.</summary>
    public RealNvpTrainer.Options Options()
    {
        RealNvpTrainer.Options options = _unchanged();
        foreach ((FieldInfo field, object value) in _changes)
            field.SetValue(options, value);
        return options;
    }

    /// <summary>Every option that can change a result, in words.</summary>
    public static string Describe(RealNvpTrainer.Options options)
        => string.Join(", ", s_fields.Select(field => string.Create(CultureInfo.InvariantCulture, $"{field.Name} = {field.GetValue(options) ?? "null"}")));

    /// <inheritdoc/>
    public override string ToString() => string.Join(", ", _changes.Select(change => string.Create(CultureInfo.InvariantCulture, $"{change.Field.Name} = {change.Value}")));

    private static bool IsChoice(FieldInfo field)
        => field.Name is not (nameof(RealNvpTrainer.Options.Seed) or nameof(RealNvpTrainer.Options.Threads) or nameof(RealNvpTrainer.Options.CancellationToken));

    private static (FieldInfo Field, object Value) Parse(string change)
    {
        string[] pair = change.Split('=', 2, StringSplitOptions.TrimEntries);
        FieldInfo field = s_fields.FirstOrDefault(field => field.Name == pair[0])
            ?? throw new BenchmarkFailedException($"The trainer has no option '{pair[0]}' to experiment with. It has {string.Join(", ", s_fields.Select(field => field.Name))}.");
        Type type = Nullable.GetUnderlyingType(field.FieldType) ?? field.FieldType;
        try
        {
            string text = pair.Length == 2 ? pair[1] : "";
            return (field, type.IsEnum ? Enum.Parse(type, text, ignoreCase: true) : Convert.ChangeType(text, type, CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is FormatException or OverflowException or ArgumentException or InvalidCastException)
        {
            throw new BenchmarkFailedException($"'{change}' does not fit the option {field.Name}, a {type.Name}.");
        }
    }
}
