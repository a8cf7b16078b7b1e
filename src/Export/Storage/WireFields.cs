namespace RealNvp.ML.Export.Storage;

/// <summary>The fields of a protobuf message one after the other, as they stand in its bytes; ends at what is none.</summary>
/// <param name="message">The bytes of the message.</param>
internal ref struct WireFields(ReadOnlySpan<byte> message)
{
    private const int Varint = 0, Fixed64 = 1, LengthDelimited = 2, Fixed32 = 5; // wire types

    private ReadOnlySpan<byte> _rest = message;

    /// <summary>The number of the present field.</summary>
    public int Number { get; private set; }

    /// <summary>The bytes of the present field where it is a message, text or bytes; none where it is a number.</summary>
    public ReadOnlySpan<byte> Bytes { get; private set; }

    /// <summary>Moves to the next field.</summary>
    public bool Next()
    {
        if (!Take(out ulong tag))
            return false;
        Number = (int)(tag >> 3);
        Bytes = default;
        switch ((int)(tag & 7))
        {
            case Varint:
                return Take(out _);
            case Fixed64:
                return Skip(8);
            case Fixed32:
                return Skip(4);
            case LengthDelimited:
                if (!Take(out ulong length) || length > (ulong)_rest.Length)
                    return false;
                Bytes = _rest[..(int)length];
                return Skip((int)length);
            default:
                return false;
        }
    }

    private bool Skip(int count)
    {
        bool there = count <= _rest.Length;
        _rest = there ? _rest[count..] : default;
        return there;
    }

    private bool Take(out ulong value)
    {
        value = 0;
        for (int shift = 0; shift < 64 && !_rest.IsEmpty; shift += 7)
        {
            byte next = _rest[0];
            _rest = _rest[1..];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
                return true;
        }
        return false;
    }
}
