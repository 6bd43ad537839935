using Manifold.Data;

namespace Manifold.Tests.Data;

public class IdxNameTests
{
    [Theory]
    [InlineData("train-images-idx3-ubyte", "train-labels-idx1-ubyte")]
    [InlineData("train-images.idx3-ubyte", "train-labels.idx1-ubyte")]
    [InlineData("train-images.idx", "train-labels.idx")]
    [InlineData("train_images.idx4-ubyte", "train_labels.idx1-ubyte")]
    [InlineData("Train-Images-IDX3-ubyte", "train-labels-idx1-ubyte")]
    [InlineData("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte")]
    [InlineData("train-images.idx3-ubyte", "train-labels.idx1-ubyte.gz")]
    [InlineData("train-images-idx3-ubyte.br", "train-labels-idx1-ubyte.gz")]
    public void Labels_lie_beside_pictures_under_the_same_name(string images, string labels)
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["set"]);
        Idx.Write(folder[$"set/{images}"], images.Contains('4') ? [20, 1, 3, 4] : [20, 3, 4], [.. Enumerable.Range(0, 240).Select(i => (byte)i)]);
        Idx.Write(folder[$"set/{labels}"], [20], [.. Enumerable.Range(0, 20).Select(i => (byte)(i % 5))]);
        Assert.True(Idx.IsPictures(images));
        Assert.False(Idx.IsPictures(labels));
        foreach (var path in new[] { folder["set"], folder[$"set/{images}"] })
        {
            var set = DataSet.Open(new DataSettings { Set = path });
            Assert.Equal((new PictureShape(1, 3, 4), 5), (set.Shape, set.Classes));
        }
    }

    [Theory]
    [InlineData("idx.txt"), InlineData("train-labels-idx1-ubyte"), InlineData("labels.idx"), InlineData("index"), InlineData("images.png"), InlineData("a.idx2-ubyte")]
    public void Other_names_are_not_of_idx_pictures(string name) => Assert.False(Idx.IsPictures(name));
}
