using System.Runtime.ExceptionServices;
using Microsoft.ML;

namespace RealNvp.ML.Transforms.Rows;

/// <summary>
/// Lets errors about data come as they are. ML.NET reads ahead in threads of its own, and hides what goes wrong there under the message
/// "Splitter/consolidator worker encountered exception while consuming source data".
/// </summary>
internal static class SourceErrors
{
    /// <summary>Moves a cursor on.</summary>
    /// <exception cref="InvalidDataException">So said what the cursor reads, in whatever thread.</exception>
    public static bool MoveNextOrTell(this DataViewRowCursor cursor)
    {
        try
        {
            return cursor.MoveNext();
        }
        catch (InvalidOperationException e) when (Told(e) is { } told)
        {
            ExceptionDispatchInfo.Throw(told);
            throw;
        }
    }

    private static InvalidDataException? Told(Exception error)
    {
        for (Exception? cause = error.InnerException; cause is not null; cause = cause.InnerException)
        {
            if (cause is InvalidDataException told)
                return told;
        }
        return null;
    }
}
