using System.Text.Json.Nodes;
using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Evaluation;

public sealed class ReferencesTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();
    private readonly List<string> words = [];
    private readonly Extractor extractor = Small(1);
    private readonly Tensor pictures = Pictures(1);

    public void Dispose()
    {
        scope.Dispose();
        folder.Dispose();
    }

    private static Extractor Small(int seed)
    {
        manual_seed(seed);
        return Extractor.Of(new SmallClassifier(new PictureShape(1, 8, 8), new ClassifierSettings { Width = 2, Features = 5 }, 3), "a hash that says nothing");
    }

    private static Tensor Pictures(ulong seed, int count = 130)
    {
        using var chance = new Generator(seed, CPU);
        return rand([count, 1, 8, 8], generator: chance);
    }

    private References Opened(long largestFile = References.LargestFile, long largestFolder = References.LargestFolder) => new(folder.Path, words.Add, largestFile, largestFolder);
    private string[] Files => [.. Directory.GetFiles(folder.Path).Order()];
    private static float[] Numbers(Tensor values) => values.data<float>().ToArray();

    private void ExpectTruth(Extractor extractor, Tensor pictures, bool found)
    {
        var references = Opened();
        Assert.Equal(Numbers(extractor.Features(pictures)), Numbers(references.Features(extractor, pictures).Values));
        Assert.Equal(found ? 1 : 0, references.Found);
    }

    [Fact]
    public void Measurements_are_the_same_with_features_that_are_worked_out_kept_and_found()
    {
        var data = DataSet.Open(new DataSettings());
        using var chance = new Generator(3, CPU);
        var samples = (data.Train.InOrder(5000, 120, PixelRange.Unit).X + 0.2 * randn([120, 1, 28, 28], generator: chance)).clamp(0, 1);
        var names = new[] { "fid", "kid", "precision_recall", "density_coverage", "inception_score", "recognition" }.Select(kind => SampleMetric.Parse($"{kind}_lenet_120")!).ToList();
        JsonArray Lines(References? references)
        {
            var metrics = new SampleMetrics(new object(), data, Extractor.Bundled(), CPU, (_, _) => samples, references);
            return [.. names.SelectMany(name => metrics.Measure(name)).Select(m => new JsonArray(m.Metric, m.Value, m.Floor, m.Ceiling, m.Provenance))];
        }
        var without = Lines(null).ToJsonString();
        var (first, second) = (Opened(), Opened());
        Assert.Equal(without, Lines(first).ToJsonString());
        Assert.Equal(without, Lines(second).ToJsonString());
        Assert.Equal((5, 16 - 5), (Files.Length, first.Found));                            // of train, held-out and noise the features, of the last two the probabilities
        Assert.Equal(16, second.Found);                                                    // four times three, and twice two
        var hashes = JsonNode.Parse(without)!.AsArray().Select(line => ((string?)line![4]!["reference_sha256"], (string?)line[4]!["held_out_sha256"])).ToList();
        Assert.Single(hashes[..6].Distinct());                                             // one reference, and it can be seen
        Assert.Equal(16, hashes[0].Item1!.Length);
        Assert.NotEqual(hashes[0].Item1, hashes[0].Item2);
        Assert.Null(hashes[^1].Item1);                                                     // which never sees the training pictures
        Assert.Empty(words);
    }

    [Fact]
    public void Everything_that_the_features_depend_on_gives_another_file()
    {
        ExpectTruth(extractor, pictures, found: false);
        ExpectTruth(extractor, pictures, found: true);
        ExpectTruth(Small(2), pictures, found: false);                                     // other weights under the same name and hash
        var last = pictures.clone();
        last[129, 0, 7, 7] = 1 - last[129, 0, 7, 7];
        ExpectTruth(extractor, last, found: false);                                        // one pixel of the last picture
        ExpectTruth(extractor, cat([pictures[..100], pictures[100..].flip(0)]), found: false);   // another order
        ExpectTruth(extractor, pictures[..120], found: false);
        Assert.NotEqual(Numbers(extractor.Features(pictures)), Numbers(Opened().Probabilities(extractor, pictures).Values));
        Assert.Equal(6, Files.Length);
        Assert.Empty(words);
    }

    [Fact]
    public void Other_threads_have_a_file_of_their_own()
    {
        var threads = Machine.Threads;
        try
        {
            Machine.SetThreads(1);
            ExpectTruth(extractor, pictures, found: false);
            Machine.SetThreads(2);
            ExpectTruth(extractor, pictures, found: false);
        }
        finally
        {
            Machine.SetThreads(threads);
        }
        Assert.Equal(2, Files.Length);
    }

    // Bits, bytes, cuts and repeats: whatever lies there, the numbers are right, and the file is afterwards.
    [Fact]
    public void A_broken_file_is_made_anew_and_never_believed()
    {
        ExpectTruth(extractor, pictures, found: false);
        var (path, good) = (Files[0], File.ReadAllBytes(Files[0]));
        var refused = Mutations.Try(good, 150, bytes =>
        {
            File.WriteAllBytes(path, bytes);
            var references = Opened();
            Assert.Equal(Numbers(extractor.Features(pictures)), Numbers(references.Features(extractor, pictures).Values));
            return references.Found == 1;
        });
        Assert.InRange(refused, 140, 150);                                                 // a byte may be changed for itself
        Assert.Equal(refused, words.Count);
        File.WriteAllBytes(path, []);
        ExpectTruth(extractor, pictures, found: false);
        Assert.Equal(good, File.ReadAllBytes(path));
        ExpectTruth(extractor, pictures, found: true);
    }

    [Fact]
    public void A_file_of_other_pictures_under_this_name_is_not_believed()
    {
        ExpectTruth(extractor, pictures, found: false);
        var path = Files[0];
        var other = cat([pictures[..100], Pictures(2)[..30]]);                             // alike in the hundred that are looked at
        ExpectTruth(extractor, other, found: false);
        File.Copy(Files.Single(file => file != path), path, overwrite: true);
        ExpectTruth(extractor, pictures, found: false);
        Assert.Contains("it is of something else", Assert.Single(words));
    }

    // A file that is whole, of an extractor that has since come to work otherwise.
    [Fact]
    public void A_file_that_is_not_what_the_first_pictures_give_now_is_made_anew()
    {
        ExpectTruth(extractor, pictures, found: false);
        var path = Files[0];
        var (entries, _) = SafeTensors.ReadHeader(File.ReadAllBytes(path), path);
        var stored = entries.ToDictionary(entry => entry.Key, entry => zeros(entry.Value.Shape, entry.Value.Type));
        SafeTensors.ReadInto(File.ReadAllBytes(path), stored, path);
        stored["values"].add_(1);
        Forge(path, stored);
        ExpectTruth(extractor, pictures, found: false);
        ExpectTruth(extractor, pictures, found: true);
        Assert.Empty(words);
    }

    // Whole by its own hash.
    private static void Forge(string path, Dictionary<string, Tensor> stored)
    {
        var values = stored["values"];
        using var hash = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
        hash.AppendData(System.Text.Encoding.UTF8.GetBytes($"{values.dtype} {string.Join('x', values.shape)};"));
        hash.AppendData(values.bytes);
        hash.GetHashAndReset().CopyTo(stored["sha256"].bytes);
        File.WriteAllBytes(path, SafeTensors.Write(stored));
    }

    // Beyond the hundred pictures that are worked out each time.
    [Fact]
    public void A_file_whose_values_cannot_be_features_is_made_anew()
    {
        ExpectTruth(extractor, pictures, found: false);
        var (path, good) = (Files[0], File.ReadAllBytes(Files[0]));
        foreach (var change in new Func<Tensor, Tensor>[]
        {
            values => values.index_fill(0, tensor(new[] { 120L }), float.NaN), values => values.index_fill(0, tensor(new[] { 129L }), float.PositiveInfinity),
            values => values[..120].clone(), values => cat([values, values[..1]]), values => values.flatten(), values => values.to_type(ScalarType.Float64), values => zeros(130, 0),
        })
        {
            var (entries, _) = SafeTensors.ReadHeader(good, path);
            var stored = entries.ToDictionary(entry => entry.Key, entry => zeros(entry.Value.Shape, entry.Value.Type));
            SafeTensors.ReadInto(good, stored, path);
            stored["values"] = change(stored["values"]);
            Forge(path, stored);
            words.Clear();
            ExpectTruth(extractor, pictures, found: false);
            Assert.Contains("is broken and is made anew", Assert.Single(words));
            Assert.Equal(good, File.ReadAllBytes(path));
        }
    }

    [Fact]
    public void What_is_no_file_is_not_waited_for()
    {
        ExpectTruth(extractor, pictures, found: false);
        var path = Files[0];
        File.Delete(path);
        File.CreateSymbolicLink(path, "/dev/zero");
        ExpectTruth(extractor, pictures, found: false);
        File.Delete(path);
        Assert.Equal(0, Child.Run("mkfifo", [path]).ExitCode);
        ExpectTruth(extractor, pictures, found: false);
        ExpectTruth(extractor, pictures, found: true);
        Assert.Equal(2, words.Count);
    }

    [Fact]
    public void A_folder_that_cannot_be_written_costs_one_word()
    {
        File.WriteAllText(folder["file"], "");
        var references = new References(Path.Combine(folder["file"], "references"), words.Add);
        for (var i = 0; i < 2; i++) Assert.Equal(Numbers(extractor.Features(pictures)), Numbers(references.Features(extractor, pictures).Values));
        Assert.Contains("features of the data are not kept", Assert.Single(words));
    }

    [Fact]
    public void Large_files_are_not_kept_and_the_longest_unused_go_first()
    {
        Opened(largestFile: 130 * 5 * 4 - 1).Features(extractor, pictures);
        Assert.Empty(Files);
        var references = Opened();
        var paths = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            references.Features(extractor, Pictures((ulong)(10 + i)));
            paths.Add(Files.Except(paths).Single());
            File.SetLastWriteTimeUtc(paths[i], DateTime.UtcNow.AddHours(i - 10));
        }
        File.WriteAllText(folder[$"x.safetensors{AtomicFile.Unfinished}1"], "");
        File.SetLastWriteTimeUtc(folder[$"x.safetensors{AtomicFile.Unfinished}1"], DateTime.UtcNow.AddDays(-2));
        references.Features(extractor, Pictures(10));                                      // the oldest is used, and so young again
        Opened(largestFolder: 3 * new FileInfo(paths[0]).Length + 100).Features(extractor, Pictures(20));
        Assert.Equal([paths[0], paths[2]], Files.Intersect(paths).Order().OrderBy(paths.IndexOf));
        Assert.Equal(3, Files.Length);
        Assert.Empty(words);
    }
}
