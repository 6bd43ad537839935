using System.Text.Json.Nodes;
using Manifold.Checkpoints;
using Manifold.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Checkpoints;

public class RunFolderTests
{
    private static TensorGroups Groups(float value) => new(new Dictionary<string, IReadOnlyDictionary<string, Tensor>>
    {
        ["model"] = new Dictionary<string, Tensor> { ["w"] = full([3], value) },
        ["ema"] = new Dictionary<string, Tensor>(),
        ["optimizer"] = new Dictionary<string, Tensor>(),
        ["state"] = new Dictionary<string, Tensor>(),
    });

    private static float Value(TensorGroups groups) => groups.Groups["model"]["w"][0].item<float>();

    private static RunFolder Folder(TemporaryFolder temporary, Action<string>? warn = null)
    {
        var run = RunFolder.Open(temporary["run"], warn);
        run.WriteConfig([]);
        return run;
    }

    [Fact]
    public void What_was_saved_is_what_a_resume_finds()
    {
        using var temporary = new TemporaryFolder();
        using var run = Folder(temporary);
        run.Save(100, Groups(1), null);
        run.Save(200, Groups(2), null);

        var into = Groups(0);
        Assert.Equal(200, run.Resume(into));
        Assert.Equal(2, Value(into));
    }

    [Fact]
    public void The_last_two_the_best_and_every_nth_stay()
    {
        using var temporary = new TemporaryFolder();
        using var run = Folder(temporary);
        run.KeepEvery = 400;
        double[] scores = [9, 5, 3, 8, 7, 6, 5, 4];
        for (var i = 0; i < scores.Length; i++) run.Save(100 * (i + 1), Groups(i), scores[i]);

        var reader = RunFolder.Read(run.Path);
        Assert.Equal([300, 400, 700, 800], reader.Checkpoints.Select(checkpoint => checkpoint.ExamplesSeen));
        Assert.Equal(300, reader.Best!.ExamplesSeen);
        Assert.Equal(800, reader.Newest!.ExamplesSeen);
    }

    [Theory]
    [InlineData("model.safetensors", true)]
    [InlineData("model.safetensors", false)]
    [InlineData("state.json", true)]
    [InlineData("state.json", false)]
    public void A_checkpoint_that_is_not_whole_is_passed_over_with_a_word(string file, bool delete)
    {
        using var temporary = new TemporaryFolder();
        var warnings = new List<string>();
        using var run = Folder(temporary, warnings.Add);
        run.Save(100, Groups(1), null);
        run.Save(200, Groups(2), null);
        run.Dispose();
        var path = Path.Combine(run.Path, "checkpoint-000000000200", file);
        if (delete) File.Delete(path);
        else
        {
            var bytes = File.ReadAllBytes(path);
            bytes[^3] ^= 4;   // one bit
            File.WriteAllBytes(path, bytes);
        }
        warnings.Clear();

        using var again = RunFolder.Open(run.Path, warnings.Add);
        var into = Groups(0);
        Assert.Equal(100, again.Resume(into));
        Assert.Equal(1, Value(into));
        Assert.Contains("checkpoint-000000000200 is not whole", Assert.Single(warnings));
    }

    [Fact]
    public void A_run_whose_checkpoints_are_all_broken_is_never_begun_again()
    {
        using var temporary = new TemporaryFolder();
        using var run = Folder(temporary);
        run.Save(100, Groups(1), null);
        run.Dispose();
        File.Delete(Path.Combine(run.Path, "checkpoint-000000000100", "state.json"));
        using var again = RunFolder.Open(run.Path);
        Assert.Contains("none is whole", Assert.Throws<CheckpointException>(() => again.Resume(Groups(0))).Message);
    }

    [Theory]
    [InlineData("""{"examples":100,"loss":1}""")]
    [InlineData("""{"examples":0,"loss":1}""", """{"examples":100,"loss":1}""", """{"examples":1""")]
    public void A_run_whose_checkpoints_are_all_lost_is_never_begun_again(params string[] log)
    {
        using var temporary = new TemporaryFolder();
        using (var run = Folder(temporary)) File.WriteAllLines(temporary["run/stats.jsonl"], log);
        var before = File.ReadAllText(temporary["run/stats.jsonl"]);
        var error = Assert.Throws<CheckpointException>(() => RunFolder.Open(temporary["run"])).Message;
        Assert.Contains("has no checkpoint, and its log goes on to 100 examples", error);
        Assert.Contains("--run", error);
        Assert.Equal(before, File.ReadAllText(temporary["run/stats.jsonl"]));
    }

    [Fact]
    public void A_checkpoint_of_a_newer_manifold_is_refused_by_name()
    {
        using var temporary = new TemporaryFolder();
        using var run = Folder(temporary);
        run.Save(100, Groups(1), null);
        run.Dispose();
        var path = Path.Combine(run.Path, "checkpoint-000000000100", "state.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"schema\": 1", "\"schema\": 2"));
        using var again = RunFolder.Open(run.Path);
        Assert.Contains("newer Manifold", Assert.Throws<CheckpointException>(() => again.Resume(Groups(0))).Message);
    }

    [Fact]
    public void The_log_is_cut_back_to_the_checkpoint_and_a_torn_line_goes()
    {
        using var temporary = new TemporaryFolder();
        using var run = Folder(temporary);
        run.Log(100, new Dictionary<string, double> { ["loss"] = 1 });
        run.Save(100, Groups(1), null);
        run.Log(200, new Dictionary<string, double> { ["loss"] = double.NaN });
        File.AppendAllText(Path.Combine(run.Path, "stats.jsonl"), """{"examples":3""");

        run.Resume(Groups(0));

        var line = JsonNode.Parse(Assert.Single(File.ReadAllLines(Path.Combine(run.Path, "stats.jsonl"))))!;
        Assert.Equal((100, 1.0), ((int)line["examples"]!, (double)line["loss"]!));
    }

    [Fact]
    public void What_a_killed_save_left_is_swept_and_never_loaded()
    {
        using var temporary = new TemporaryFolder();
        using (var run = Folder(temporary)) run.Save(100, Groups(1), null);
        var left = Path.Combine(temporary["run"], $"checkpoint-000000000200.part-{Child.DeadProcess()}");
        Directory.CreateDirectory(left);
        File.WriteAllText(Path.Combine(left, "state.json"), "{");

        using var again = RunFolder.Open(temporary["run"]);
        Assert.Equal(100, again.Resume(Groups(0)));
        Assert.False(Directory.Exists(left));
    }

    // People name their files so too, and another process may be in the middle of a write.
    [Fact]
    public void Only_what_a_dead_process_left_of_a_run_s_own_files_is_swept()
    {
        using var temporary = new TemporaryFolder();
        using (Folder(temporary)) { }                                    // a run, so that whatever it holds is opened
        var dead = Child.DeadProcess();
        string[] swept =
        [
            $"environment.json.part-{dead}", $"stats.jsonl.part-{dead}", $"fakes000012.png.part-{dead}",
            $"checkpoint-000000000200.part-{dead}/state.json", $"checkpoint-000000000100.part-{dead}-old/state.json",
            $"README.md.part-{Environment.ProcessId}",
        ];
        string[] stay =
        [
            "book.part-1.pdf", "photos.part-2/a.jpg", $"notes.part-{dead}", $"holiday.png.part-{dead}", $"config.json.part-{dead}.bak",
            $"old config.json.part-{dead}", $"config.json.part-{dead}/a.jpg", $"checkpoint-000000000200.part-{dead}x/a",
            $"checkpoint-2.part-{dead}/a", "config.json.part-x", "config.json.part-1", "checkpoint-000000000300.part-1/state.json",
        ];
        foreach (var name in swept.Concat(stay))
        {
            var path = temporary[$"run/{name}"];
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, "");
        }
        using var run = RunFolder.Open(temporary["run"]);
        Assert.All(stay, name => Assert.True(File.Exists(temporary[$"run/{name}"]), name));
        Assert.All(swept, name => Assert.False(Path.Exists(temporary[$"run/{name.Split('/')[0]}"]), name));
    }

    // A write makes way for itself by files of its own, and deletes no folder.
    [Fact]
    public void A_folder_in_the_way_of_an_unfinished_file_is_not_deleted()
    {
        using var temporary = new TemporaryFolder();
        var kept = temporary[$"a.png.part-{Environment.ProcessId}/kept"];
        Directory.CreateDirectory(Path.GetDirectoryName(kept)!);
        File.WriteAllText(kept, "");
        Assert.Throws<CheckpointException>(() => AtomicFile.Write(temporary["a.png"], [1]));
        Assert.True(File.Exists(kept));
    }

    // A full disk: the nth file of the save cannot be written. The folder of the last checkpoint must not notice.
    [Fact]
    public void A_save_that_fails_leaves_the_last_checkpoint_whole()
    {
        using var temporary = new TemporaryFolder();
        using var run = Folder(temporary);
        run.Save(100, Groups(1), null);
        var bad = new TensorGroups(new Dictionary<string, IReadOnlyDictionary<string, Tensor>>
        {
            ["model"] = Groups(2).Groups["model"],
            ["no/such/folder/state"] = new Dictionary<string, Tensor>(),   // its file cannot be made
        });

        var error = Assert.Throws<CheckpointException>(() => run.Save(200, bad, null));

        Assert.Contains("What was saved before is whole", error.Message);
        Assert.Equal(100, run.Resume(Groups(0)));
        Assert.Single(Directory.GetDirectories(run.Path));
    }

    [Fact]
    public void Folders_are_numbered_and_never_used_twice()
    {
        using var temporary = new TemporaryFolder();
        using var first = RunFolder.Create(temporary.Path, "vae-bundled");
        using var second = RunFolder.Create(temporary.Path, "vae-bundled");
        Assert.Equal(["00000-vae-bundled", "00001-vae-bundled"], new[] { first, second }.Select(run => Path.GetFileName(run.Path)));
    }

    [Fact]
    public void A_path_that_is_no_run_is_refused_with_what_one_looks_like()
    {
        using var temporary = new TemporaryFolder();
        Assert.Contains("has no config.json", Assert.Throws<CheckpointException>(() => RunFolder.Read(temporary.Path)).Message);
    }

    [Fact]
    public void A_path_to_a_checkpoint_chooses_it()
    {
        using var temporary = new TemporaryFolder();
        using var run = Folder(temporary);
        run.Save(100, Groups(1), 1);
        run.Save(200, Groups(2), 2);
        Assert.Equal(200, RunFolder.Read(Path.Combine(run.Path, "checkpoint-000000000200")).Chosen!.ExamplesSeen);
    }

    [Fact]
    public void Differences_of_settings_have_their_path_and_both_values()
    {
        var a = JsonNode.Parse("""{"model":{"latent_dim":20,"hidden":[400]},"seed":1}""");
        var b = JsonNode.Parse("""{"model":{"latent_dim":8,"hidden":[400]},"seed":1,"more":true}""");
        Assert.Equal([new("model.latent_dim", "20", "8"), new("more", null, "true")], SettingsDiff.Compare(a, b));
    }
}
