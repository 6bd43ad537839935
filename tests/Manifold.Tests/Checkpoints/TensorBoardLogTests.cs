using System.Buffers.Binary;
using Manifold.Checkpoints;
using Tensorboard;

namespace Manifold.Tests.Checkpoints;

public class TensorBoardLogTests
{
    // CRC-32C bit by bit (Castagnoli, reflected polynomial 0x82F63B78), which the log takes from the processor.
    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * 0x82F63B78);
        }
        return ~crc;
    }

    private static uint Masked(ReadOnlySpan<byte> bytes) => Crc(bytes) is var crc ? ((crc >> 15) | (crc << 17)) + 0xa282ead8 : 0;

    private static List<Event> Read(string path)
    {
        var bytes = File.ReadAllBytes(path).AsSpan();
        var events = new List<Event>();
        while (bytes.Length > 0)
        {
            var length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
            Assert.Equal(Masked(bytes[..8]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]));
            Assert.Equal(Masked(bytes.Slice(12, length)), BinaryPrimitives.ReadUInt32LittleEndian(bytes[(12 + length)..]));
            events.Add(Event.Parser.ParseFrom(bytes.Slice(12, length).ToArray()));
            bytes = bytes[(16 + length)..];
        }
        return events;
    }

    [Fact]
    public void The_check_of_the_check_is_the_published_one() => Assert.Equal(0xE3069283, Crc("123456789"u8));

    [Fact]
    public void Every_record_is_framed_and_says_what_was_logged()
    {
        using var folder = new TemporaryFolder();
        byte[] png = [0x89, .. "PNG\r\n\u001a\n"u8, 0, 0, 0, 13, .. "IHDR"u8, 0, 0, 0, 7, 0, 0, 0, 9];
        using (var log = new TensorBoardLog(folder.Path))
        {
            log.Scalars(100, new Dictionary<string, double> { ["loss"] = 1.5, ["nll"] = -2 });
            log.Picture(100, "fakes", png);
            log.Restart(100);
        }

        var events = Read(Assert.Single(Directory.GetFiles(folder.Path, "events.out.tfevents.*")));
        Assert.Equal("brain.Event:2", events[0].FileVersion);
        Assert.Equal([("loss", 1.5f), ("nll", -2f)], events[1].Summary.Value.Select(value => (value.Tag, value.SimpleValue)));
        Assert.Equal(100, events[1].Step);
        var image = Assert.Single(events[2].Summary.Value).Image;
        Assert.Equal((7, 9), (image.Width, image.Height));
        Assert.Equal(png, image.EncodedImageString.ToByteArray());
        Assert.Equal((101L, SessionLog.Types.SessionStatus.Start), (events[3].Step, events[3].SessionLog.Status));
    }
}
