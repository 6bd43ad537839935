using System.Buffers.Binary;
using Google.Protobuf;
using Manifold.Engine;
using Tensorboard;

namespace Manifold.Checkpoints;

/// <summary>A run's scalars and pictures in TensorBoard's event format, over TorchSharp's own message types.</summary>
/// <remarks>A record is its length, a masked CRC-32C of the length, the bytes, a masked CRC-32C of the bytes (TFRecord format).</remarks>
internal sealed class TensorBoardLog : IDisposable
{
    /// <summary>Of the files' names.</summary>
    public const string Pattern = "events.out.tfevents.*";

    private readonly FileStream file;

    public TensorBoardLog(string folder)
    {
        // TensorBoard reads the files of a folder in the order of their names, so the time comes first, then the process.
        var name = $"events.out.tfevents.{DateTimeOffset.UtcNow.ToUnixTimeSeconds():D10}.{Environment.ProcessId}.manifold";
        var path = System.IO.Path.Combine(folder, name);
        RegularFile.ExpectRegularOrMissing(path);
        file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read);
        Write(new Event { FileVersion = "brain.Event:2" });
    }

    public void Scalars(long step, IReadOnlyDictionary<string, double> values)
    {
        var summary = new Summary();
        foreach (var (name, value) in values) summary.Value.Add(new Summary.Types.Value { Tag = name, SimpleValue = (float)value });
        Write(new Event { Step = step, Summary = summary });
    }

    public void Picture(long step, string tag, byte[] png)
    {
        var image = new Summary.Types.Image { EncodedImageString = ByteString.CopyFrom(png), Width = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16)), Height = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(20)) };   // from the PNG's first chunk
        var summary = new Summary();
        summary.Value.Add(new Summary.Types.Value { Tag = tag, Image = image });
        Write(new Event { Step = step, Summary = summary });
    }

    /// <summary>Says that the run goes on from here, so that TensorBoard drops what came after from an earlier try.</summary>
    public void Restart(long step) =>
        Write(new Event { Step = step + 1, SessionLog = new SessionLog { Status = SessionLog.Types.SessionStatus.Start } });

    public void Dispose() => file.Dispose();

    private void Write(Event record)
    {
        record.WallTime = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0;
        var body = record.ToByteArray();
        var frame = new byte[16 + body.Length];
        BinaryPrimitives.WriteInt64LittleEndian(frame, body.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(8), Masked(frame.AsSpan(0, 8)));
        body.CopyTo(frame, 12);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(12 + body.Length), Masked(body));
        file.Write(frame);   // in one piece, so that a kill tears at most the last record, which readers skip
        file.Flush();
    }

    private static uint Masked(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes) crc = System.Numerics.BitOperations.Crc32C(crc, b);
        crc = ~crc;
        return ((crc >> 15) | (crc << 17)) + 0xa282ead8;
    }
}
