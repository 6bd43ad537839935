using Manifold.Data;
using Manifold.Pictures;
using Manifold.Recipes;
using TorchSharp;

namespace Manifold.Tests.Recipes;

/// <summary>What a run keeps of its data: where it lies, and which files became which split.</summary>
public class DataFactsTests
{
    private static void Pictures(string folder, int count, int first = 0)
    {
        Directory.CreateDirectory(folder);
        for (var i = first; i < first + count; i++) File.WriteAllBytes(Path.Combine(folder, $"{i:D3}.png"), new Picture(4, 4, 1, [.. Enumerable.Range(0, 16).Select(p => (byte)(7 * p + i))]).ToPng());
    }

    private static TrainingRun Run(TemporaryFolder folder, string set, List<string>? warnings = null)
    {
        var entry = RecipeList.Find("vae");
        return TrainingRun.Open(new TrainingRequest(entry with { Default = entry.Tiny }) { Folder = folder["run"], Changes = [$"data.set=\"{set}\""], Warn = word => warnings?.Add(word) });
    }

    [Fact]
    public void Config_json_says_which_files_became_which_split_and_what_was_left_out()
    {
        using var folder = new TemporaryFolder();
        Pictures(folder["set/Train"], 20);
        Pictures(folder["set/valid"], 6, first: 100);
        File.WriteAllBytes(folder["set/Train/empty.png"], []);
        var warnings = new List<string>();
        using (Run(folder, folder["set"], warnings)) { }
        var facts = RunConfig.Parse(File.ReadAllText(folder["run/config.json"]), "config.json").Data;
        Assert.Equal([new SplitOrigin("train", 20, "Train/"), new SplitOrigin("validation", 6, "valid/")], facts.Splits!);
        Assert.Equal(["left out 1: files that are empty or not regular (Train/empty.png)"], facts.LeftOut!.Select(entry => entry.ToString()));
        Assert.Equal(["set: left out 1: files that are empty or not regular (Train/empty.png)."], warnings);
    }

    [Fact]
    public void A_relative_path_is_kept_in_full_and_goes_on_as_the_same()
    {
        using var folder = new TemporaryFolder();
        Pictures(folder["set"], 20);
        var relative = Path.GetRelativePath(Environment.CurrentDirectory, folder["set"]);
        Assert.NotEqual(folder["set"], relative);
        using (var run = Run(folder, relative)) Assert.Equal(folder["set"], run.Recipe.Data.Set);
        using (var again = Run(folder, relative)) Assert.True(again.IsResumed);
        using (var whole = Run(folder, folder["set"])) Assert.True(whole.IsResumed);
        Assert.Equal("bundled", new DataSettings { Set = "bundled" }.WithFullPath().Set);      // a name is no path
    }

    [Fact]
    public void A_set_that_changed_is_told_from_another_set()
    {
        using var folder = new TemporaryFolder();
        Pictures(folder["set"], 20);
        using (var run = Run(folder, folder["set"])) run.Train();
        var trained = TrainedModel.Open(folder["run"], "ema", torch.CPU);
        Assert.Null(trained.OtherSet(trained.OpenData(null, null)));
        Pictures(folder["set"], 1, first: 50);
        Assert.StartsWith("set has changed since this run was trained on it (fingerprint", trained.OtherSet(trained.OpenData(null, null)));
        Pictures(folder["another"], 20, first: 50);
        Assert.Contains("another is not the set that this run was trained on (set)", trained.OtherSet(trained.OpenData(folder["another"], null)));
    }
}
