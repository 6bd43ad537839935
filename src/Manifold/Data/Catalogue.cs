namespace Manifold.Data;

/// <summary>A file that can be fetched, known by its content.</summary>
/// <param name="Name">Its name in the set's folder.</param>
/// <param name="Homes">Where it is to be had, the set's own home first; the file's name is added to each.</param>
public sealed record CatalogueFile(string Name, long Bytes, string Sha256, IReadOnlyList<Uri> Homes)
{
    /// <summary>For an archive: the files to take out of it, by name, with their sizes; the archive itself is not kept.</summary>
    public IReadOnlyDictionary<string, long>? Members { get; init; }
}

/// <summary>A set that can be fetched from its public home.</summary>
public sealed record CatalogueSet(string Name, string What, string Licence, IReadOnlyList<CatalogueFile> Files)
{
    public long Bytes => Files.Sum(file => file.Bytes);
}

/// <summary>The sets that <c>manifold data get</c> knows.</summary>
/// <remarks>
/// Sizes and SHA-256 are of the files as their makers published them. MNIST's first home no longer serves it to programs, so
/// two that carry the same bytes stand here.
/// </remarks>
public static class Catalogue
{
    public static IReadOnlyList<CatalogueSet> Sets { get; } =
    [
        new("fashion-mnist", "60,000 + 10,000 grey 28x28 pictures of clothes, 10 classes", "MIT", Idx(
            ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/b2617bb6d3ffa2e429640350f613e3291e10b141/data/fashion/"],
            (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"))),
        new("mnist", "60,000 + 10,000 grey 28x28 digits", "commonly given as CC BY-SA 3.0", Idx(
            ["https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"],
            (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"))),
        new("cifar10", "50,000 + 10,000 colour 32x32 pictures, 10 classes", "none stated (Krizhevsky 2009)",
        [
            new("cifar-10-binary.tar.gz", 170_052_171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", [new("https://www.cs.toronto.edu/~kriz/")])
            {
                Members = new[] { "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin" }
                    .ToDictionary(name => name, _ => 10_000L * (1 + 3 * 32 * 32)),
            },
        ]),
    ];

    // In the order of MNIST's page: training pictures and labels, then the test's.
    private static CatalogueFile[] Idx(string[] homes, params (long Bytes, string Sha256)[] files) =>
        [.. files.Zip(["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"],
            (file, name) => new CatalogueFile(name, file.Bytes, file.Sha256, [.. homes.Select(home => new Uri(home))]))];
}
