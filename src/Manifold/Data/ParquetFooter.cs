namespace Manifold.Data;

/// <summary>
/// The note at the end of a Parquet table, walked before the library reads it: it believes every count, and a single wrong byte can make it loop for ever or ask for all memory there is.
/// The note is a struct of Thrift's compact protocol, four bytes of its length and PAR1.
/// </summary>
internal static class ParquetFooter
{
    private const int Tail = 8;               // length and PAR1
    private const int Deepest = 32;           // things within things; the format itself needs 6
    private const int Largest = 256 << 20;    // bytes

    /// <summary>Refuses a table whose note says that it is longer than it is.</summary>
    /// <exception cref="DataException">The note does not end where the file says, or it holds lists or texts that it has no room for.</exception>
    public static void Check(FileStream table, string path)
    {
        DataException Broken(string why) => new($"{path} is not a whole Parquet table: {why}. It may be cut short; get it again.");

        if (table.Length < Tail + 4) throw Broken($"it has {table.Length} bytes");
        var tail = new byte[Tail];
        table.Position = table.Length - Tail;
        table.ReadExactly(tail);
        if (!tail.AsSpan(4).SequenceEqual("PAR1"u8)) throw Broken("it does not end with PAR1");
        var length = BitConverter.ToInt32(tail);
        if (length < 1 || length > Math.Min(Largest, table.Length - Tail - 4)) throw Broken($"its last note would have {length:N0} bytes");
        var note = new byte[length];
        table.Position = table.Length - Tail - length;
        table.ReadExactly(note);
        table.Position = 0;
        try
        {
            Struct(note, depth: 0);
        }
        catch (Exception e) when (e is FormatException or ArgumentOutOfRangeException or IndexOutOfRangeException)
        {
            throw Broken("its last note runs over its end");
        }
    }

    // Each returns what is left after the thing it stepped over; what is not there throws.
    private static ReadOnlySpan<byte> Struct(ReadOnlySpan<byte> rest, int depth)
    {
        while (true)
        {
            var field = rest[0];
            rest = rest[1..];
            if (field == 0) return rest;
            if (field >> 4 == 0) rest = Number(rest, out _);                               // the field's number in full, where the step to it is not 1 to 15
            if ((field & 15) is not (1 or 2)) rest = Value(rest, field & 15, depth);       // a field that is true or false has its value in its type
        }
    }

    private static ReadOnlySpan<byte> Value(ReadOnlySpan<byte> rest, int type, int depth)
    {
        if (depth > Deepest) throw new FormatException();
        switch (type)
        {
            case 1 or 2 or 3: return rest[1..];                                            // true, false, a byte
            case 4 or 5 or 6: return Number(rest, out _);                                  // whole numbers of 16, 32 and 64 bits
            case 7: return rest[8..];                                                      // a double
            case 8:                                                                        // bytes or text
                rest = Number(rest, out var bytes);
                return rest[(int)Math.Min(bytes, int.MaxValue)..];
            case 9 or 10:                                                                  // a list or a set
                var head = rest[0];
                rest = rest[1..];
                var count = (ulong)(head >> 4);
                if (count == 15) rest = Number(rest, out count);
                for (; count > 0; count--) rest = Value(rest, head & 15, depth + 1);       // every item takes a byte at least: the note's end ends it
                return rest;
            case 12: return Struct(rest, depth + 1);
            default: throw new FormatException();                                          // the table's note has no maps
        }
    }

    private static ReadOnlySpan<byte> Number(ReadOnlySpan<byte> rest, out ulong value)
    {
        value = 0;
        for (var i = 0; i < 10; i++)
        {
            value |= (ulong)(rest[i] & 127) << (7 * i);
            if (rest[i] < 128) return rest[(i + 1)..];
        }
        throw new FormatException();
    }
}
