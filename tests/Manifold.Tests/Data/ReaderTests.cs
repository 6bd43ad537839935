using System.Formats.Tar;
using System.IO.Compression;
using Manifold.Data;
using Manifold.Pictures;
using SkiaSharp;

namespace Manifold.Tests.Data;

public class ReaderTests
{
    private static byte[] Png(int height, int width, int channels, Func<int, int, int, byte> value)
    {
        var pixels = new byte[height * width * channels];
        for (var y = 0; y < height; y++) for (var x = 0; x < width; x++) for (var c = 0; c < channels; c++) pixels[(y * width + x) * channels + c] = value(y, x, c);
        return new Picture(height, width, channels, pixels).ToPng();
    }

    private static byte[] Grey(byte value = 77, int size = 6) => Png(size, size, 1, (_, _, _) => value);

    private static byte[] Encoded(SKEncodedImageFormat format)
    {
        using var bitmap = new SKBitmap(8, 8, SKColorType.Rgba8888, SKAlphaType.Opaque);
        bitmap.Erase(new SKColor(200, 100, 50));
        return bitmap.Encode(format, 95).ToArray();
    }

    // Class folders a and b, ten pictures of each; the value of a picture's pixels tells which it is.
    private static void Write(Action<string, byte[]> write, string prefix = "")
    {
        for (var i = 0; i < 10; i++)
        {
            write($"{prefix}a/{i:D2}.png", Grey((byte)i));
            write($"{prefix}b/{i:D2}.png", Grey((byte)(100 + i)));
        }
    }

    private static string Folder(TemporaryFolder temporary, string prefix = "")
    {
        Write((path, bytes) =>
        {
            Directory.CreateDirectory(Path.GetDirectoryName(temporary[$"set/{path}"])!);
            File.WriteAllBytes(temporary[$"set/{path}"], bytes);
        }, prefix);
        return temporary["set"];
    }

    private static string Zip(TemporaryFolder temporary)
    {
        using var zip = ZipFile.Open(temporary["set.zip"], ZipArchiveMode.Create);
        Write((path, bytes) => { using var entry = zip.CreateEntry(path).Open(); entry.Write(bytes); }, "set/");
        return temporary["set.zip"];
    }

    private static string Tar(TemporaryFolder temporary)
    {
        using var file = new GZipStream(File.Create(temporary["set.tar.gz"]), CompressionLevel.Fastest);
        using var tar = new TarWriter(file);
        Write((path, bytes) => tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, path) { DataStream = new MemoryStream(bytes) }));
        return temporary["set.tar.gz"];
    }

    [Theory]
    [InlineData("x", "")]
    [InlineData("x.gz", "gzip")]
    [InlineData("x.br", "Brotli")]
    public void Idx_files_come_back_as_they_were_packed_and_broken_ones_are_named(string name, string packing)
    {
        using var temporary = new TemporaryFolder();
        byte[] values = [.. Enumerable.Range(0, 30_000).Select(i => (byte)(i * i / 7))];
        Idx.Write(temporary[name], [10, 50, 60], values);
        var (sizes, read) = Idx.Read(temporary[name]);
        Assert.Equal([10, 50, 60], sizes);
        Assert.Equal(values, read);

        var bytes = File.ReadAllBytes(temporary[name]);
        File.WriteAllBytes(temporary[name], bytes[..^20]);
        Assert.Contains(name, Assert.Throws<DataException>(() => Idx.Read(temporary[name])).Message);
        if (packing.Length == 0) return;
        File.WriteAllBytes(temporary[name], [.. bytes[..2], .. Enumerable.Repeat((byte)0xff, 400)]);
        Assert.Contains($"is not a whole {packing} file", Assert.Throws<DataException>(() => Idx.Read(temporary[name])).Message);
    }

    [Fact]
    public void A_folder_a_zip_and_a_tar_of_the_same_pictures_are_the_same_set()
    {
        using var temporary = new TemporaryFolder();
        var sets = new[] { Folder(temporary), Zip(temporary), Tar(temporary) }.Select(path => DataSet.Open(new DataSettings { Set = path })).ToList();

        Assert.Single(sets.Select(set => set.Fingerprint).Distinct());
        Assert.All(sets, set =>
        {
            Assert.Equal((new PictureShape(1, 6, 6), 18, 2), (set.Shape, set.Train.Count, set.Validation.Count));
            Assert.Null(set.Test);
            Assert.Equal(["a", "b"], set.ClassNames);
            var batch = set.Train.InOrder(0, 18, PixelRange.Bytes);
            Assert.Equal(batch.X[.., 0, 0, 0].data<float>().ToArray().Select(value => value < 100 ? 0L : 1L), batch.Labels!.data<long>().ToArray());
        });
    }

    // Sorted by class, the last tenth would be of one class; the set is put in one named order first.
    [Fact]
    public void Validation_shares_no_picture_with_training_and_has_more_than_the_last_class()
    {
        using var temporary = new TemporaryFolder();
        for (var i = 0; i < 100; i++)
        {
            Directory.CreateDirectory(temporary[$"set/{i / 50}"]);
            File.WriteAllBytes(temporary[$"set/{i / 50}/{i:D3}.png"], Grey((byte)i));
        }
        var set = DataSet.Open(new DataSettings { Set = temporary["set"] });
        float[] Values(Split split) => split.InOrder(0, split.Count, PixelRange.Bytes).X[.., 0, 0, 0].data<float>().ToArray();
        Assert.Equal(Enumerable.Range(0, 100).Select(i => (float)i), Values(set.Train).Concat(Values(set.Validation)).Order());
        Assert.Equal(2, set.Validation.InOrder(0, 10, PixelRange.Bytes).Labels!.data<long>().ToArray().Distinct().Count());
    }

    [Fact]
    public void Folders_named_train_and_test_are_parts()
    {
        using var temporary = new TemporaryFolder();
        Folder(temporary, "train/");
        Folder(temporary, "test/");
        var set = DataSet.Open(new DataSettings { Set = temporary["set"] });
        Assert.Equal((18, 2, 20), (set.Train.Count, set.Validation.Count, set.Test!.Count));
    }

    [Theory]
    [InlineData(SKEncodedImageFormat.Png), InlineData(SKEncodedImageFormat.Jpeg), InlineData(SKEncodedImageFormat.Webp)]
    public void Png_jpeg_and_webp_are_read_in_the_order_red_green_blue(SKEncodedImageFormat format)
    {
        var picture = PictureFile.Decode(Encoded(format), "x");
        Assert.Equal(new PictureShape(3, 8, 8), picture.Shape);
        foreach (var (channel, expected) in new[] { 200, 100, 50 }.Index()) Assert.InRange(picture.Values[64 * channel + 20], expected - 4, expected + 4);   // lossy formats come near
    }

    [Fact]
    public void What_is_transparent_shows_white()
    {
        using var bitmap = new SKBitmap(new SKImageInfo(2, 1, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        bitmap.SetPixel(0, 0, new SKColor(10, 20, 30, 0));
        bitmap.SetPixel(1, 0, new SKColor(0, 0, 0, 128));
        var picture = PictureFile.Decode(bitmap.Encode(SKEncodedImageFormat.Png, 100).ToArray(), "x");
        Assert.Equal([255, 127, 255, 127, 255, 127], picture.Values);                     // 0 x 128 + 255 x 127 over 255
    }

    // Assembled by hand: IHDR says colour type 3 with 8 bits, or grey with 16; zlib holds one row each.
    [Theory]
    [InlineData(3, 8, new byte[] { 0, 1, 0 }, new byte[] { 255, 10, 0, 20, 0, 30 }, 3)]   // a palette of red and (10, 20, 30), pixels 1 and 0
    [InlineData(0, 16, new byte[] { 0, 0x80, 0x00, 0xFF, 0xFF }, new byte[] { 0x80, 0xFF }, 1)]
    public void Palettes_are_looked_up_and_sixteen_bits_become_eight(byte colourType, byte depth, byte[] row, byte[] expected, int channels)
    {
        byte[] palette = [255, 0, 0, 10, 20, 30];
        var picture = PictureFile.Decode(HandMadePng(2, 1, depth, colourType, colourType == 3 ? palette : null, row), "x");
        Assert.Equal(channels, picture.Shape.Channels);
        if (colourType == 3) Assert.Equal([10, 255, 20, 0, 30, 0], picture.Values);
        else Assert.Equal(expected, picture.Values);
    }

    private static byte[] HandMadePng(int width, int height, byte depth, byte colourType, byte[]? palette, byte[] rows)
    {
        using var png = new MemoryStream();
        png.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        void Chunk(string type, byte[] data)
        {
            byte[] body = [.. System.Text.Encoding.ASCII.GetBytes(type), .. data];
            var crc = uint.MaxValue;
            foreach (var b in body) { crc ^= b; for (var k = 0; k < 8; k++) crc = (crc & 1) == 1 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1; }
            foreach (var number in new[] { (uint)data.Length }) png.Write([(byte)(number >> 24), (byte)(number >> 16), (byte)(number >> 8), (byte)number]);
            png.Write(body);
            crc = ~crc;
            png.Write([(byte)(crc >> 24), (byte)(crc >> 16), (byte)(crc >> 8), (byte)crc]);
        }
        Chunk("IHDR", [0, 0, 0, (byte)width, 0, 0, 0, (byte)height, depth, colourType, 0, 0, 0]);
        if (palette is not null) Chunk("PLTE", palette);
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true)) zlib.Write(rows);
        Chunk("IDAT", packed.ToArray());
        Chunk("IEND", []);
        return png.ToArray();
    }

    [Fact]
    public void A_broken_picture_is_named_or_left_out_and_counted()
    {
        using var temporary = new TemporaryFolder();
        var folder = Folder(temporary);
        var bytes = File.ReadAllBytes(Path.Combine(folder, "a/05.png"));
        File.WriteAllBytes(Path.Combine(folder, "a/05.png"), bytes[..(bytes.Length / 2)]);

        Assert.Contains("a/05.png", Assert.Throws<DataException>(() => DataSet.Open(new DataSettings { Set = folder })).Message);
        var set = DataSet.Open(new DataSettings { Set = folder, SkipBad = true });
        Assert.Equal((1, 19), (set.Skipped, set.Train.Count + set.Validation.Count));
    }

    [Fact]
    public void Pictures_of_several_sizes_are_named_and_brought_to_one_on_request()
    {
        using var temporary = new TemporaryFolder();
        var folder = Folder(temporary);
        File.WriteAllBytes(Path.Combine(folder, "b/03.png"), Grey(1, size: 9));
        Assert.Contains("b/03.png is 9x9", Assert.Throws<DataException>(() => DataSet.Open(new DataSettings { Set = folder })).Message);
        Assert.Equal(new PictureShape(1, 4, 4), DataSet.Open(new DataSettings { Set = folder, Size = 4 }).Shape);
    }

    [Fact]
    public void One_colour_picture_makes_the_set_a_colour_set()
    {
        using var temporary = new TemporaryFolder();
        var folder = Folder(temporary);
        File.WriteAllBytes(Path.Combine(folder, "b/03.png"), Png(6, 6, 3, (_, _, c) => (byte)(c * 50)));
        Assert.Equal(new PictureShape(3, 6, 6), DataSet.Open(new DataSettings { Set = folder }).Shape);
    }

    [Fact]
    public void An_empty_folder_and_an_unknown_name_are_refused_with_the_way_out()
    {
        using var temporary = new TemporaryFolder();
        Assert.Contains("holds no PNG", Assert.Throws<DataException>(() => DataSet.Open(new DataSettings { Set = temporary.Path })).Message);
        Assert.Contains("Did you mean \"bundled\"?", Assert.Throws<DataException>(() => DataSet.Open(new DataSettings { Set = "bundeld" }, temporary.Path)).Message);
    }

    [Fact]
    public void Resizing_keeps_what_is_constant_and_averages_away_what_is_too_fine()
    {
        var constant = Resize.ToSquare(new Pixels(new PictureShape(3, 20, 30), Enumerable.Repeat((byte)90, 1800).ToArray()), 7);
        Assert.All(constant.Values, value => Assert.Equal(90, value));

        var stripes = new byte[64 * 64];                                                  // black and white columns, one pixel each
        for (var i = 0; i < stripes.Length; i++) stripes[i] = (byte)(i % 2 * 255);
        Assert.All(Resize.ToSquare(new Pixels(new PictureShape(1, 64, 64), stripes), 24).Values, value => Assert.InRange(value, 108, 147));   // grey, and no slow beat of 64 against 24

        var same = Enumerable.Range(0, 25).Select(i => (byte)(i * 10)).ToArray();
        Assert.Equal(same, Resize.ToSquare(new Pixels(new PictureShape(1, 5, 5), same), 5).Values);
    }

    [Fact]
    public void The_square_is_cut_from_the_middle()
    {
        var wide = new byte[2 * 6];
        for (var i = 0; i < wide.Length; i++) wide[i] = (byte)(i % 6 * 40);
        Assert.Equal([80, 120, 80, 120], Resize.ToSquare(new Pixels(new PictureShape(1, 2, 6), wide), 2).Values);
    }

    [Fact]
    public void Idx_files_are_read_plain_and_packed_with_their_labels_beside_them()
    {
        using var temporary = new TemporaryFolder();
        foreach (var end in new[] { "", ".gz" })
        {
            Idx.Write(temporary[$"some-images-idx3-ubyte{end}"], [20, 2, 3], Enumerable.Range(0, 120).Select(i => (byte)i).ToArray());
            Idx.Write(temporary[$"some-labels-idx1-ubyte{end}"], [20], Enumerable.Range(0, 20).Select(i => (byte)(i % 4)).ToArray());
            var set = DataSet.Open(new DataSettings { Set = temporary[$"some-images-idx3-ubyte{end}"] });
            var batch = set.Train.InOrder(0, set.Train.Count, PixelRange.Bytes);
            var labels = batch.Labels!.data<long>().ToArray();
            foreach (var (at, pixels) in batch.X.flatten().data<float>().ToArray().Chunk(6).Index())
            {
                var picture = (int)pixels[0] / 6;                                          // the set is mixed; its first pixel tells which it is
                Assert.Equal(Enumerable.Range(6 * picture, 6).Select(value => (float)value), pixels);
                Assert.Equal(picture % 4, labels[at]);
            }
        }
    }

    [Fact]
    public void Cifar_records_are_planes_of_red_green_and_blue()
    {
        using var temporary = new TemporaryFolder();
        var records = Enumerable.Range(0, 10).SelectMany(i => new[] { (byte)i }.Concat(Enumerable.Range(0, 3072).Select(p => (byte)(p / 1024 * 100 + i)))).ToArray();
        File.WriteAllBytes(temporary["data.bin"], records);
        var batch = DataSet.Open(new DataSettings { Set = temporary["data.bin"] }).Train.InOrder(0, 1, PixelRange.Bytes);
        var label = batch.Labels!.item<long>();
        Assert.Equal([label, 100 + label, 200 + label], batch.X[0, .., 31, 31].data<float>().ToArray());
    }

    [Theory]
    [InlineData("images.idx"), InlineData("images.idx.gz"), InlineData("data.bin"), InlineData("set.zip"), InlineData("set.tar.gz"), InlineData("picture.png"), InlineData("picture.jpeg"), InlineData("picture.webp")]
    public void Mutated_files_end_in_nothing_but_our_own_refusal(string name)
    {
        using var temporary = new TemporaryFolder();
        var good = name switch
        {
            "set.zip" => File.ReadAllBytes(Zip(temporary)),
            "set.tar.gz" => File.ReadAllBytes(Tar(temporary)),
            "data.bin" => new byte[30730],
            "picture.png" => Encoded(SKEncodedImageFormat.Png),
            "picture.jpeg" => Encoded(SKEncodedImageFormat.Jpeg),
            "picture.webp" => Encoded(SKEncodedImageFormat.Webp),
            _ => MadeIdx(temporary[name]),
        };
        var path = temporary[$"mutated-{name}"];
        var memory = new PeakMemory();
        var refused = Mutations.Try(good, Mutations.Count, bytes =>
        {
            try
            {
                if (name.StartsWith("picture", StringComparison.Ordinal)) PictureFile.Decode(bytes, name);
                else
                {
                    File.WriteAllBytes(path, bytes);
                    DataSet.Open(new DataSettings { Set = path });
                }
                return true;
            }
            catch (DataException) { return false; }
        });
        Assert.InRange(refused, Mutations.Count / 10, Mutations.Count);
        Assert.True(memory.Growth < 1_000_000_000, $"{memory.Growth:N0} bytes");
    }

    // What lies inside is broken, and the sums of the package are right.
    [Theory]
    [InlineData("images.idx.gz"), InlineData("data.bin.gz"), InlineData("set.npz"), InlineData("set.zip"), InlineData("set.tar")]
    public void Mutated_contents_of_whole_packages_end_in_nothing_but_our_own_refusal(string name)
    {
        using var temporary = new TemporaryFolder();
        var good = name switch
        {
            "images.idx.gz" => MadeIdx(temporary["x"]),
            "data.bin.gz" => new byte[30730],
            "set.npz" => [0x93, .. "NUMPY"u8, 1, 0, 70, 0, .. System.Text.Encoding.ASCII.GetBytes("{'descr': '<f4', 'fortran_order': False, 'shape': (12, 2, 2), }".PadRight(69) + "\n"), .. new byte[192]],
            _ => Grey(),
        };
        var path = temporary[$"mutated-{name}"];
        var memory = new PeakMemory();
        var refused = Mutations.Try(good, Mutations.Count, bytes =>
        {
            try
            {
                File.WriteAllBytes(path, bytes);
                DataSet.Open(new DataSettings { Set = path });
                return true;
            }
            catch (DataException) { return false; }
        }, content => Packed(name, content));
        Assert.InRange(refused, Mutations.Count / 10, Mutations.Count);
        Assert.True(memory.Growth < 1_000_000_000, $"{memory.Growth:N0} bytes");
    }

    private static byte[] Packed(string name, byte[] content)
    {
        using var memory = new MemoryStream();
        if (name.EndsWith(".gz", StringComparison.Ordinal))
            using (var gzip = new GZipStream(memory, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(content);
        else if (name == "set.tar")
            using (var tar = new TarWriter(memory, leaveOpen: true)) Write((path, bytes) => tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, path) { DataStream = new MemoryStream(path == "b/03.png" ? content : bytes) }));
        else
            using (var zip = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
            {
                void Add(string path, byte[] bytes) { using var entry = zip.CreateEntry(path).Open(); entry.Write(bytes); }
                if (name == "set.npz") Add("x.npy", content);
                else Write((path, bytes) => Add(path, path == "b/03.png" ? content : bytes));
            }
        return memory.ToArray();
    }

    private static byte[] MadeIdx(string path)
    {
        Idx.Write(path, [12, 4, 4], new byte[192]);
        return File.ReadAllBytes(path);
    }
}
