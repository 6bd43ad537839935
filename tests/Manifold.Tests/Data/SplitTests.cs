using Manifold.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Data;

public class SplitTests
{
    // Picture i is a row of four bytes whose first tells i; its label is i % 3.
    private static Split Split(int count, DataSettings? settings = null)
    {
        var pixels = Enumerable.Range(0, count).SelectMany(i => new byte[] { (byte)i, 100, 200, 255 }).ToArray();
        var source = new MemorySource("made", new PictureShape(1, 1, 4), pixels, [.. Enumerable.Range(0, count).Select(i => i % 3)]);
        return new Split("train", source, [.. Enumerable.Range(0, count)], settings ?? new DataSettings());
    }

    private static int[] Firsts(Batch batch) => [.. batch.X[.., 0, 0, 0].data<float>().ToArray().Select(value => (int)value)];

    [Fact]
    public void Every_example_comes_once_an_epoch_and_every_epoch_has_an_order_of_its_own()
    {
        var at = Split(50).Shuffled(seed: 1, PixelRange.Bytes);
        var epochs = Enumerable.Range(0, 3).Select(epoch => Firsts(at(50 * epoch, 50))).ToList();

        Assert.All(epochs, epoch => Assert.Equal(Enumerable.Range(0, 50), epoch.Order()));
        Assert.NotEqual(epochs[0], epochs[1]);
        Assert.NotEqual(Enumerable.Range(0, 50), epochs[0]);
        Assert.NotEqual(epochs[0], Firsts(Split(50).Shuffled(seed: 2, PixelRange.Bytes)(0, 50)));
    }

    [Fact]
    public void A_batch_is_decided_by_its_position_alone_and_may_straddle_two_epochs()
    {
        var settings = new DataSettings { Flip = true, Binarize = Binarization.Dynamic };
        var at = Split(50, settings).Shuffled(seed: 1, PixelRange.Unit);
        var whole = at(0, 120).X;
        foreach (var (position, count) in new[] { (90, 30), (40, 20), (0, 7), (49, 2) })                // backwards too
            Assert.True(at(position, count).X.eq(whole[position..(position + count)]).all().item<bool>());
        Assert.True(Split(50, settings).Shuffled(seed: 1, PixelRange.Unit)(60, 20).X.eq(whole[60..80]).all().item<bool>());
    }

    [Fact]
    public void Labels_go_with_their_pictures()
    {
        var batch = Split(50).Shuffled(seed: 4, PixelRange.Bytes)(13, 60);
        Assert.Equal(Firsts(batch).Select(i => (long)(i % 3)), batch.Labels!.data<long>().ToArray());
    }

    [Theory]
    [InlineData(PixelRange.Unit, 100 / 255f, 1f)]
    [InlineData(PixelRange.Symmetric, 2 * 100 / 255f - 1, 1f)]
    [InlineData(PixelRange.Bytes, 100f, 255f)]
    public void Bytes_become_what_the_range_says(PixelRange range, float hundred, float white)
    {
        var row = Split(20).InOrder(3, 1, range).X.flatten().data<float>().ToArray();
        Assert.Equal(hundred, row[1], 1e-6f);
        Assert.Equal(white, row[3], 1e-6f);
    }

    [Fact]
    public void About_half_of_the_training_pictures_are_mirrored_and_none_in_evaluation()
    {
        var split = Split(50, new DataSettings { Flip = true });
        var training = split.Shuffled(seed: 1, PixelRange.Bytes)(0, 1000).X[.., 0, 0, 3].data<float>().ToArray();   // 255 unless mirrored
        Assert.InRange(training.Count(value => value != 255), 420, 580);                                              // 500, standard deviation 16
        Assert.All(split.InOrder(0, 50, PixelRange.Bytes).X[.., 0, 0, 3].data<float>().ToArray(), value => Assert.Equal(255, value));
    }

    // A coin of byte / 255: over n throws the share of ones has standard deviation sqrt(p (1 - p) / n).
    [Theory]
    [InlineData(Binarization.Dynamic)]
    [InlineData(Binarization.Fixed)]
    public void Coins_fall_with_the_probability_of_the_grey(Binarization binarize)
    {
        const int n = 20_000;
        var source = new MemorySource("made", new PictureShape(1, 1, 4), [.. Enumerable.Range(0, n).SelectMany(_ => new byte[] { 0, 64, 200, 255 })], null);
        var x = new Split("train", source, [.. Enumerable.Range(0, n)], new DataSettings { Binarize = binarize }).Shuffled(1, PixelRange.Unit)(0, n).X.view(n, 4);

        Assert.True((x * (x - 1)).count_nonzero().item<long>() == 0);                                  // nothing but 0 and 1
        var share = x.mean([0L]).data<float>().ToArray();
        Assert.Equal((0f, 1f), (share[0], share[3]));
        foreach (var (p, seen) in new[] { (64 / 255.0, share[1]), (200 / 255.0, share[2]) }) Assert.Equal(p, seen, 4 * Math.Sqrt(p * (1 - p) / n));
        var both = (x[.., 1] * x[.., 2]).mean().item<float>();                                         // and one coin does not know of the next
        Assert.Equal(64 / 255.0 * 200 / 255.0, both, 0.015);
    }

    [Fact]
    public void Dynamic_coins_are_thrown_anew_each_epoch_and_fixed_ones_are_not()
    {
        float[] Sorted(Binarization binarize, int epoch)
        {
            var pixels = Enumerable.Range(0, 400).SelectMany(_ => new byte[] { 128, 128, 128, 128 }).ToArray();
            var split = new Split("train", new MemorySource("made", new PictureShape(1, 1, 4), pixels, [.. Enumerable.Range(0, 400)]), [.. Enumerable.Range(0, 400)], new DataSettings { Binarize = binarize });
            var batch = split.Shuffled(1, PixelRange.Unit)(400 * epoch, 400);
            return batch.X[batch.Labels!.argsort()].flatten().data<float>().ToArray();                 // back in the order of the set
        }
        Assert.NotEqual(Sorted(Binarization.Dynamic, 0), Sorted(Binarization.Dynamic, 1));
        Assert.Equal(Sorted(Binarization.Fixed, 0), Sorted(Binarization.Fixed, 1));
    }

    [Fact]
    public void Evaluation_throws_the_same_coins_every_time()
    {
        var split = Split(50, new DataSettings { Binarize = Binarization.Dynamic });
        Assert.True(split.InOrder(10, 20, PixelRange.Unit).X.eq(split.InOrder(0, 50, PixelRange.Unit).X[10..30]).all().item<bool>());
    }

    // Four levels: 0, 85, 170, 255, each byte to the nearest.
    [Fact]
    public void Fewer_levels_are_the_nearest()
    {
        var source = new MemorySource("made", new PictureShape(1, 1, 6), [0, 42, 43, 128, 212, 255], null);
        var split = new Split("train", source, [0], new DataSettings { Levels = 4 });
        float[] Values(PixelRange range) => split.InOrder(0, 1, range).X.flatten().data<float>().ToArray();
        Assert.Equal([0f, 0f, 1 / 3f, 2 / 3f, 2 / 3f, 1f], Values(PixelRange.Unit), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal([-1f, -1f, -1 / 3f, 1 / 3f, 1 / 3f, 1f], Values(PixelRange.Symmetric), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Contains("data.levels", Assert.Throws<ArgumentOutOfRangeException>(() => new DataSettings { Levels = 4, Binarize = Binarization.Fixed }.Validated()).Message);
        Assert.Contains("data.levels", Assert.Throws<ArgumentOutOfRangeException>(() => new DataSettings { Levels = 1 }.Validated()).Message);
    }

    [Fact]
    public void Threshold_is_at_128()
    {
        var source = new MemorySource("made", new PictureShape(1, 1, 4), [0, 127, 128, 255], null);
        Assert.Equal([0f, 0f, 1f, 1f], new Split("train", source, [0], new DataSettings { Binarize = Binarization.Threshold }).InOrder(0, 1, PixelRange.Unit).X.flatten().data<float>().ToArray());
    }

    [Fact]
    public void Prefetching_changes_nothing_but_who_waits()
    {
        var at = Split(50).Shuffled(seed: 1, PixelRange.Bytes);
        using var prefetch = new Prefetch(at);
        foreach (var (position, count) in new[] { (0, 10), (10, 10), (20, 10), (100, 10), (110, 10), (5, 3), (8, 3) })   // it begins anew where it is asked to
            Assert.Equal(Firsts(at(position, count)), Firsts(prefetch.At(position, count)));
    }

    [Fact]
    public void Prefetched_batches_die_with_the_callers_scope_and_with_the_prefetcher()
    {
        var at = Split(50).Shuffled(seed: 1, PixelRange.Bytes);
        var before = Tensor.TotalCount;
        using (var prefetch = new Prefetch(at))
            for (var step = 0; step < 20; step++)
            {
                using var scope = NewDisposeScope();
                prefetch.At(step * 10, 10);
            }
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void What_goes_wrong_while_prefetching_is_thrown_where_the_batch_is_asked_for()
    {
        using var prefetch = new Prefetch((position, count) => position < 20 ? Split(50).Shuffled(1, PixelRange.Unit)(position, count) : throw new DataException("picture 20 is broken"));
        prefetch.At(0, 10);
        prefetch.At(10, 10);
        Assert.Equal("picture 20 is broken", Assert.Throws<DataException>(() => prefetch.At(20, 10)).Message);
    }

    // The thread that prepared it has ended; a caller that tries again is answered, and not kept waiting for ever.
    [Fact]
    public async Task After_an_error_prefetching_begins_anew()
    {
        var isBroken = true;
        using var prefetch = new Prefetch((position, count) => isBroken && position >= 20 ? throw new DataException("picture 20 is broken") : Split(50).Shuffled(1, PixelRange.Unit)(position, count));
        prefetch.At(10, 10);
        for (var attempt = 0; attempt < 3; attempt++)
            await Assert.ThrowsAsync<DataException>(() => Task.Run(() => prefetch.At(20, 10)).WaitAsync(TimeSpan.FromSeconds(20)));
        isBroken = false;
        Assert.Equal(10, (await Task.Run(() => prefetch.At(20, 10)).WaitAsync(TimeSpan.FromSeconds(20))).Count);
    }

    private static void ExpectUnread(string path)
    {
        var reading = Task.Run(() => Manifold.Data.Split.OfFiles([path], new PictureShape(1, 2, 2), new DataSettings()), TestContext.Current.CancellationToken);
        Assert.True(((IAsyncResult)reading).AsyncWaitHandle.WaitOne(TimeSpan.FromSeconds(20)), $"{path} is waited for");
        Assert.Contains(path, Assert.IsType<DataException>(reading.Exception!.InnerException).Message);
    }

    // To open a pipe waits for a writer, and a device has no end.
    [Fact]
    public void Files_of_pictures_are_regular_and_of_a_size_that_a_picture_has()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Windows has no pipes in folders");
        using var folder = new TemporaryFolder();
        Assert.Equal(0, Child.Run("mkfifo", [folder["pipe.png"]]).ExitCode);
        File.CreateSymbolicLink(folder["to-pipe.png"], folder["pipe.png"]);
        Directory.CreateDirectory(folder["folder.png"]);
        using (var large = File.Create(folder["large.png"])) large.SetLength(1L << 32);
        foreach (var name in new[] { "pipe.png", "to-pipe.png", "folder.png", "large.png", "none.png" }) ExpectUnread(folder[name]);
        ExpectUnread("/dev/zero");

        File.WriteAllBytes(folder["picture.png"], new Manifold.Pictures.Picture(2, 2, 1, [1, 2, 3, 4]).ToPng());
        File.CreateSymbolicLink(folder["link.png"], folder["picture.png"]);
        foreach (var name in new[] { "picture.png", "link.png" })
            Assert.Equal(1, Manifold.Data.Split.OfFiles([folder[name]], new PictureShape(1, 2, 2), new DataSettings()).Count);
    }

    private static SplitSources Sources(IReadOnlyList<int>? testLabels) => new(
        new MemorySource("made", new PictureShape(1, 1, 1), [.. Enumerable.Range(0, 100).Select(i => (byte)i)], null),
        Test: new MemorySource("made", new PictureShape(1, 1, 1), [.. Enumerable.Range(0, 200).Select(i => (byte)i)], testLabels));

    // Sorted twice, or without labels: neither shows in the labels, and the first of them are no fair sample.
    [Theory]
    [InlineData("0..9 twice"), InlineData("none"), InlineData("mixed")]
    public void A_split_is_mixed_unless_its_order_is_known_to_be_random(string labels)
    {
        int[]? numbers = labels switch
        {
            "none" => null,
            "mixed" => [.. Enumerable.Range(0, 200).Select(i => i * 7 % 10)],
            _ => [.. Enumerable.Range(0, 200).Select(i => i / 10 % 10)],
        };
        int[] Order(SplitSources sources) => Firsts(new DataSet("made", sources, new DataSettings()).Test!.InOrder(0, 200, PixelRange.Bytes));
        Assert.InRange(Order(Sources(numbers))[..50].Count(i => i >= 100), 10, 40);
        Assert.Equal(Enumerable.Range(0, 200), Order(Sources(numbers)).Order());
        Assert.Equal(Enumerable.Range(0, 200), Order(Sources(numbers) with { IsInRandomOrder = true }));
    }

    // What prefetches, moves or frees a batch must not know its fields by name: a tensor that is added to it is in Tensors and With.
    [Fact]
    public void A_batch_knows_all_of_its_tensors()
    {
        var batch = new Batch(ones(2, 1, 1, 1)) { Labels = zeros(2) };
        var fields = typeof(Batch).GetProperties().Where(property => property.PropertyType == typeof(Tensor)).Select(property => (Tensor)property.GetValue(batch)!).ToList();
        Assert.Equal(fields, batch.Tensors);
        var changed = batch.With(tensor => tensor + 5);
        Assert.Equal(fields.Select(field => field.sum().item<float>() + 10), changed.Tensors.Select(field => field.sum().item<float>()));
    }

    [Fact]
    public void A_batch_that_no_tensor_can_hold_is_refused_in_words()
    {
        var source = new MemorySource("made", new PictureShape(1, 64, 64), new byte[10 * 4096], null);
        var split = new Split("train", source, [.. Enumerable.Range(0, 10)], new DataSettings());
        Assert.Contains("takes 16.4 GB; one can hold 2.1 GB", Assert.Throws<ArgumentException>(() => split.Shuffled(1, PixelRange.Unit)(0, 1_000_000)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => split.InOrder(int.MaxValue - 1, 9, PixelRange.Unit));
    }

    // (byte + u) / 256: every value lies in its byte's bin, u fills it evenly, training draws anew and evaluation does not.
    [Fact]
    public void Dequantized_values_fill_their_bins()
    {
        var split = Split(50, new DataSettings { Dequantize = true });
        var at = split.Shuffled(seed: 1, PixelRange.Unit);
        var values = at(0, 5000).X[.., 0, 0, 1].data<float>().ToArray();                                // byte 100
        Assert.All(values, value => Assert.InRange(value, 100 / 256f, 101 / 256f));
        Assert.Equal(100.5 / 256, values.Average(), 4 / 256.0 / Math.Sqrt(12 * 5000));
        Assert.Equal(1 / 256.0 / Math.Sqrt(12), Math.Sqrt(values.Select(value => Math.Pow(value - values.Average(), 2)).Average()), 1e-5);
        Assert.False(at(0, 50).X.eq(at(50, 50).X).any().item<bool>());
        Assert.True(split.InOrder(3, 5, PixelRange.Unit).X.eq(split.InOrder(0, 20, PixelRange.Unit).X[3..8]).all().item<bool>());
        Assert.Equal(4, split.InOrder(3, 1, PixelRange.Unit).X.flatten().data<float>().ToArray().Select(value => value * 256 % 1).Distinct().Count());   // a u for each pixel
    }

    [Fact]
    public void Coins_have_nothing_to_dequantize() =>
        Assert.Contains("data.dequantize", Assert.Throws<ArgumentOutOfRangeException>(() => new DataSettings { Dequantize = true, Binarize = Binarization.Fixed }.Validated()).Message);
}
