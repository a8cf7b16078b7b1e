namespace RealNvp.ML.Export.Nets;

/// <summary>The nonlinearity between the layers of a coupling's net.</summary>
public enum Activation
{
    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>The hyperbolic tangent.</summary>
    Tanh,
}
