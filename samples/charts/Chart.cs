using SkiaSharp;

namespace RealNvp.ML.Samples;

/// <summary>
/// One chart on a white page, drawn with SkiaSharp, which ML.NET's images bring along: a title, two axes, lines and bars over them, a
/// legend. Text is set in the embedded font, so that no font need be installed.
/// </summary>
public sealed class Chart : IDisposable
{
    private const int Width = 1400, Height = 800;

    private static readonly SKRect s_plot = new(130, 120, Width - 50, Height - 110);
    private static readonly SKColor s_ink = new(0x22, 0x2B, 0x38), s_grey = new(0x66, 0x70, 0x7E), s_grid = new(0xE4, 0xE8, 0xED);
    private static readonly SKTypeface s_font = SKTypeface.FromStream(typeof(Chart).Assembly.GetManifestResourceStream("font"));

    private readonly SKSurface _surface = SKSurface.Create(new SKImageInfo(Width, Height));
    private readonly Axis _x, _y;
    private float _legendEnd = s_plot.Left;

    /// <summary>A page with its axes; what is drawn later lies over them.</summary>
    public Chart(string title, Axis x, Axis y)
    {
        (_x, _y) = (x, y);
        Canvas.Clear(SKColors.White);
        Text(title, s_plot.Left, 56, 30, s_ink);
        foreach ((double tick, string label) in x.Ticks)
        {
            Stroke(s_grid, 2, At(tick, y.From), At(tick, y.To));
            Text(label, At(tick, y.From).X, s_plot.Bottom + 34, 21, s_grey, SKTextAlign.Center);
        }
        foreach ((double tick, string label) in y.Ticks)
        {
            Stroke(s_grid, 2, At(x.From, tick), At(x.To, tick));
            Text(label, s_plot.Left - 14, At(x.From, tick).Y + 8, 21, s_grey, SKTextAlign.Right);
        }
        Stroke(s_grey, 2, At(x.From, y.From), At(x.To, y.From));
        Text(x.Title, s_plot.MidX, Height - 30, 23, s_ink, SKTextAlign.Center);
        Canvas.Save();
        Canvas.RotateDegrees(-90);
        Text(y.Title, -s_plot.MidY, 40, 23, s_ink, SKTextAlign.Center);
        Canvas.Restore();
    }

    private SKCanvas Canvas => _surface.Canvas;

    /// <summary>Draws a line through points and names it in the legend. Points outside the axes are cut off.</summary>
    public void Line(string name, SKColor color, IEnumerable<(double X, double Y)> points)
    {
        Canvas.Save();
        Canvas.ClipRect(s_plot);
        Stroke(color, 4, [.. points.Select(point => At(point.X, point.Y))]);
        Canvas.Restore();
        Legend(name, color);
    }

    /// <summary>Draws bars that stand on the x axis, translucent so that others show through, and names them in the legend.</summary>
    public void Bars(string name, SKColor color, IEnumerable<(double From, double To, double Height)> bars)
    {
        using var fill = new SKPaint { Color = color.WithAlpha(0xB0), IsAntialias = true };
        foreach ((double from, double to, double height) in bars)
        {
            SKPoint corner = At(from, height), foot = At(to, _y.From);
            Canvas.DrawRect(new SKRect(corner.X + 1, corner.Y, foot.X - 1, foot.Y), fill);
        }
        Legend(name, color);
    }

    /// <summary>Fills what lies between two lines over the same x, and names it in the legend.</summary>
    public void Band(string name, SKColor color, IReadOnlyList<(double X, double From, double To)> points)
    {
        Canvas.Save();
        Canvas.ClipRect(s_plot);
        using var fill = new SKPaint { Color = color.WithAlpha(0x58), IsAntialias = true };
        using var path = new SKPath();
        path.AddPoly([.. points.Select(point => At(point.X, point.From)), .. points.Reverse().Select(point => At(point.X, point.To))]);
        Canvas.DrawPath(path, fill);
        Canvas.Restore();
        Legend(name, color.WithAlpha(0x58));
    }

    /// <summary>Draws points as dots, and names them in the legend.</summary>
    public void Dots(string name, SKColor color, float radius, IEnumerable<(double X, double Y)> points)
    {
        using var fill = new SKPaint { Color = color, IsAntialias = true };
        foreach ((double x, double y) in points)
            Canvas.DrawCircle(At(x, y), radius, fill);
        Legend(name, color);
    }

    /// <summary>Draws an upright dashed line with words beside its top.</summary>
    public void Mark(double x, string words)
    {
        using SKPathEffect dashes = SKPathEffect.CreateDash([10, 8], 0);
        Stroke(s_ink, 3, dashes, At(x, _y.From), At(x, _y.To));
        Text(words, At(x, _y.To).X + 12, s_plot.Top + 24, 21, s_ink);
    }

    /// <summary>Writes the page as PNG.</summary>
    public void Save(string path)
    {
        using SKImage image = _surface.Snapshot();
        using SKData png = image.Encode(SKEncodedImageFormat.Png, quality: 100);
        using FileStream file = File.Create(path);
        png.SaveTo(file);
    }

    public void Dispose() => _surface.Dispose();

    private SKPoint At(double x, double y) => new(
        s_plot.Left + s_plot.Width * (float)_x.Place(x),
        s_plot.Bottom - s_plot.Height * (float)_y.Place(y));

    private void Legend(string name, SKColor color)
    {
        using var fill = new SKPaint { Color = color, IsAntialias = true };
        Canvas.DrawRoundRect(new SKRect(_legendEnd, 82, _legendEnd + 28, 98), 4, 4, fill);
        _legendEnd += 40;
        _legendEnd += Text(name, _legendEnd, 98, 22, s_ink) + 40;
    }

    private float Text(string text, float x, float y, float size, SKColor color, SKTextAlign align = SKTextAlign.Left)
    {
        using var paint = new SKPaint { Typeface = s_font, TextSize = size, Color = color, TextAlign = align, IsAntialias = true,
            SubpixelText = true };
        Canvas.DrawText(text, x, y, paint);
        return paint.MeasureText(text);
    }

    private void Stroke(SKColor color, float width, params SKPoint[] points) => Stroke(color, width, null, points);

    private void Stroke(SKColor color, float width, SKPathEffect? effect, params SKPoint[] points)
    {
        if (points.Length == 0)
            return;
        using var paint = new SKPaint
        {
            Color = color, StrokeWidth = width, PathEffect = effect, Style = SKPaintStyle.Stroke, StrokeJoin = SKStrokeJoin.Round,
                IsAntialias = true,
        };
        using var path = new SKPath();
        path.AddPoly(points, close: false);
        Canvas.DrawPath(path, paint);
    }
}
