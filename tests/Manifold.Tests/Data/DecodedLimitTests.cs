using System.IO.Compression;
using System.Text;
using Manifold.Data;
using SkiaSharp;

namespace Manifold.Tests.Data;

/// <summary>1 GB of decoded pictures, held against declared sizes before memory is taken, and little memory besides the set itself.</summary>
public class DecodedLimitTests
{
    private const long Slack = 64 << 20;            // the collector's leeway, buffers

    private static DataException Refused(string path, int? size = null) =>
        Assert.Throws<DataException>(() => DataSet.Open(new DataSettings { Set = path, Size = size }));

    private static void ExpectOwnWords(DataException refusal)
    {
        Assert.Contains("the limit is 1 GB", refusal.Message);
        Assert.Contains("GB decoded", refusal.Message);
        Assert.Contains("--set data.size=", refusal.Message);
    }

    private static byte[] NpyHeader(string descr, string shape)
    {
        var text = $"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".PadRight(117) + "\n";
        return [0x93, .. "NUMPY"u8, 1, 0, .. BitConverter.GetBytes((ushort)text.Length), .. Encoding.ASCII.GetBytes(text)];
    }

    private static byte[] IdxHeader(params int[] sizes) => [0, 0, 8, (byte)sizes.Length, .. sizes.SelectMany(size => BitConverter.GetBytes(size).Reverse())];

    private static void WritePacked(string path, byte[] header, long zeros)
    {
        using var file = new GZipStream(File.Create(path), CompressionLevel.Fastest);
        file.Write(header);
        var block = new byte[1 << 20];
        for (var left = zeros; left > 0; left -= block.Length) file.Write(block, 0, (int)Math.Min(left, block.Length));
    }

    private static byte[] Png(int side, SKColorType kind = SKColorType.Gray8)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(side, side, kind, SKAlphaType.Opaque));
        return bitmap.Encode(SKEncodedImageFormat.Png, 1).ToArray();
    }

    private static string Made(TemporaryFolder folder, string kind)
    {
        var path = folder[kind];
        switch (kind)
        {
            case "set.idx": Idx.Write(path, [2_000, 4, 4], new byte[32_000]); break;
            case "set.idx.gz": Idx.Write(path, [2_000, 4, 4], new byte[32_000]); break;
            case "set.npy": File.WriteAllBytes(path, [.. NpyHeader("|u1", "(2000, 4, 4)"), .. new byte[32_000]]); break;
            case "set.bin": File.WriteAllBytes(path, new byte[2_000 * 3073]); break;
            case "set.bin.gz": WritePacked(path, [], 2_000 * 3073); break;
            case "pictures":
                Directory.CreateDirectory(path);
                var png = Png(4);
                for (var i = 0; i < 40; i++) File.WriteAllBytes(folder[$"pictures/{i:D2}.png"], png);
                break;
        }
        return path;
    }

    [Theory]
    [InlineData("set.idx", 5_000), InlineData("set.idx.gz", 5_000), InlineData("set.npy", 5_000), InlineData("set.bin", 5_000), InlineData("set.bin.gz", 500), InlineData("pictures", 8_192)]
    public void A_size_too_large_is_refused_before_memory_is_taken(string kind, int size)
    {
        using var folder = new TemporaryFolder();
        var path = Made(folder, kind);
        var memory = new PeakMemory();
        ExpectOwnWords(Refused(path, size));
        Assert.InRange(memory.Growth, long.MinValue, Slack);
    }

    [Fact]
    public void The_bundled_set_and_stacked_digits_have_the_limit_too()
    {
        var memory = new PeakMemory();
        ExpectOwnWords(Refused(DataSet.Bundled, 500));
        ExpectOwnWords(Refused(StackedPictures.Name, 500));
        Assert.InRange(memory.Growth, long.MinValue, Slack);
    }

    [Theory]
    [InlineData(8_193), InlineData(100_000), InlineData(int.MaxValue), InlineData(0)]
    public void Sizes_beyond_any_picture_are_refused_by_the_setting(int size) =>
        Assert.Contains($"data.size is {size}; it needs 1 to 8192", Assert.Throws<ArgumentOutOfRangeException>(() => DataSet.Open(new DataSettings { Size = size })).Message);

    // Of a set of several files too: the splits that are not read yet count.
    [Fact]
    public void The_way_out_fits_all_splits()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["set"]);
        Idx.Write(folder["set/train-images.idx"], [60_000, 2, 2], new byte[240_000]);
        Idx.Write(folder["set/test-images.idx"], [10_000, 2, 2], new byte[40_000]);
        Assert.EndsWith("--set data.size=64.", Refused(folder["set"], 512).Message);             // 70,000 x 128 x 128 is above 1 GB, 60,000 are not
    }

    // The size that the message names is taken.
    [Fact]
    public void The_way_out_fits()
    {
        const int count = (int)((1L << 30) / (1024 + DecodedLimit.BesidePixels));
        DecodedLimit.Check("x", count, new PictureShape(1, 32, 32));
        var message = Assert.Throws<DataException>(() => DecodedLimit.Check("x", count, new PictureShape(1, 32, 33))).Message;
        Assert.Contains("1,032,444 pictures of 1x32x33", message);
        Assert.EndsWith("--set data.size=32.", message);
        Assert.Contains("Give fewer", Assert.Throws<DataException>(() => DecodedLimit.Check("x", long.MaxValue, new PictureShape(3, 8_192, 8_192))).Message);
        const long rest = (1L << 30) - count / 2 * (1024L + DecodedLimit.BesidePixels);
        DecodedLimit.Check("x", count / 2, new PictureShape(1, 32, 32), held: rest);
        Assert.Throws<DataException>(() => DecodedLimit.Check("x", count / 2, new PictureShape(1, 32, 32), held: rest + 1));
    }

    // 200 MB of pixels; the orders of so many pictures, an epoch's among them, and labels take more than these.
    [Fact]
    public void So_many_pictures_that_their_orders_fill_memory_are_refused_however_small_they_are()
    {
        Assert.EndsWith("Give fewer pictures.", Assert.Throws<DataException>(() => DecodedLimit.Check("x", 200_000_000, new PictureShape(1, 1, 1))).Message);
        DecodedLimit.Check("x", 10_000_000, new PictureShape(1, 1, 1));
    }

    // Small files that say they are large, or are.
    [Theory]
    [InlineData("declares.idx.gz"), InlineData("more.idx.gz"), InlineData("large.idx.gz"), InlineData("large.bin.gz"), InlineData("declares.idx"), InlineData("large.npz"), InlineData("declares.npz"), InlineData("large.npy"), InlineData("axes.idx")]
    public void Hostile_files_take_no_memory(string name)
    {
        using var folder = new TemporaryFolder();
        var path = folder[name];
        switch (name)
        {
            case "declares.idx.gz": WritePacked(path, IdxHeader(1 << 20, 32, 32), 0); break;                 // 1 GB, and nothing follows
            case "declares.idx": File.WriteAllBytes(path, IdxHeader(1 << 20, 32, 32)); break;
            case "axes.idx": File.WriteAllBytes(path, IdxHeader(1 << 30, 1 << 30, 1 << 30)); break;
            case "more.idx.gz": WritePacked(path, IdxHeader(20, 4, 4), 400 << 20); break;                    // goes on after its end
            case "large.idx.gz": WritePacked(path, IdxHeader((1 << 20) + 1, 32, 32), (1L << 30) + 1024); break;
            case "large.bin.gz": WritePacked(path, [], 3073L * ((1 << 30) / 3072 + 1)); break;
            case "large.npz": Zip(path, NpyHeader("<f8", "(1050000, 32, 32)"), 1024 * 8 * 20_000); break;
            case "declares.npz": Zip(path, NpyHeader("|u1", "(1000000, 32, 32)"), 0); break;
            case "large.npy":
                using (var file = File.Create(path))
                {
                    file.Write(NpyHeader("<f4", "(1050000, 32, 32)"));
                    file.SetLength(file.Length + 1_050_000L * 1024 * 4);
                }
                break;
        }
        var memory = new PeakMemory();
        Assert.Throws<DataException>(() => DataSet.Open(new DataSettings { Set = path }));
        Assert.InRange(memory.Growth, long.MinValue, Slack);
    }

    private static void Zip(string path, byte[] header, long zeros)
    {
        using var zip = ZipFile.Open(path, ZipArchiveMode.Create);
        using var entry = zip.CreateEntry("x.npy", CompressionLevel.Fastest).Open();
        entry.Write(header);
        var block = new byte[1 << 20];
        for (var left = zeros; left > 0; left -= block.Length) entry.Write(block, 0, (int)Math.Min(left, block.Length));
    }

    // A zip's pictures are read when they are decoded; a tar's header is not believed.
    [Fact]
    public void Archives_hold_little_besides_the_set()
    {
        using var folder = new TemporaryFolder();
        var noise = new byte[24 << 20];                                        // 12 files of 24 MB: a picture, and what no decoder reads after it
        new Random(1).NextBytes(noise);
        var png = Png(8);
        png.CopyTo(noise, 0);
        using (var zip = ZipFile.Open(folder["set.zip"], ZipArchiveMode.Create))
            for (var i = 0; i < 12; i++)
            {
                using var entry = zip.CreateEntry($"{i:D2}.png", CompressionLevel.NoCompression).Open();
                entry.Write(noise);
            }
        noise = [];
        var memory = new PeakMemory();
        Assert.Equal(12, DataSet.Open(new DataSettings { Set = folder["set.zip"] }) is var set ? set.Train.Count + set.Validation.Count : 0);
        Assert.InRange(memory.Growth, long.MinValue, 240 << 20);

        WritePacked(folder["long.tar.gz"], TarHeader('x', 1L << 30), 1L << 30);
        memory = new PeakMemory();
        Assert.Throws<DataException>(() => DataSet.Open(new DataSettings { Set = folder["long.tar.gz"] }));
        Assert.InRange(memory.Growth, long.MinValue, Slack);
    }

    // POSIX ustar: name, mode, owner, group, size, time, the sum of all bytes with its own field as spaces, type, magic.
    private static byte[] TarHeader(char type, long size)
    {
        var header = new byte[512];
        void Put(int at, string text) => Encoding.ASCII.GetBytes(text).CopyTo(header, at);
        Put(0, "a.png");
        Put(100, "0000644\0" + "0000000\0" + "0000000\0" + Convert.ToString(size, 8).PadLeft(11, '0') + "\0" + "00000000000\0" + "        " + type);
        Put(257, "ustar\0" + "00");
        Put(148, Convert.ToString(header.Sum(value => value), 8).PadLeft(6, '0') + "\0 ");
        return header;
    }

    // What is held besides the set itself: never a second copy.
    [Theory]
    [InlineData("set.idx.gz"), InlineData("set.npz"), InlineData("set.npy"), InlineData("set.bin.gz")]
    public void A_set_is_held_once_while_it_is_read(string name)
    {
        const int count = 150_000, dims = 1024;
        using var folder = new TemporaryFolder();
        var path = folder[name];
        switch (name)
        {
            case "set.idx.gz": WritePacked(path, IdxHeader(count, 32, 32), (long)count * dims); break;
            case "set.bin.gz": WritePacked(path, [], count / 3 * 3073L); break;
            case "set.npz": Zip(path, NpyHeader("|b1", $"({count}, 32, 32)"), (long)count * dims); break;
            case "set.npy":
                using (var file = File.Create(path))
                {
                    file.Write(NpyHeader("<f8", $"({count}, 32, 32)"));
                    file.SetLength(file.Length + 8L * count * dims);
                }
                break;
        }
        var memory = new PeakMemory();
        var set = DataSet.Open(new DataSettings { Set = path });
        Assert.InRange(memory.Growth, long.MinValue, (long)count * dims + Slack);
        GC.KeepAlive(set);

        memory = new PeakMemory();
        DataSet.Open(new DataSettings { Set = path, Size = 4 });
        Assert.InRange(memory.Growth, long.MinValue, Slack + (96 << 20));               // blocks that are resized together
    }

    // Each large one takes 268 MB as red, green, blue and alpha.
    [Theory]
    [InlineData(SKColorType.Gray8), InlineData(SKColorType.Rgba8888)]
    public void Pictures_under_way_hold_less_than_a_gigabyte_together(SKColorType kind)
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["set"]);
        byte[] large = Png(8_192, kind), small = Png(16, kind);
        for (var i = 0; i < 12; i++) File.WriteAllBytes(folder[$"set/{i:D2}.png"], i < 4 ? large : small);
        var memory = new PeakMemory();
        DataSet.Open(new DataSettings { Set = folder["set"], Size = 16 });
        Assert.InRange(memory.Growth, 200L << 20, 500L << 20);
    }

    // Headers alone tell: 6 x 201 MB.
    [Fact]
    public void Pictures_that_take_too_much_together_are_refused_before_one_is_decoded()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["set"]);
        var png = Png(8_192, SKColorType.Rgba8888);
        for (var i = 0; i < 6; i++) File.WriteAllBytes(folder[$"set/{i}.png"], png);
        var memory = new PeakMemory();
        ExpectOwnWords(Refused(folder["set"]));
        Assert.InRange(memory.Growth, long.MinValue, Slack);
    }

    [Fact]
    public async Task Work_within_a_budget_waits_for_room_and_what_is_larger_goes_alone()
    {
        var budget = new MemoryBudget(10);
        long held = 0, most = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => budget.Within(i == 3 ? 50 : 4, () =>
        {
            var now = Interlocked.Add(ref held, i == 3 ? 10 : 4);
            InterlockedMax(ref most, now);
            Thread.Sleep(5);
            return Interlocked.Add(ref held, i == 3 ? -10 : -4);
        }))));
        Assert.InRange(most, 4, 10);
        Assert.Equal(0, held);

        static void InterlockedMax(ref long target, long value)
        {
            for (long seen; (seen = Interlocked.Read(ref target)) < value;) Interlocked.CompareExchange(ref target, value, seen);
        }
    }
}
