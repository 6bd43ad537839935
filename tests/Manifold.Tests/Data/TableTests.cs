using System.IO.Compression;
using System.Text;
using Manifold.Data;
using Parquet;
using Parquet.Schema;
using SkiaSharp;

namespace Manifold.Tests.Data;

/// <summary>NumPy's arrays and the hub's Parquet tables.</summary>
public class TableTests
{
    // Written by NumPy 2.2.4: savez_compressed(x_train=arange(72, uint8) as [12, 2, 3], y_train=arange(12) % 3, x_test=full([2, 2, 3], 7), y_test=int32 [1, 2]),
    // and save(linspace(0, 1, 48, float32) as [12, 2, 2, 1]).
    private const string Npz = "UEsDBC0AAAAIAAAAIQBtPpFL//////////8LABQAeF90cmFpbi5ucHkBABAAyAAAAAAAAACRAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loF5Taqiuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GoZGOgpAZKypo1CrQBbgYmBkYmZhZWPn4OTi5uHl4xcQFBIWERUTl5CUkpaRlZNXUFRSVlFVU9fQ1NLW0dXTNzA0MjYxNTO3sLSytrG1s3dwdHJ2cXVzBwBQSwMELQAAAAgAAAAhAJ6K2vL//////////wsAFAB5X3RyYWluLm5weQEAEADgAAAAAAAAAFAAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNpoa6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkahkY6mjoKtQrkAy4GKGCE0kwMqIBScQBQSwMELQAAAAgAAAAhABRRxbv//////////woAFAB4X3Rlc3QubnB5AQAQAIwAAAAAAAAASgAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBeU2qorqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgpAZKypo1CrQB7gYkcCAFBLAwQtAAAACAAAACEAC/mqLf//////////CgAUAHlfdGVzdC5ucHkBABAAiAAAAAAAAABLAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TaaKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6mjoKtQoUAC5GBgYGJiAGAFBLAQItAy0AAAAIAAAAIQBtPpFLkQAAAMgAAAALAAAAAAAAAAAAAACAAQAAAAB4X3RyYWluLm5weVBLAQItAy0AAAAIAAAAIQCeitryUAAAAOAAAAALAAAAAAAAAAAAAACAAc4AAAB5X3RyYWluLm5weVBLAQItAy0AAAAIAAAAIQAUUcW7SgAAAIwAAAAKAAAAAAAAAAAAAACAAVsBAAB4X3Rlc3QubnB5UEsBAi0DLQAAAAgAAAAhAAv5qi1LAAAAiAAAAAoAAAAAAAAAAAAAAIAB4QEAAHlfdGVzdC5ucHlQSwUGAAAAAAQABADiAAAAaAIAAAAA";
    private const string NpyOfFractions = "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDEyLCAyLCAyLCAxKSwgfSAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAQUyuPEFMLj0xuYI9QUyuPVLf2T0xuQI+uYIYPkFMLj7KFUQ+Ut9ZPtqobz4xuYI+9Z2NPrmCmD59Z6M+QUyuPgUxuT7KFcQ+jvrOPlLf2T4WxOQ+2qjvPp6N+j4xuQI/kysIP/WdDT9XEBM/uYIYPxv1HT99ZyM/39koP0FMLj+jvjM/BTE5P2ejPj/KFUQ/LIhJP476Tj/wbFQ/Ut9ZP7RRXz8WxGQ/eDZqP9qobz88G3U/no16PwAAgD8=";

    private static byte[] Array(string descr, string shape, byte[] values, string order = "False", int version = 1)
    {
        var text = $"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}".PadRight(version == 1 ? 117 : 115) + "\n";
        byte[] length = version == 1 ? BitConverter.GetBytes((ushort)text.Length) : BitConverter.GetBytes((uint)text.Length);
        return [0x93, .. "NUMPY"u8, (byte)version, 0, .. length, .. Encoding.ASCII.GetBytes(text), .. values];
    }

    private static DataSet Opened(TemporaryFolder folder, string name, byte[] bytes)
    {
        File.WriteAllBytes(folder[name], bytes);
        return DataSet.Open(new DataSettings { Set = folder[name] });
    }

    private static IEnumerable<(byte[] Pixels, long? Label)> All(Split split)
    {
        var batch = split.InOrder(0, split.Count, PixelRange.Bytes);
        var labels = batch.Labels?.data<long>().ToArray();
        var pixels = batch.X.flatten().data<float>().ToArray().Select(value => (byte)value).Chunk(split.Shape.Dims).ToList();
        return pixels.Select((values, i) => (values, labels?[i]));
    }

    // The first picture of the file, whatever its place in the set.
    private static byte[] First(DataSet set) => All(set.Train).Concat(All(set.Validation)).Select(picture => picture.Pixels).MinBy(pixels => pixels[0])!;

    [Fact]
    public void Numpys_own_npz_is_read_with_labels_and_test_part()
    {
        using var folder = new TemporaryFolder();
        var set = Opened(folder, "set.npz", Convert.FromBase64String(Npz));
        Assert.Equal((new PictureShape(1, 2, 3), 11, 1, 2, 3), (set.Shape, set.Train.Count, set.Validation.Count, set.Test!.Count, set.Classes));
        var pictures = All(set.Train).Concat(All(set.Validation)).OrderBy(picture => picture.Pixels[0]).ToList();
        for (var i = 0; i < 12; i++)
        {
            Assert.Equal(Enumerable.Range(6 * i, 6).Select(value => (byte)value), pictures[i].Pixels);
            Assert.Equal(i % 3, pictures[i].Label);
        }
        Assert.Equal([1L, 2], All(set.Test).Select(picture => picture.Label!.Value).Order());
    }

    [Fact]
    public void Numpys_own_fractions_become_shares_of_255()
    {
        using var folder = new TemporaryFolder();
        var set = Opened(folder, "set.npy", Convert.FromBase64String(NpyOfFractions));
        Assert.Equal(new PictureShape(1, 2, 2), set.Shape);
        Assert.Equal(Enumerable.Range(0, 48).Select(i => (byte)Math.Round(255 * (double)(float)(i / 47.0))), All(set.Train).Concat(All(set.Validation)).OrderBy(picture => picture.Pixels[0]).SelectMany(picture => picture.Pixels));
    }

    [Fact]
    public void Channels_last_become_planes_and_first_stay()
    {
        using var folder = new TemporaryFolder();
        var values = Enumerable.Range(0, 10 * 2 * 2 * 3).Select(i => (byte)i).ToArray();
        Assert.Equal([0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11], First(Opened(folder, "last.npy", Array("|u1", "(10, 2, 2, 3)", values))).Select(value => (int)value));
        Assert.Equal(Enumerable.Range(0, 12), First(Opened(folder, "first.npy", Array("|u1", "(10, 3, 2, 2)", values))).Select(value => (int)value));
        Assert.Equal(new PictureShape(1, 2, 2), Opened(folder, "flat.npy", Array("|u1", "(30, 4)", values, version: 2)).Shape);
        Assert.Equal(new PictureShape(1, 1, 2), Opened(folder, "wide.npy", Array("<u2", "(30, 1, 2)", values.Select((value, i) => i % 2 == 0 ? value : (byte)0).ToArray())).Shape);
    }

    [Fact]
    public void Labels_beside_an_array_are_found_by_its_name_and_parts_in_a_folder()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["kmnist"]);
        byte[] Zipped(byte[] array)
        {
            using var memory = new MemoryStream();
            using (var zip = new ZipArchive(memory, ZipArchiveMode.Create)) using (var entry = zip.CreateEntry("arr_0.npy").Open()) entry.Write(array);
            return memory.ToArray();
        }
        foreach (var (part, count) in new[] { ("train", 20), ("test", 10) })
        {
            File.WriteAllBytes(folder[$"kmnist/kmnist-{part}-imgs.npz"], Zipped(Array("|u1", $"({count}, 2, 2)", [.. Enumerable.Range(0, 4 * count).Select(i => (byte)i)])));
            File.WriteAllBytes(folder[$"kmnist/kmnist-{part}-labels.npz"], Zipped(Array("|u1", $"({count},)", [.. Enumerable.Range(0, count).Select(i => (byte)(i % 4))])));
        }
        var set = DataSet.Open(new DataSettings { Set = folder["kmnist"] });
        Assert.Equal((18, 2, 10, 4), (set.Train.Count, set.Validation.Count, set.Test!.Count, set.Classes));
        Assert.Contains("kmnist", DataSet.Names(folder.Path));
    }

    // Under a name of one's own the labels come too, and a table stays what it was.
    [Fact]
    public void Arrays_and_tables_can_be_imported()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["my-images.npy"], Array("|u1", "(20, 2, 2)", new byte[80]));
        File.WriteAllBytes(folder["my-labels.npy"], Array("<i8", "(20,)", [.. Enumerable.Range(0, 20).SelectMany(i => BitConverter.GetBytes((long)(i % 5)))]));
        File.WriteAllBytes(folder["pets.parquet"], Table(0, 12));
        var store = DataStore.At(folder["store"]);
        Assert.Equal(5, store.Import(folder["my-images.npy"], "mine").Classes);
        store.Import(folder["pets.parquet"], "pets");
        Assert.Equal(["ok", "ok"], new[] { "mine", "pets" }.SelectMany(store.Verify).Select(result => result.Verdict).Distinct().Append("ok"));
        Assert.Equal(5, DataSet.Open(new DataSettings { Set = "mine" }, folder["store"]).Classes);
        Assert.Equal(["cat", "dog", "eel"], DataSet.Open(new DataSettings { Set = "pets" }, folder["store"]).ClassNames);
    }

    [Theory]
    [InlineData("|O", "(10, 2, 2)", 40, "needs a descr such as |u1")]
    [InlineData(">u2", "(10, 2, 2)", 80, "is big-endian")]
    [InlineData("<f2", "(10, 2, 2)", 80, "has NaN among its numbers")]
    [InlineData("|u1", "(10, 2, 3)", 40, "its header says (10, 2, 3) of 1. It may be cut short")]
    [InlineData("|u1", "(10, 2, 2, 2)", 80, "pictures need [N, H, W]")]
    [InlineData("<i2", "(10, 2, 1)", 40, "pictures need whole numbers from 0 to 255")]        // 0xFFFF is -1
    public void What_is_no_picture_is_refused_by_name(string descr, string shape, int bytes, string message)
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(message, Assert.Throws<DataException>(() => Opened(folder, "set.npy", Array(descr, shape, [.. Enumerable.Repeat((byte)0xFF, bytes)]))).Message);
    }

    [Fact]
    public void Fortrans_order_is_refused_with_the_way_out()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("numpy.ascontiguousarray", Assert.Throws<DataException>(() => Opened(folder, "set.npy", Array("|u1", "(10, 2, 2)", new byte[40], order: "True"))).Message);
    }

    private static byte[] Png(byte grey)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(3, 2, SKColorType.Gray8, SKAlphaType.Opaque));
        bitmap.Erase(new SKColor(grey, grey, grey));
        return bitmap.Encode(SKEncodedImageFormat.Png, 100).ToArray();
    }

    // The hub's layout: a column image of {bytes, path}, a column label, and the classes' names in a note.
    private static byte[] Table(int first, int count, bool optional = true, string? note = """{"info": {"features": {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog", "eel"], "_type": "ClassLabel"}}}}""")
    {
        var bytes = new DataField<byte[]>("bytes");
        var path = new DataField<string>("path");
        var label = new DataField("label", typeof(long), isNullable: optional);
        var schema = new ParquetSchema(new StructField("image", bytes, path), label);
        using var memory = new MemoryStream();
        Task.Run(async () =>
        {
            await using var table = await ParquetWriter.CreateAsync(schema, memory);
            if (note is not null) table.CustomMetadata = new Dictionary<string, string> { ["huggingface"] = note };
            for (var start = first; start < first + count; start += 8)                                  // two groups of rows
            {
                var rows = Enumerable.Range(start, Math.Min(8, first + count - start)).ToList();
                using var group = table.CreateRowGroup();
                await group.WriteAsync(bytes, rows.Select(i => Png((byte)i)).ToList());
                await group.WriteAsync(path, rows.Select(i => $"{i}.png").ToList());
                if (optional) await group.WriteAsync<long>(label, rows.Select(i => (long?)(i % 3)).ToArray().AsMemory());
                else await group.WriteAsync<long>(label, rows.Select(i => (long)(i % 3)).ToArray().AsMemory());
            }
        }).GetAwaiter().GetResult();
        return memory.ToArray();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_hubs_folder_has_its_parts_labels_and_names(bool optional)
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["pets/data"]);
        File.WriteAllBytes(folder["pets/data/train-00000-of-00002.parquet"], Table(0, 12, optional));
        File.WriteAllBytes(folder["pets/data/train-00001-of-00002.parquet"], Table(12, 8, optional));
        File.WriteAllBytes(folder["pets/data/test-00000-of-00001.parquet"], Table(100, 5, optional));
        var set = DataSet.Open(new DataSettings { Set = folder["pets"] });
        Assert.Equal((new PictureShape(1, 2, 3), 18, 2, 5), (set.Shape, set.Train.Count, set.Validation.Count, set.Test!.Count));
        Assert.Equal(["cat", "dog", "eel"], set.ClassNames);
        var pictures = All(set.Train).Concat(All(set.Validation)).OrderBy(picture => picture.Pixels[0]).ToList();
        Assert.Equal(Enumerable.Range(0, 20), pictures.Select(picture => (int)picture.Pixels[5]));
        Assert.Equal(Enumerable.Range(0, 20).Select(i => (long)(i % 3)), pictures.Select(picture => picture.Label!.Value));
        Assert.Equal([100, 101, 102, 103, 104], All(set.Test).Select(picture => (int)picture.Pixels[0]).Order());
    }

    [Fact]
    public void A_table_in_a_folder_of_the_test_split_is_trained_on_alone_and_that_is_told()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["pets/default/test"]);
        File.WriteAllBytes(folder["pets/default/test/0000.parquet"], Table(0, 12));
        Assert.Contains(DataSet.Open(new DataSettings { Set = folder["pets"] }).Warnings, warning => warning.Contains("its test files are trained on"));
    }

    private static async Task<byte[]> TableOf<T>(Func<int, T> label) where T : struct
    {
        var bytes = new DataField<byte[]>("image");
        var numbers = new DataField<T>("label");
        using var memory = new MemoryStream();
        await using (var table = await ParquetWriter.CreateAsync(new ParquetSchema(bytes, numbers), memory))
        {
            using var group = table.CreateRowGroup();
            await group.WriteAsync(bytes, Enumerable.Range(0, 12).Select(i => Png((byte)i)).ToList());
            await group.WriteAsync<T>(numbers, Enumerable.Range(0, 12).Select(label).ToArray().AsMemory());
        }
        return memory.ToArray();
    }

    [Fact]
    public async Task Labels_may_be_whole_numbers_of_any_kind()
    {
        using var folder = new TemporaryFolder();
        byte[][] tables =
        [
            await TableOf(i => (byte)(i % 4)), await TableOf(i => (sbyte)(i % 4)), await TableOf(i => (short)(i % 4)), await TableOf(i => (ushort)(i % 4)),
            await TableOf(i => i % 4), await TableOf(i => (uint)(i % 4)), await TableOf(i => (long)(i % 4)), await TableOf(i => (ulong)(i % 4)),
        ];
        Assert.Equal(4, Assert.Single(tables.Select(table => Opened(folder, "set.parquet", table)).Select(set => (set.Fingerprint, set.Classes)).Distinct()).Classes);

        foreach (var table in new[] { await TableOf(_ => ulong.MaxValue), await TableOf(_ => uint.MaxValue), await TableOf(_ => (sbyte)-1) })
            Assert.Contains("a label is a whole number from 0 up", Assert.Throws<DataException>(() => Opened(folder, "set.parquet", table)).Message);
        foreach (var table in new[] { await TableOf(_ => 0.5), await TableOf(_ => true) })
            Assert.Contains("labels need whole numbers", Assert.Throws<DataException>(() => Opened(folder, "set.parquet", table)).Message);
    }

    [Fact]
    public async Task A_table_without_pictures_says_what_it_has()
    {
        using var folder = new TemporaryFolder();
        using var memory = new MemoryStream();
        var text = new DataField<string>("text");
        await using (var table = await ParquetWriter.CreateAsync(new ParquetSchema(text), memory, cancellationToken: TestContext.Current.CancellationToken))
        {
            using var group = table.CreateRowGroup();
            await group.WriteAsync(text, new List<string> { "a" });
        }
        Assert.Contains("has the columns text; pictures need a column image", Assert.Throws<DataException>(() => Opened(folder, "set.parquet", memory.ToArray())).Message);
    }

    [Theory]
    [InlineData("set.npz"), InlineData("set.npy"), InlineData("set.parquet")]
    public void Mutated_files_end_in_nothing_but_our_own_refusal(string name)
    {
        using var folder = new TemporaryFolder();
        var good = name switch { "set.npz" => Convert.FromBase64String(Npz), "set.npy" => Convert.FromBase64String(NpyOfFractions), _ => Table(0, 12) };
        var memory = new PeakMemory();
        var refused = Mutations.Try(good, Mutations.Count, bytes =>
        {
            try
            {
                Opened(folder, name, bytes);
                return true;
            }
            catch (DataException) { return false; }
        });
        Assert.InRange(refused, Mutations.Count / 10, Mutations.Count);
        Assert.True(memory.Growth < 1_000_000_000, $"{memory.Growth:N0} bytes");
    }
}
