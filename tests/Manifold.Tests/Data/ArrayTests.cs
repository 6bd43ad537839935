using System.IO.Compression;
using System.Text;
using Manifold.Data;

namespace Manifold.Tests.Data;

/// <summary>What numbers of an array mean, which arrays are read, and what is refused because it may mean two things.</summary>
public class ArrayTests
{
    private static byte[] Npy(string descr, string shape, byte[] values)
    {
        var text = $"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".PadRight(117) + "\n";
        return [0x93, .. "NUMPY"u8, 1, 0, .. BitConverter.GetBytes((ushort)text.Length), .. Encoding.ASCII.GetBytes(text), .. values];
    }

    private static byte[] Npz(params (string Name, byte[] Array)[] arrays)
    {
        using var memory = new MemoryStream();
        using (var zip = new ZipArchive(memory, ZipArchiveMode.Create))
            foreach (var (name, array) in arrays)
            {
                using var entry = zip.CreateEntry($"{name}.npy").Open();
                entry.Write(array);
            }
        return memory.ToArray();
    }

    private static DataSet Opened(byte[] file, string name = "set.npy", int? size = null)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder[name], file);
        return DataSet.Open(new DataSettings { Set = folder[name], Size = size });
    }

    private static string Refused(byte[] file, string name = "set.npy") => Assert.Throws<DataException>(() => Opened(file, name)).Message;

    private static byte[] Bytes<T>(IEnumerable<double> values, Func<T, byte[]> write, Func<double, T> convert) => [.. values.SelectMany(value => write(convert(value)))];

    private static byte[] Floats(IEnumerable<double> values) => Bytes(values, BitConverter.GetBytes, value => (float)value);

    private static double[] Grey(int count) => [.. Enumerable.Range(0, count).Select(i => (double)(i * 37 % 256))];

    [Theory]
    [InlineData("|u1"), InlineData("<i2"), InlineData("<u4"), InlineData("<i8"), InlineData("<f4")]
    public void Arrays_of_nothing_but_0_and_1_are_black_and_white_as_truths_are(string descr)
    {
        double[] values = [.. Enumerable.Range(0, 20 * 36).Select(i => (double)(i * i / 7 % 2))];
        byte[] written = descr switch
        {
            "|u1" => [.. values.Select(value => (byte)value)],
            "<i2" => Bytes(values, BitConverter.GetBytes, value => (short)value),
            "<u4" => Bytes(values, BitConverter.GetBytes, value => (uint)value),
            "<i8" => Bytes(values, BitConverter.GetBytes, value => (long)value),
            _ => Floats(values),
        };
        foreach (var size in new int?[] { null, 4 })
        {
            var truths = Opened(Npy("|b1", "(20, 6, 6)", [.. values.Select(value => (byte)value)]), size: size);
            var numbers = Opened(Npy(descr, "(20, 6, 6)", written), size: size);
            Assert.Equal(truths.Fingerprint, numbers.Fingerprint);
            Assert.Equal(descr != "<f4", numbers.Warnings.Any(note => note.Contains("nothing but 0 and 1")));
            if (size is null) Assert.Equal(255, truths.Train.InOrder(0, 18, PixelRange.Bytes).X.max().item<float>());
        }
    }

    [Theory]
    [InlineData("x_test", "y_test", "test")]
    [InlineData("val_images", "val_labels", "validation")]
    public void An_npz_with_one_split_alone_is_trained_on_and_that_is_said(string pictures, string labels, string split)
    {
        var set = Opened(Npz((pictures, Npy("|u1", "(20, 2, 2)", [.. Grey(80).Select(value => (byte)value)])), (labels, Npy("|u1", "(20,)", new byte[20]))), "set.npz");
        Assert.Equal((18, 2), (set.Train.Count, set.Validation.Count));
        Assert.Null(set.Test);
        Assert.Equal(1, set.Classes);
        Assert.Contains(set.Description, line => line.Contains($"its {split} arrays are trained on", StringComparison.Ordinal));
    }

    [Fact]
    public void Idx_files_of_nothing_but_0_and_1_are_black_and_white_too()
    {
        using var folder = new TemporaryFolder();
        byte[] values = [.. Enumerable.Range(0, 20 * 36).Select(i => (byte)(i * i / 7 % 2))];
        Idx.Write(folder["bits.idx"], [20, 6, 6], values);
        Idx.Write(folder["bytes.idx"], [20, 6, 6], [.. values.Select(value => (byte)(255 * value))]);
        foreach (var size in new int?[] { null, 4 })
            Assert.Equal(DataSet.Open(new DataSettings { Set = folder["bytes.idx"], Size = size }).Fingerprint, DataSet.Open(new DataSettings { Set = folder["bits.idx"], Size = size }).Fingerprint);
    }

    // Masks are often saved so; pictures that have one brighter pixel are not, whatever they are resized to.
    [Fact]
    public void Picture_files_of_nothing_but_0_and_1_are_black_and_white_too()
    {
        using var folder = new TemporaryFolder();
        void Write(string name, Func<int, int, int> value)
        {
            Directory.CreateDirectory(folder[name]);
            for (var i = 0; i < 20; i++)
                File.WriteAllBytes(folder[$"{name}/{i:00}.png"], new Manifold.Pictures.Picture(6, 6, 1, [.. Enumerable.Range(36 * i, 36).Select(at => (byte)value(i, at))]).ToPng());
        }
        Write("bits", (_, at) => at * at / 7 % 2);
        Write("bytes", (_, at) => 255 * (at * at / 7 % 2));
        Write("dark", (i, at) => at == 0 ? 20 : at * at / 7 % 2);
        foreach (var size in new int?[] { null, 4 })
        {
            DataSet Open(string name) => DataSet.Open(new DataSettings { Set = folder[name], Size = size });
            Assert.Equal(Open("bytes").Fingerprint, Open("bits").Fingerprint);
            Assert.Contains("nothing but 0 and 1", Assert.Single(Open("bits").Warnings));
            Assert.Empty(Open("dark").Warnings);
            Assert.InRange(Open("dark").Train.InOrder(0, 18, PixelRange.Bytes).X.max().item<float>(), 0, 20);
        }
    }

    // The test part has no pixel above 1, the training part has.
    [Fact]
    public void Both_parts_of_a_file_have_one_scale()
    {
        var set = Opened(Npz(("x_train", Npy("|u1", "(20, 2, 2)", [.. Grey(80).Select(value => (byte)value)])), ("x_test", Npy("|u1", "(2, 2, 2)", [0, 1, 1, 0, 0, 0, 1, 1]))), "set.npz");
        Assert.Equal(1, set.Test!.InOrder(0, 2, PixelRange.Bytes).X.max().item<float>());
    }

    [Theory]
    [InlineData("<U3", "(2,)", 24), InlineData("|O", "()", 8), InlineData("<M8[D]", "(3,)", 24), InlineData("<c8", "(1, 2)", 16), InlineData("|S5", "()", 5)]
    public void Arrays_that_are_not_asked_for_are_not_read(string descr, string shape, int bytes)
    {
        var set = Opened(Npz(("metadata", Npy(descr, shape, new byte[bytes])), ("imgs", Npy("|u1", "(20, 2, 2)", [.. Grey(80).Select(value => (byte)value)])), ("Labels", Npy("|u1", "(20,)", [.. Enumerable.Range(0, 20).Select(i => (byte)(i % 3))])), ("broken", [1, 2, 3])), "set.npz");
        Assert.Equal((20, 3), (set.Train.Count + set.Validation.Count, set.Classes));
        Assert.Contains("needs a descr such as |u1", Refused(Npz(("imgs", Npy(descr, shape, new byte[bytes]))), "set.npz"));
    }

    [Fact]
    public void Keys_are_found_in_any_letter_case_and_two_of_one_name_are_refused()
    {
        var pictures = Npy("|u1", "(20, 2, 2)", new byte[80]);
        var labels = Npy("|u1", "(20,)", new byte[20]);
        Assert.Equal(1, Opened(Npz(("X", pictures), ("Y", labels)), "set.npz").Classes);
        Assert.Equal(1, Opened(Npz(("X_Train", pictures), ("Y_TRAIN", labels), ("X_Test", pictures)), "set.npz").Test!.Count - 19);
        Assert.Equal(1, Opened(Npz(("x", pictures), ("X", labels), ("y", labels)), "set.npz").Classes);         // the exact name is preferred
        Assert.Contains("only one may be called x", Refused(Npz(("x", pictures), ("x", labels)), "set.npz"));
    }

    private static (string, byte[]) Many(string name, int count) => (name, Npy("|u1", $"({count}, 2, 2)", [.. Grey(4 * count).Select(value => (byte)value)]));

    private static (string, byte[]) Classes(string name, int count, int classes) =>
        (name, Npy("|u1", $"({count},)", [.. Enumerable.Range(0, count).Select(i => (byte)(i % classes))]));

    // Whatever their order in the file.
    [Fact]
    public void The_customary_name_comes_before_one_that_says_more_and_what_is_not_read_is_said()
    {
        var set = Opened(Npz(Many("x_train_noisy", 40), Many("x_train", 50), Many("x_test", 4), Classes("y_train_coarse", 50, 2), Classes("y_train", 50, 5)), "set.npz");
        Assert.Equal((45, 5, 4), (set.Train.Count, set.Classes, set.Test!.Count));
        Assert.Contains(set.Warnings, note => note.Contains("left out 1: arrays that are not read (x_train_noisy)", StringComparison.Ordinal));
        Assert.Equal(40, Opened(Npz(Many("x_train_noisy", 40), Many("x_test", 4)), "set.npz") is var alone ? alone.Train.Count + alone.Validation.Count : 0);
    }

    [Theory]
    [InlineData("images2"), InlineData("evaluation_images"), InlineData("test"), InlineData("arr_7"), InlineData("x")]
    public void Arrays_that_may_be_pictures_are_not_dropped_in_silence(string name) =>
        Assert.Contains($"left out 1: arrays that are not read ({name})", Assert.Single(Opened(Npz(Many("images", 20), Many(name, 20)), "set.npz").Warnings));

    [Fact]
    public void Several_arrays_of_one_split_are_refused_with_their_names()
    {
        foreach (var (one, other) in new[] { ("x_test_a", "x_test_b"), ("x_test", "test_images"), ("X_val1", "x_val2") })
            Assert.Contains($"{one}, {other}", Refused(Npz(Many("x_train", 20), Many(one, 20), Many(other, 20)), "set.npz"));
        Assert.Contains("y_train_fine, y_train_coarse", Refused(Npz(Many("x_train", 20), Classes("y_train_fine", 20, 5), Classes("y_train_coarse", 20, 2)), "set.npz"));
    }

    [Theory]
    [InlineData("x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy")]
    [InlineData("train.npy", "train_labels.npy", "test.npy", "test_labels.npy")]
    [InlineData("train-images.npy", "train-labels.npy", "test-images.npy", "test-labels.npy")]
    [InlineData("trainImages.npy", "trainTargets.npy", "testImages.npy", "testTargets.npy")]
    [InlineData("X_train_28.npy", "y_train_28.npy", "X_test_28.npy", "y_test_28.npy")]
    public void Labels_in_files_beside_are_read(string train, string trainLabels, string test, string testLabels)
    {
        using var folder = new TemporaryFolder();
        foreach (var (name, array) in new[] { Many(train, 20), Classes(trainLabels, 20, 5), Many(test, 6), Classes(testLabels, 6, 3) })
            File.WriteAllBytes(folder[name], array);
        var set = DataSet.Open(new DataSettings { Set = folder.Path });
        Assert.Equal((5, 18, 6), (set.Classes, set.Train.Count, set.Test!.Count));
        Assert.Equal(3, set.Test!.InOrder(0, 6, PixelRange.Bytes).Labels!.data<long>().ToArray().Distinct().Count());
        Assert.Empty(set.LeftOut);
    }

    [Fact]
    public void Labels_of_another_file_are_not_taken_and_two_files_of_labels_are_refused()
    {
        using var folder = new TemporaryFolder();
        foreach (var (name, array) in new[] { Many("x_train.npy", 20), Classes("y_test.npy", 20, 5), Classes("y_train_2.npy", 20, 5) })
            File.WriteAllBytes(folder[name], array);
        Assert.Equal(0, DataSet.Open(new DataSettings { Set = folder["x_train.npy"] }).Classes);
        foreach (var name in new[] { "y_train.npy", "train_labels.npy" }) File.WriteAllBytes(folder[name], Classes("", 20, 5).Item2);
        Assert.Contains("train_labels.npy, y_train.npy", Assert.Throws<DataException>(() => DataSet.Open(new DataSettings { Set = folder["x_train.npy"] })).Message);
    }

    [Theory]
    [InlineData("(16, 16)", "[16, 4, 4]"), InlineData("(20, 36)", "[20, 6, 6]"), InlineData("(16, 12, 3)", "[16, 12, 3, 1]"), InlineData("(16, 12, 4)", "[16, 12, 4, 1]"), InlineData("(12, 12, 1)", "[12, 12, 1, 1]")]
    public void One_picture_is_not_taken_for_many(string shape, string many)
    {
        var sizes = shape.Trim('(', ')').Split(", ").Select(int.Parse).ToArray();
        var message = Refused(Npy("|u1", shape, new byte[sizes.Aggregate(1, (a, b) => a * b)]));
        Assert.Contains("may be one picture", message);
        Assert.Contains(many, message);
        // Labels say how many pictures there are.
        var set = Opened(Npz(("x", Npy("|u1", shape, new byte[sizes.Aggregate(1, (a, b) => a * b)])), ("y", Npy("|u1", $"({sizes[0]},)", new byte[sizes[0]]))), "set.npz");
        Assert.Equal(sizes[0], set.Train.Count + set.Validation.Count);
    }

    [Theory]
    [InlineData("(500, 784)", 28), InlineData("(784, 784)", 28), InlineData("(40, 9)", 3), InlineData("(20, 2500)", 50)]
    public void Rows_of_vectors_are_pictures(string shape, int side)
    {
        var sizes = shape.Trim('(', ')').Split(", ").Select(int.Parse).ToArray();
        Assert.Equal(new PictureShape(1, side, side), Opened(Npy("|u1", shape, new byte[sizes[0] * sizes[1]])).Shape);
    }

    // Half a step of 1/255 beyond 0 or 1 still rounds to black or white.
    [Fact]
    public void A_little_above_one_is_white_and_more_is_refused_with_the_number_and_the_way_out()
    {
        double[] values = [.. Enumerable.Range(0, 80).Select(i => i / 79.0)];
        double[] With(double least, double largest) => [least, .. values[1..^1], largest];
        Assert.Equal(Opened(Npy("<f4", "(20, 2, 2)", Floats(values))).Fingerprint, Opened(Npy("<f4", "(20, 2, 2)", Floats(With(-0.0019, 1.0001)))).Fingerprint);
        foreach (var (least, largest, said, wayOut) in new (double, double, string, string)[] { (0, 1.01, "1.01", "numpy.clip(x, 0, 1)"), (-0.01, 1, "-0.01", "numpy.clip(x, 0, 1)"), (-1, 1, "-1 to 1", "(x + 1) / 2"), (0, 254.5, "254.5", "numpy.round"), (0, 300, "300", "Scale it") })
        {
            var message = Refused(Npy("<f4", "(20, 2, 2)", Floats(With(least, largest))));
            Assert.Contains(said, message);
            Assert.Contains(wayOut, message);
        }
        Assert.Contains("NaN", Refused(Npy("<f4", "(20, 2, 2)", Floats(With(0, double.NaN)))));
        Assert.Contains("goes from 0 to Infinity", Refused(Npy("<f4", "(20, 2, 2)", Floats(With(0, double.PositiveInfinity)))));
    }

    [Fact]
    public void Floats_of_two_bytes_are_read()
    {
        var half = Npy("<f2", "(20, 2, 2)", Bytes(Enumerable.Range(0, 80).Select(i => i / 128.0), BitConverter.GetBytes, value => (Half)value));
        Assert.Equal(Opened(Npy("<f4", "(20, 2, 2)", Floats(Enumerable.Range(0, 80).Select(i => i / 128.0)))).Fingerprint, Opened(half).Fingerprint);
    }

    [Fact]
    public void Arrays_are_resized_as_their_pictures_are()
    {
        var values = Grey(12 * 9 * 8 * 3);
        using var folder = new TemporaryFolder();
        var planes = new byte[values.Length];
        for (var i = 0; i < values.Length; i++) planes[i / 216 * 216 + i % 3 * 72 + i % 216 / 3] = (byte)values[i];
        Idx.Write(folder["planes.idx"], [12, 3, 9, 8], planes);
        var last = Opened(Npy("<i4", "(12, 9, 8, 3)", Bytes(values, BitConverter.GetBytes, value => (int)value)), size: 5);
        var idx = DataSet.Open(new DataSettings { Set = folder["planes.idx"], Size = 5 });
        var expected = Enumerable.Range(0, 12).SelectMany(i => Resize.ToSquare(new Pixels(new PictureShape(3, 9, 8), planes[(216 * i)..(216 * (i + 1))]), 5).Values.Select(value => (float)value)).ToArray();
        float[] All(DataSet set) => [.. set.Train.InOrder(0, 11, PixelRange.Bytes).X.flatten().data<float>().ToArray(), .. set.Validation.InOrder(0, 1, PixelRange.Bytes).X.flatten().data<float>().ToArray()];
        Assert.Equal(expected.Order(), All(last).Order());
        Assert.Equal(All(last), All(idx));
    }

    // The file's numbers are of 512 MiB and more; the header alone tells.
    [Theory]
    [InlineData((1L << 29) + 28 * 28)]
    [InlineData(1L << 30)]
    public void A_large_array_is_not_taken_for_one_that_is_cut_short(long bytes)
    {
        using var folder = new TemporaryFolder();
        var count = bytes / (28 * 28);
        var header = Npy("|u1", $"({count}, 28, 28)", []);
        using (var file = File.Create(folder["set.npy"]))
        {
            file.Write(header);
            file.SetLength(header.Length + count * 28 * 28);             // of zeros that take no room on the disk
        }
        using var read = new NpyFile(folder["set.npy"]);
        Assert.Equal(count * 28 * 28, read.First()!.Count);

        File.WriteAllBytes(folder["short.npy"], header);
        using var cut = new NpyFile(folder["short.npy"]);
        Assert.Contains("cut short", Assert.Throws<DataException>(() => cut.First()).Message);
    }

    [Theory]
    [InlineData("(4294967296, 4294967296)"), InlineData("(2147483647, 2147483647, 2147483647, 2147483647)"), InlineData("(2147483647, 2, 1)"), InlineData("()"), InlineData("(0, 2, 2)"), InlineData("(20, 0, 2)"), InlineData("(65536, 65536)"), InlineData("(20,)")]
    public void Sizes_that_cannot_be_are_refused(string shape) => Refused(Npy("|u1", shape, new byte[1]));
}
