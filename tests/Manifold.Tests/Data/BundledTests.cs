using Manifold.Data;

namespace Manifold.Tests.Data;

public class BundledTests
{
    [Fact]
    public void The_bundled_set_has_its_parts_and_its_classes_in_balance()
    {
        var set = DataSet.Open(new DataSettings());
        Assert.Equal((new PictureShape(1, 28, 28), 9000, 1000, 1000), (set.Shape, set.Train.Count, set.Validation.Count, set.Test!.Count));
        foreach (var (part, each) in new[] { (set.Train, 900), (set.Validation, 100), (set.Test!, 100) })
            Assert.All(part.InOrder(0, part.Count, PixelRange.Bytes).Labels!.data<long>().ToArray().GroupBy(label => label), group => Assert.Equal(each, group.Count()));
    }

    // So that a few of a part, to look at or to measure on, are a fair sample of it.
    [Fact]
    public void The_first_two_hundred_of_each_part_have_every_class()
    {
        var set = DataSet.Open(new DataSettings());
        foreach (var part in new[] { set.Train, set.Validation, set.Test! })
            Assert.All(Enumerable.Range(0, 10), label => Assert.InRange(part.InOrder(0, 200, PixelRange.Bytes).Labels!.data<long>().ToArray().Count(found => found == label), 8, 36));
    }

    [Fact]
    public void No_picture_is_in_two_parts()
    {
        var set = DataSet.Open(new DataSettings());
        var all = new[] { set.Train, set.Validation, set.Test! }.SelectMany(part => Hashes(part)).ToList();
        Assert.Equal(all.Count, all.Distinct().Count());

        static IEnumerable<string> Hashes(Split part)
        {
            var bytes = part.InOrder(0, part.Count, PixelRange.Bytes).X.bytes.ToArray();
            return bytes.Chunk(784 * sizeof(float)).Select(picture => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(picture)));
        }
    }

    [Fact]
    public void Made_again_from_the_training_file_it_is_the_same()
    {
        var root = Environment.GetEnvironmentVariable("MANIFOLD_DATA");
        var source = Path.Combine(root ?? "", "fashion-mnist", "train-images-idx3-ubyte.gz");
        if (!File.Exists(source)) Assert.Skip("needs Fashion-MNIST under MANIFOLD_DATA");

        using var temporary = new TemporaryFolder();
        BundledSet.Make(source, source.Replace("images-idx3", "labels-idx1"), temporary.Path);
        Assert.Equal(DataSet.Open(new DataSettings()).Fingerprint, DataSet.Open(new DataSettings { Set = temporary.Path }).Fingerprint);
    }
}
