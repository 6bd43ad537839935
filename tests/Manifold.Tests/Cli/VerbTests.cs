using System.Text.Json.Nodes;

namespace Manifold.Tests.Cli;

public class VerbTests
{
    private static readonly string[] Tiny =
        ["--set", "model.hidden=[32]", "--set", "model.latent_dim=2", "--set", "trainer.batch_size=50", "--set", "trainer.log_every=500", "--set", "trainer.look_every=1000", "--set", "trainer.save_every=500", "--threads", "1"];

    // From nothing to pictures and numbers, each verb in turn, on the bundled data.
    [Fact]
    public void A_run_is_trained_sampled_walked_and_measured()
    {
        using var folder = new TemporaryFolder();
        var run = folder["run"];
        var (code, output, error) = ManifoldProcess.Run(["train", "vae-2d", "--run", run, "--examples", "2000", .. Tiny]);
        Assert.True(code == 0, error);
        Assert.Contains("2,000 examples done", output);
        Assert.True(File.Exists(Path.Combine(run, "fakes000002.png")));
        Assert.NotEmpty(Directory.GetFiles(run, "events.out.tfevents.*"));
        var card = File.ReadAllText(Path.Combine(run, "README.md"));
        Assert.Contains("2,000 of 2,000, 50 in a step", card);
        Assert.Contains("--set 'model.hidden=[32]'", card);
        Assert.Contains("](fakes000002.png)", card);

        foreach (var verb in new[] { "sample", "reconstruct", "interpolate", "traverse", "manifold" })
        {
            var picture = folder[$"{verb}.png"];
            Assert.Equal(0, ManifoldProcess.Run(verb, run, "--out", picture).Code);
            Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(picture)[..4]);
        }

        var lines = ManifoldProcess.Run("evaluate", run, "--metrics", "elbo,iwae_10,recon_mse,kl_per_dim,active_units", "--limit", "100", "--json").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var rows = lines.Select(line => JsonNode.Parse(line)!).ToDictionary(row => (string)row["metric"]!);
        Assert.Equal(["elbo", "iwae_10", "recon_mse", "kl_per_dim", "active_units"], rows.Keys);
        Assert.True((double)rows["iwae_10"]["value"]! < -(double)rows["elbo"]["value"]!);                      // ten samples bound more tightly than one
        Assert.Equal(("test", "bundled", "ema", "dynamic", 100), ((string)rows["elbo"]["split"]!, (string)rows["elbo"]["data"]!, (string)rows["elbo"]["weights"]!, (string)rows["elbo"]["binarization"]!, (int)rows["elbo"]["count"]!));
        Assert.Equal(2, rows["kl_per_dim"]["per_latent"]!.AsArray().Count);
        Assert.Equal(16, ((string)rows["elbo"]["checkpoint_sha256"]!).Length);
    }

    [Fact]
    public void A_seed_means_the_same_picture_whatever_the_others()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(0, ManifoldProcess.Run(["train", "vae", "--run", folder["run"], "--examples", "500", .. Tiny]).Code);
        ManifoldProcess.Run("sample", folder["run"], "--seeds", "5", "--out", folder["a.png"]);
        ManifoldProcess.Run("sample", folder["run"], "--seeds", "5", "--out", folder["b.png"]);
        ManifoldProcess.Run("sample", folder["run"], "--seeds", "6", "--out", folder["c.png"]);
        Assert.Equal(File.ReadAllBytes(folder["a.png"]), File.ReadAllBytes(folder["b.png"]));
        Assert.NotEqual(File.ReadAllBytes(folder["a.png"]), File.ReadAllBytes(folder["c.png"]));
    }

    [Theory]
    [InlineData(2, "Did you mean \"train\"", "trian", "vae")]
    [InlineData(2, "Did you mean \"vae\"", "train", "vea")]
    [InlineData(2, "Did you mean \"model.latent_dim\"", "train", "vae", "--dry-run", "--set", "model.latent_dims=3")]
    [InlineData(2, "Required argument missing", "train")]
    [InlineData(2, "it needs cpu, cuda or cuda:N", "train", "vae", "--device", "tpu")]
    [InlineData(1, "No data set \"minst\"", "train", "vae", "--data", "minst", "--data-root", "/nowhere")]
    [InlineData(1, "is not a run", "sample", "/nowhere")]
    [InlineData(2, "data.set is empty", "train", "vae", "--data", "")]
    [InlineData(2, "trainer.batch_size is 0; it needs to be above 0.", "train", "vae", "--dry-run", "--set", "trainer.batch_size=0")]
    [InlineData(2, "schedule.over is 0; it needs to be above 0 for Cosine.", "train", "vae", "--dry-run", "--set", "schedule.kind=cosine")]
    [InlineData(2, "optimizer.learning_rate is -1; it needs to be a finite number of at least 0.", "train", "vae", "--dry-run", "--set", "optimizer.learning_rate=-1")]
    [InlineData(1, "libtorch: ", "train", "vae", "--dry-run", "--set", "model.latent_dim=99999999999")]
    [InlineData(2, "--metrics names none", "evaluate", "/nowhere", "--metrics", "")]
    [InlineData(2, "Did you mean \"elbo\"", "evaluate", "/nowhere", "--metrics", "elbow")]
    public void What_is_wrong_is_said_in_a_sentence_with_an_exit_code(int code, string message, params string[] arguments)
    {
        var result = ManifoldProcess.Run(arguments);
        Assert.Equal(code, result.Code);
        Assert.Contains(message, result.Error);
        Assert.DoesNotContain("   at ", result.Error);   // no stack trace
    }

    [Theory]
    [InlineData("list"), InlineData("train"), InlineData("sample"), InlineData("reconstruct"), InlineData("interpolate"), InlineData("traverse"), InlineData("manifold")]
    [InlineData("evaluate"), InlineData("data"), InlineData("verify-resume"), InlineData("doctor")]
    public void Help_ends_with_an_example(string verb)
    {
        var (code, output, _) = ManifoldProcess.Run(verb, "--help");
        Assert.Equal(0, code);
        Assert.Contains($"Example:\n  ./manifold {verb}", output);
    }

    [Fact]
    public void A_dry_run_shows_settings_layers_work_and_memory_and_writes_nothing()
    {
        using var folder = new TemporaryFolder();
        var (code, output, _) = Child.Run(Child.Cli, ["train", "vae", "--dry-run"], folder: folder.Path);
        Assert.Equal(0, code);
        Assert.Contains("\"latent_dim\": 20", output);
        Assert.Contains("651,200 multiply-adds per example forward", output);   // 784 x 400 + 400 x 40 + 20 x 400 + 400 x 784
        Assert.Contains("memory: about", output);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void The_doctor_finds_that_training_can_work()
    {
        var (code, output, _) = ManifoldProcess.Run("doctor");
        Assert.Equal(0, code);
        Assert.Contains("none missing", output);
    }

    [Fact]
    public void Where_nothing_is_to_be_loaded_one_sentence_says_what_was_looked_for_and_how_to_get_it()
    {
        using var folder = new TemporaryFolder();
        var named = Child.Run(Child.Cli, ["doctor"], [("MANIFOLD_LIBTORCH", folder.Path)]);
        Assert.Equal(1, named.ExitCode);
        Assert.Contains($"MANIFOLD_LIBTORCH is {folder.Path}, which holds no libtorch_cpu.so", named.Output);

        var nothing = Child.Run(Child.Cli, ["train", "vae"], [("HOME", folder.Path), ("NUGET_PACKAGES", null)]);
        Assert.Equal(1, nothing.ExitCode);
        Assert.Contains("dotnet restore", nothing.Error);
    }

    // Killed at twenty instants that a seed chose, some in the middle of a save, and gone on with each time.
    [Fact]
    public void A_run_that_is_killed_again_and_again_ends_in_the_same_bytes()
    {
        using var folder = new TemporaryFolder();
        string[] Train(string run, int examples) => ["train", "vae", "--run", folder[run], "--examples", $"{examples}", .. Tiny, "--set", "trainer.save_every=200"];
        const int examples = 60_000;
        string Checkpoints() => Directory.Exists(folder["killed"]) ? string.Join(' ', Directory.GetDirectories(folder["killed"]).Select(path => Path.GetFileName(path)).Order()) : "";
        var random = new Random(3);
        var reached = new HashSet<string>();
        for (var kill = 0; kill < 20; kill++)
        {
            var before = Checkpoints();
            using var process = ManifoldProcess.Start(Train("killed", examples));
            _ = process.StandardOutput.ReadToEndAsync();
            _ = process.StandardError.ReadToEndAsync();
            while (Checkpoints() == before && !process.HasExited) Thread.Sleep(1);   // it is under way
            if (process.WaitForExit(random.Next(200))) break;
            process.Kill();                                                    // SIGKILL
            process.WaitForExit();
            reached.Add(Checkpoints());
        }
        Assert.True(reached.Count > 15, $"the kills fell on {reached.Count} different states; too few to prove anything");

        Assert.Equal(0, ManifoldProcess.Run(Train("killed", examples)).Code);
        Assert.Equal(0, ManifoldProcess.Run(Train("straight", examples)).Code);
        foreach (var file in Directory.GetFiles(Path.Combine(folder["straight"], $"checkpoint-{examples:D12}"), "*.safetensors"))
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(file.Replace(folder["straight"], folder["killed"])));
        var log = File.ReadAllLines(Path.Combine(folder["killed"], "stats.jsonl")).Select(line => (long)JsonNode.Parse(line)!["examples"]!).ToList();
        Assert.Equal(log.Distinct().Order(), log);                             // no line twice, none out of order
    }

    [Fact]
    public async Task Ctrl_c_saves_and_exits_130()
    {
        using var folder = new TemporaryFolder();
        using var process = ManifoldProcess.Start(["train", "vae", "--run", folder["run"], "--examples", "100000000", .. Tiny]);
        var output = process.StandardOutput.ReadToEndAsync();
        while (!process.HasExited && (!Directory.Exists(folder["run"]) || Directory.GetDirectories(folder["run"], "checkpoint-*").Length < 2)) await Task.Delay(50);
        System.Diagnostics.Process.Start("kill", ["-INT", $"{process.Id}"]).WaitForExit();
        Assert.True(process.WaitForExit(30_000));
        Assert.Equal(130, process.ExitCode);
        Assert.Contains("Stopped and saved", await output);
    }
}
