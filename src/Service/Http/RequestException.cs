using Microsoft.AspNetCore.Http;

namespace RealNvp.ML.AspNetCore.Http;

/// <summary>A request that is not as it must be: the status and the sentence that the caller gets.</summary>
internal sealed class RequestException(string message, int status = StatusCodes.Status400BadRequest) : Exception(message)
{
    /// <summary>The status, 4xx.</summary>
    public int Status => status;

    /// <summary>More than the service takes at once.</summary>
    public static RequestException TooLarge(string message) => new(message, StatusCodes.Status413PayloadTooLarge);

    /// <summary>Nothing of the name.</summary>
    public static RequestException NotFound(string message) => new(message, StatusCodes.Status404NotFound);
}
