using System.Buffers.Binary;
using Manifold.Data;
using SkiaSharp;

namespace Manifold.Tests.Data;

/// <summary>EXIF's eight orientations. The file has a quarter of each grey: A B above C D.</summary>
public class OrientationTests
{
    private const int Width = 32, Height = 16;

    // As the eight values are defined (CIPA DC-008, tag 0x0112): where the file's first row and first column are in the picture.
    public static TheoryData<string, int, string> Cases()
    {
        var cases = new TheoryData<string, int, string>();
        string[] shown = ["AB/CD", "BA/DC", "DC/BA", "CD/AB", "AC/BD", "CA/DB", "DB/CA", "BD/AC"];
        foreach (var format in new[] { "jpeg", "png", "webp" })
            foreach (var (i, quarters) in shown.Index()) cases.Add(format, i + 1, quarters);
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_picture_is_turned_as_its_orientation_says(string format, int orientation, string quarters)
    {
        var picture = PictureFile.Decode(File_(format, orientation), "x");
        var (height, width) = orientation >= 5 ? (Width, Height) : (Height, Width);
        Assert.Equal((height, width), (picture.Shape.Height, picture.Shape.Width));
        char At(int y, int x) => "ABCD"[(int)Math.Round((picture.Values[y * width + x] - 20) / 70.0)];
        Assert.Equal(quarters, $"{At(height / 4, width / 4)}{At(height / 4, 3 * width / 4)}/{At(3 * height / 4, width / 4)}{At(3 * height / 4, 3 * width / 4)}");
    }

    // The square in the middle is cut from the picture as it is shown.
    [Fact]
    public void A_turned_picture_is_resized_as_one_that_was_turned_before()
    {
        using var folder = new TemporaryFolder();
        byte[] Opened(string name, Func<int, byte[]> file)
        {
            Directory.CreateDirectory(folder[name]);
            for (var i = 0; i < 10; i++) File.WriteAllBytes(folder[$"{name}/{i}.png"], file(i));
            var set = DataSet.Open(new DataSettings { Set = folder[name], Size = 7 });
            return [.. set.Train.InOrder(0, 9, PixelRange.Bytes).X.flatten().data<float>().ToArray().Select(value => (byte)value)];
        }
        var turned = Opened("turned", i => WithPngExif(Encoded(SKEncodedImageFormat.Png, (x, y) => Value(x, y, i)), Exif(6)));
        var before = Opened("before", i => Encoded(SKEncodedImageFormat.Png, (x, y) => Value(y, Height - 1 - x, i), Height, Width));   // a quarter turn clockwise
        Assert.Equal(before, turned);

        static byte Value(int x, int y, int i) => (byte)(x * 7 + y * y * 3 + i);
    }

    // Big-endian, behind another entry; and lists that are cut short or point nowhere tell nothing.
    [Fact]
    public void A_pngs_exif_is_read_in_both_orders_and_a_broken_one_tells_nothing()
    {
        byte[] motorola = [(byte)'M', (byte)'M', 0, 42, 0, 0, 0, 8, 0, 2, 1, 0, 0, 3, 0, 0, 0, 1, 0, 9, 0, 0, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0];
        var png = Encoded(SKEncodedImageFormat.Png, (x, y) => (byte)(x + y));
        Assert.Equal(Width, PictureFile.Decode(WithPngExif(png, motorola), "x").Shape.Height);
        foreach (var exif in new[] { [], motorola[..7], motorola[..8], motorola[..9], motorola[..21], motorola[..33], [.. "MM\0*"u8, 255, 255, 255, 255], Exif(0), Exif(9) })
            Assert.Equal(Height, PictureFile.Decode(WithPngExif(png, exif), "x").Shape.Height);
    }

    private static byte[] File_(string format, int orientation)
    {
        static byte Quarter(int x, int y) => (byte)(20 + 70 * (x / (Width / 2) + 2 * (y / (Height / 2))));
        return format switch
        {
            "jpeg" => WithJpegExif(Encoded(SKEncodedImageFormat.Jpeg, Quarter), Exif(orientation)),
            "png" => WithPngExif(Encoded(SKEncodedImageFormat.Png, Quarter), Exif(orientation)),
            _ => WithWebpExif(Encoded(SKEncodedImageFormat.Webp, Quarter), Exif(orientation)),
        };
    }

    private static byte[] Encoded(SKEncodedImageFormat format, Func<int, int, byte> value, int width = Width, int height = Height)
    {
        using var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        for (var y = 0; y < height; y++) for (var x = 0; x < width; x++) bitmap.SetPixel(x, y, new SKColor(value(x, y), value(x, y), value(x, y)));
        return bitmap.Encode(format, 100).ToArray();
    }

    // A TIFF header and one entry: tag 0x0112, one number of 16 bits.
    private static byte[] Exif(int orientation) =>
        [(byte)'I', (byte)'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, (byte)orientation, 0, 0, 0, 0, 0, 0, 0];

    private static byte[] WithJpegExif(byte[] file, byte[] exif)
    {
        byte[] body = [.. "Exif\0\0"u8, .. exif];
        return [.. file[..2], 0xFF, 0xE1, (byte)((body.Length + 2) >> 8), (byte)(body.Length + 2), .. body, .. file[2..]];
    }

    private static byte[] WithPngExif(byte[] file, byte[] exif)
    {
        const int header = 8 + 25;                               // the signature and IHDR
        byte[] body = [.. "eXIf"u8, .. exif];
        var crc = uint.MaxValue;
        foreach (var b in body) { crc ^= b; for (var k = 0; k < 8; k++) crc = (crc & 1) == 1 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1; }
        return [.. file[..header], .. Number(exif.Length), .. body, .. Number((int)~crc), .. file[header..]];

        static byte[] Number(int value)
        {
            var bytes = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(bytes, value);
            return bytes;
        }
    }

    // The extended format: VP8X with the flag of EXIF and the canvas, the picture's chunk as it was, EXIF.
    private static byte[] WithWebpExif(byte[] file, byte[] exif)
    {
        byte[] canvas = [8, 0, 0, 0, Width - 1, 0, 0, Height - 1, 0, 0];
        byte[] body = [.. "WEBP"u8, .. Chunk("VP8X"u8, canvas), .. file[12..], .. Chunk("EXIF"u8, exif)];
        return [.. "RIFF"u8, .. BitConverter.GetBytes(body.Length), .. body];

        static byte[] Chunk(ReadOnlySpan<byte> name, byte[] data) => [.. name, .. BitConverter.GetBytes(data.Length), .. data, .. new byte[data.Length % 2]];
    }
}
