using System.Text;
using RealNvp.ML.Tool.Running;

namespace RealNvp.ML.Tool.Tables;

/// <summary>
/// Ends the reading of text that is not UTF-8. .NET would put a mark in the place of what it cannot read, and letters of a Latin-1 file
/// would be lost in the rows that are repeated, and different categories could become one.
/// </summary>
/// <param name="name">The file, for the message.</param>
internal sealed class NotUtf8(string name) : DecoderFallback
{
    /// <inheritdoc/>
    public override int MaxCharCount => 1;

    /// <inheritdoc/>
    public override DecoderFallbackBuffer CreateFallbackBuffer() => new Refusal(name);

    private sealed class Refusal(string name) : DecoderFallbackBuffer
    {
        public override int Remaining => 0;

        public override bool Fallback(byte[] bytesUnknown, int index) => throw new ToolException($"{name} is not UTF-8: it holds the byte "
            + $"0x{bytesUnknown[0]:X2} where no letter has it. --encoding latin1 (or windows-1252, ...) says what it is.");

        public override char GetNextChar() => '\0';

        public override bool MovePrevious() => false;
    }
}
