using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;
using Microsoft.ML.Data;
using RealNvp.ML.Export;
using RealNvp.ML.Transforms.Columns;

namespace RealNvp.ML.Transforms.Sampling;

/// <summary>Puts the features of a drawn row into the properties and fields of a class that bear their names.</summary>
internal sealed class ClassRows
{
    /// <summary>What of the class is looked at.</summary>
    public const DynamicallyAccessedMemberTypes Members = DynamicallyAccessedMemberTypes.PublicProperties
        | DynamicallyAccessedMemberTypes.PublicFields | DynamicallyAccessedMemberTypes.PublicParameterlessConstructor;

    private readonly List<Action<object, float[], float[]>> _fill = []; // from what was drawn and what that means
    private readonly DrawnNumbers _numbers;

    /// <param name="type">The class.</param>
    /// <param name="model">The flow, which says what its features are.</param>
    public ClassRows([DynamicallyAccessedMembers(Members)] Type type, FlowModel model)
    {
        FlowMetadata metadata = model.Metadata;
        _numbers = DrawnNumbers.Of(model);
        ImmutableArray<string> features = metadata.FeatureNames;
        if (features.IsEmpty)
        {
            throw new InvalidOperationException($"The features have no names that would say where in {type.Name} they go. Concatenate "
                + "gives them those of its columns; without names draw arrays.");
        }
        Place[] places = [.. type.GetProperties().Where(property => property.SetMethod is { IsPublic: true })
                .Select(property => new Place(property, property.PropertyType, property.SetValue)),
            .. type.GetFields().Where(field => !field.IsInitOnly)
                .Select(field => new Place(field, field.FieldType, field.SetValue))];
        if (IsOneCategory(metadata) && !places.Any(place => place.IsOf(features[0]))
            && places.Where(place => place.Type == typeof(string)).ToArray() is [var text])
        {
            places = [text with { Name = features[0][..features[0].IndexOf('.', StringComparison.Ordinal)] }];
        }
        var left = new HashSet<int>(Enumerable.Range(0, features.Length));
        foreach (Place place in places)
        {
            int[] own = [.. left.Where(i => features[i] == place.Name).Order()];
            int[] slots = [.. left.Where(i => place.IsOf(features[i])).Order()];
            if (own.Length == 0 && slots.Length == 0)
                continue;
            _fill.Add(own is [var feature] && slots.Length == 0
                ? place.OfOne(feature)
                : place.OfMany(own.Length == 0 ? slots : own, features));
            left.ExceptWith(own);
            left.ExceptWith(slots);
        }
        if (left.Count > 0)
        {
            throw new ArgumentException($"{type.Name} has no public property or field for "
                + ShortList.Of([.. left.Order().Select(i
                    => features[i].Length > 0 ? $"'{features[i]}'" : $"value {i}, which has no name")]) + ". "
                + "ColumnName names one whose own name is another.");
        }
    }

    /// <summary>
    /// Whether all features are one category. Encoded straight into the vector it is called as that, and not as the text that it was made
    /// of, which then is the one text that there is.
    /// </summary>
    private static bool IsOneCategory(FlowMetadata metadata)
        => metadata.FeatureNames.Length > 1 && ExplainedColumns.Of(metadata, metadata.FeatureNames.Length).Count == 1;

    /// <summary>Fills the members of one object.</summary>
    public void Fill(object row, float[] features)
    {
        float[] meant = _numbers.Nearest(features);
        _fill.ForEach(fill => fill(row, features, meant));
    }

    /// <summary>A property or field, and how it is set.</summary>
    private sealed record Place(MemberInfo Member, Type Type, Action<object, object?> Set)
    {
        public string Name { get; init; } = Member.CustomAttributes
            .FirstOrDefault(data => data.AttributeType == typeof(ColumnNameAttribute))
            ?.ConstructorArguments[0].Value as string ?? Member.Name;

        public bool IsOf(string feature) => feature.StartsWith(Name + ".", StringComparison.Ordinal);

        public Action<object, float[], float[]> OfOne(int feature)
        {
            if (Type == typeof(bool))
                return (row, _, meant) => Set(row, meant[feature] > 0.5f);
            if (Type == typeof(float[]))
                return (row, _, meant) => Set(row, new[] { meant[feature] });
            TypeCode code = Type.GetTypeCode(Type);
            if (Type.IsEnum || code is < TypeCode.SByte or > TypeCode.Decimal)
                throw Misfit("one number");
            var range = Member.GetCustomAttribute<RangeAttribute>();
            double least = End(range?.Minimum, double.NegativeInfinity), most = End(range?.Maximum, double.PositiveInfinity);
            if (code >= TypeCode.Single)
                return (row, _, meant) => Set(row, Number(Math.Clamp(meant[feature], least, most)));
            (least, most) = (Math.Ceiling(least), Math.Floor(most));
            return (row, _, meant) => Set(row, Number(Math.Clamp(Math.Round((double)meant[feature]), least, most)));
        }

        public Action<object, float[], float[]> OfMany(int[] indices, IReadOnlyList<string> names)
        {
            if (Type == typeof(float[]))
                return (row, _, meant) => Set(row, Array.ConvertAll(indices, i => meant[i]));
            if (Type != typeof(string))
                throw Misfit($"{indices.Length} features, '{names[indices[0]]}' and so on: text for categories, or an array of Single");
            string[] categories = Array.ConvertAll(indices, i => names[i].Length > Name.Length ? names[i][(Name.Length + 1)..] : names[i]);
            return (row, drawn, _) => Set(row, categories[Array.IndexOf(indices, indices.MaxBy(i => drawn[i]))]);
        }

        private ArgumentException Misfit(string features)
            => new($"'{Member.Name}' of {Member.DeclaringType!.Name} is {Type.Name}, and stands for {features}.");

        /// <summary>A value of the member's type; beyond the ends of that type, its ends.</summary>
        private object Number(double value)
        {
            try
            {
                return Convert.ChangeType(value, Type, CultureInfo.InvariantCulture);
            }
            catch (OverflowException)
            {
                return Type.GetField(value < 0 ? "MinValue" : "MaxValue")!.GetValue(null)!;
            }
        }

        private static double End(object? value, double otherwise)
            => value is null ? otherwise : Convert.ToDouble(value, CultureInfo.InvariantCulture);
    }
}
