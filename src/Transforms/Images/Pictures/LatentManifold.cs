namespace RealNvp.ML.Transforms.Images.Pictures;

/// <summary>
/// The paper's interpolation between four latents by two angles (appendix on manifolds):
/// z = cos(phi) (cos(phi') z1 + sin(phi') z2) + sin(phi) (cos(phi') z3 + sin(phi') z4). The squares of the four weights sum to 1, so that
/// between latents of the typical length, which are nearly orthogonal, every point has it too; on straight lines the middle would be
/// shorter than any latent of an image.
/// </summary>
internal static class LatentManifold
{
    /// <summary>[side * side, size]: phi from 0 to pi/2 down the rows, phi' along the columns; the corners are z1 z2 above z3 z4.</summary>
    /// <param name="corners">z1 to z4, [4, size].</param>
    /// <param name="side">Steps of each angle, 2 or more.</param>
    public static float[] Interpolate(float[] corners, int side) => Mix(corners, side, weight => weight);

    /// <summary>The means of four vectors by the squares of these weights: the corners themselves in the corners.</summary>
    /// <param name="corners">Four vectors, [4, size]; where one of them that has a weight is NaN, so is the mean.</param>
    /// <param name="side">Steps of each angle, 2 or more.</param>
    public static float[] Mean(float[] corners, int side) => Mix(corners, side, weight => weight * weight);

    private static float[] Mix(float[] corners, int side, Func<double, double> share)
    {
        int size = corners.Length / 4;
        var mixed = new float[side * side * size];
        for (int row = 0; row < side; row++)
        {
            (double sin, double cos) = SinCos(row, side);
            for (int column = 0; column < side; column++)
            {
                (double sin2, double cos2) = SinCos(column, side);
                double[] weights = [.. new[] { cos * cos2, cos * sin2, sin * cos2, sin * sin2 }.Select(share)];
                for (int i = 0; i < size; i++)
                {
                    double sum = 0;
                    for (int corner = 0; corner < 4; corner++)
                        sum += weights[corner] == 0 ? 0 : weights[corner] * corners[corner * size + i];
                    mixed[(row * side + column) * size + i] = (float)sum;
                }
            }
        }
        return mixed;
    }

    /// <summary>The angle of a step; at the ends exactly 0 and 1, where rounding would leave a trace of the other corners.</summary>
    private static (double Sin, double Cos) SinCos(int step, int side)
        => step == side - 1 ? (1, 0) : Math.SinCos(Math.PI / 2 * step / (side - 1));
}
