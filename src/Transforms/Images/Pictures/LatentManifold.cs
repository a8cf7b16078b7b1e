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
    public static float[] Interpolate(float[] corners, int side)
    {
        int size = corners.Length / 4;
        var latents = new float[side * side * size];
        for (int row = 0; row < side; row++)
        {
            (double sin, double cos) = Math.SinCos(Math.PI / 2 * row / (side - 1));
            for (int column = 0; column < side; column++)
            {
                (double sin2, double cos2) = Math.SinCos(Math.PI / 2 * column / (side - 1));
                Span<float> z = latents.AsSpan((row * side + column) * size, size);
                for (int i = 0; i < size; i++)
                {
                    z[i] = (float)(cos * (cos2 * corners[i] + sin2 * corners[size + i])
                        + sin * (cos2 * corners[2 * size + i] + sin2 * corners[3 * size + i]));
                }
            }
        }
        return latents;
    }
}
