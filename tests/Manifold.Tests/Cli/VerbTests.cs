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

        // Rows and columns of pictures of 56 pixels with a pixel between: a closed walk has a leg a row, a step between codes the picture itself before it.
        (int, int) Size(string file)
        {
            using var bitmap = SkiaSharp.SKBitmap.Decode(file);
            return ((bitmap.Height - 1) / 57, (bitmap.Width - 1) / 57);
        }
        Assert.Equal(0, ManifoldProcess.Run("interpolate", run, "--seeds", "0-4", "--closed", "--along", "arc", "--steps", "6", "--out", folder["closed.png"]).Code);
        Assert.Equal((5, 6), Size(folder["closed.png"]));
        Assert.Equal(0, ManifoldProcess.Run("arithmetic", run, "--plus", "7", "--minus", "1", "--count", "3", "--steps", "4", "--out", folder["difference.png"]).Code);
        Assert.Equal((3, 5), Size(folder["difference.png"]));
        Assert.Equal(0, ManifoldProcess.Run("arithmetic", run, "--plus", "7", "2", "--minus", "1", "--out", folder["sum.png"]).Code);
        Assert.Equal((1, 4), Size(folder["sum.png"]));
        foreach (var (walk, frames) in new[] { (new[] { "interpolate", run, "--seeds", "0-4", "--closed", "--steps", "6" }, 25), (["traverse", run, "--steps", "5"], 8), (["arithmetic", run, "--plus", "7", "--minus", "1", "--steps", "4"], 6) })
        {
            Assert.Equal(0, ManifoldProcess.Run([.. walk, "--out", folder["walk.gif"]]).Code);
            using var data = SkiaSharp.SKData.Create(folder["walk.gif"]);
            using var gif = SkiaSharp.SKCodec.Create(data);
            Assert.Equal(frames, gif.FrameCount);                                                              // closed: the last picture of a leg is the first of the next; open: there and back
        }

        // Counts that no memory holds are refused before anything is made of them.
        foreach (var (arguments, said) in new[]
        {
            (new[] { "manifold", run, "--size", "100000" }, "--size 100000 asks for 10,000,000,000 pictures; one sheet or animation has at most 100,000."),
            (["manifold", run, "--size", "2147483647"], "--size 2147483647 asks for "),
            (["interpolate", run, "--seeds", "0-4", "--steps", "2147483647"], "--steps 2147483647 for 2 walks asks for "),
            (["traverse", run, "--steps", "1000000000"], "--steps 1000000000 for 2 latents asks for "),
            (["arithmetic", run, "--plus", "7", "--minus", "1", "--steps", "1000000000"], "--steps 1000000000 for 8 rows asks for "),
            (["sample", run, "--seeds", "0-9223372036854775807"], "more than 100,000 of them"),
        })
        {
            var refused = ManifoldProcess.Run([.. arguments, "--out", folder["never.png"]]);
            Assert.Contains(said, refused.Error);
            Assert.Equal(2, refused.Code);
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
    public void A_set_says_how_many_bits_it_takes_without_a_model()
    {
        var (code, output, error) = ManifoldProcess.Run("data", "bits", "bundled", "--levels", "4");
        Assert.True(code == 0, error);
        Assert.Matches(@"uniform\s+2\.0000 bits a value  \(bundled test, 1,000 pictures\)", output);
        Assert.Matches(@"marginal\s+[01]\.\d+ bits", output);
        Assert.Matches(@"png\s+[01]\.\d+ bits", output);
    }

    // A model of order: samples, exact numbers, pictures scored from files and from the set, and gone on with.
    [Fact]
    public void A_model_of_order_is_trained_sampled_and_asked_what_surprises_it()
    {
        using var folder = new TemporaryFolder();
        var run = folder["run"];
        var (code, _, error) = ManifoldProcess.Run("train", "gated-pixelcnn", "--run", run, "--examples", "200", "--set", "model.channels=4", "--set", "model.layers=1", "--set", "trainer.batch_size=50", "--set", "trainer.log_every=100", "--set", "trainer.look_every=200", "--set", "trainer.save_every=200", "--threads", "1");
        Assert.True(code == 0, error);
        Assert.True(File.Exists(Path.Combine(run, "fakes000000.png")));
        Assert.Contains("evaluate RUN --metrics nll", File.ReadAllText(Path.Combine(run, "README.md")));

        JsonNode[] Lines(params string[] arguments) => [.. ManifoldProcess.Run(arguments).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] == '{').Select(line => JsonNode.Parse(line)!)];
        var measured = Lines("evaluate", run, "--metrics", "nll,bits_per_dim", "--split", "validation", "--limit", "3", "--json");
        var scored = Lines("score", run, "--count", "3", "--json", "--out", folder["maps"]);
        Assert.Equal((double)measured[0]["value"]!, scored.Average(line => (double)line["nll"]!), precision: 3);
        Assert.Equal((double)measured[0]["value"]! / 784 / Math.Log(2), (double)measured[1]["value"]!, precision: 5);
        Assert.Equal(3, Directory.GetFiles(folder["maps"], "*.png").Length);

        // A file of the model's size: all black is likelier than noise.
        byte[] Png(Func<int, byte> at) => new Manifold.Pictures.Picture(28, 28, 1, [.. Enumerable.Range(0, 784).Select(at)]).ToPng();
        File.WriteAllBytes(folder["black.png"], Png(_ => 0));
        File.WriteAllBytes(folder["noise.png"], Png(i => (byte)(i * 2654435761 >> 8 & 1 << 7)));
        var files = Lines("score", run, folder["black.png"], folder["noise.png"], "--json");
        Assert.True((double)files[0]["nll"]! < (double)files[1]["nll"]!);
        File.WriteAllBytes(folder["small.png"], new Manifold.Pictures.Picture(2, 2, 1, new byte[4]).ToPng());
        Assert.Contains("is 1x2x2; the model needs 1x28x28", ManifoldProcess.Run("score", run, folder["small.png"]).Error);

        // Kept: a black upper half, or what the mask says; and the masks that are none.
        foreach (var keep in new[] { "top", "left", folder["noise.png"] })
            Assert.Equal(0, ManifoldProcess.Run("complete", run, folder["black.png"], "--keep", keep, "--seeds", "0-3", "--out", folder["whole.png"]).Code);
        Assert.Contains("--keep is bottom; it needs top, left or a picture's file", ManifoldProcess.Run("complete", run, "--keep", "bottom").Error);
        Assert.Contains("whose model is not one that makes pictures of codes", ManifoldProcess.Run("interpolate", run).Error);

        // Its own law or a colder one, with a picture of how far it is.
        Assert.Equal(0, ManifoldProcess.Run("sample", run, "--seeds", "0-3", "--temperature", "0.5", "--live", folder["live.png"], "--out", folder["cold.png"]).Code);
        Assert.Equal(0, ManifoldProcess.Run("sample", run, "--seeds", "0-3", "--out", folder["warm.png"]).Code);
        Assert.Equal(File.ReadAllBytes(folder["cold.png"]), File.ReadAllBytes(folder["live.png"]));
        Assert.NotEqual(File.ReadAllBytes(folder["cold.png"]), File.ReadAllBytes(folder["warm.png"]));
        // A size that it was not trained for, and none that it cannot have.
        Assert.Equal(0, ManifoldProcess.Run("sample", run, "--seeds", "0", "--size", "20x40", "--out", folder["wide.png"]).Code);
        var wide = Manifold.Data.PictureFile.Decode(File.ReadAllBytes(folder["wide.png"]), "wide.png").Shape;
        Assert.True(wide.Width > 1.8 * wide.Height);
        Assert.Contains("--size is 20x; it needs rows and columns", ManifoldProcess.Run("sample", run, "--size", "20x").Error);
        var (hot, _, why) = ManifoldProcess.Run("sample", run, "--temperature", "0");
        Assert.Equal((2, "manifold: temperature is 0; it needs above 0."), (hot, why.Trim()));
        var (wrong, _, what) = ManifoldProcess.Run("evaluate", run, "--metrics", "nll,elbo");
        Assert.Equal((2, true), (wrong, what.Contains("No metric \"elbo\". Metrics of this model: nll, bits_per_dim.")));
    }

    // A model with everything that the settings offer at once: convolutions, classes, groups, another law of codes, 256 values.
    [Fact]
    public void A_conditional_convolutional_model_of_bytes_goes_all_the_way()
    {
        using var folder = new TemporaryFolder();
        var run = folder["run"];
        string[] settings =
        [
            "model.conditional=true", "model.latent_dim=4", "model.groups=[1,3]", "model.posterior=sigmoid_logistic", "model.prior=cube", "model.likelihood.kind=discretized_logistic", "data.binarize=none",
            "model.conv.channels=[4,4]", "model.conv.blocks=[0,1]", "model.conv.upsampling=subpixel", "objective.beta_by_group=[1,0.5]", "trainer.batch_size=50", "trainer.log_every=250", "trainer.look_every=500", "trainer.save_every=500",
        ];
        var (code, _, error) = ManifoldProcess.Run(["train", "vae-conv", "--run", run, "--examples", "500", "--threads", "1", .. settings.SelectMany(setting => new[] { "--set", setting })]);
        Assert.True(code == 0, error);
        foreach (var verb in new[] { new[] { "sample", "--class", "3", "--pixels", "draw" }, ["sample"], ["reconstruct"], ["interpolate", "--closed"], ["traverse"] })
        {
            var result = ManifoldProcess.Run([verb[0], run, .. verb[1..], "--out", folder["x.png"]]);
            Assert.True(result.Code == 0, result.Error);
        }
        Assert.Contains("codes say nothing of it", ManifoldProcess.Run("arithmetic", run, "--plus", "1", "--minus", "2").Error);
        Assert.Contains("--class is 10; the model has the classes 0 to 9.", ManifoldProcess.Run("sample", run, "--class", "10").Error);
        Assert.Contains("codes of this model fill a cube", ManifoldProcess.Run("interpolate", run, "--seeds", "0-3", "--along", "arc").Error);
        Assert.Contains("it needs a name that ends in .png.", ManifoldProcess.Run("sample", run, "--out", folder["x.gif"]).Error);
        Assert.Contains("it needs a name that ends in .png or, for an animation, .gif.", ManifoldProcess.Run("traverse", run, "--out", folder["x.webp"]).Error);

        var lines = ManifoldProcess.Run("evaluate", run, "--metrics", "bits_per_dim,iwae_5,aggregate_kl,collapse,checkerboard_50", "--limit", "50", "--json").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var rows = lines.Select(line => JsonNode.Parse(line)!).ToDictionary(row => (string)row["metric"]!);
        Assert.Equal(5, rows.Count);
        Assert.InRange((double)rows["bits_per_dim"]["value"]!, 2, 16);                                       // after ten steps
        Assert.True((bool)rows["iwae_5"]["same_data"]!);
        Assert.True((double)rows["checkerboard_50"]["reference"]! > 0);

        // Another set of the same shape is measured, and said to be another.
        var labelled = new byte[20 * 784];
        new Random(1).NextBytes(labelled);
        Manifold.Data.Idx.Write(folder["other-images-idx3-ubyte"], [20, 28, 28], labelled);
        Manifold.Data.Idx.Write(folder["other-labels-idx1-ubyte"], [20], new byte[20]);
        var other = ManifoldProcess.Run("evaluate", run, "--metrics", "elbo", "--data", folder["other-images-idx3-ubyte"], "--split", "train", "--json");
        Assert.Contains("is not the set that this run was trained on (bundled)", other.Error);
        Assert.False((bool)JsonNode.Parse(other.Output)!["same_data"]!);
        Assert.Contains("nothing of it", ManifoldProcess.Run("arithmetic", run, "--plus", "1", "--minus", "2").Error);
        var collapse = ManifoldProcess.Run("evaluate", run, "--metrics", "collapse", "--limit", "50").Output;
        Assert.Contains("z2:", collapse);
        Assert.Contains("latent    0", collapse);
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
    [InlineData(1, "libtorch: ", "train", "features", "--dry-run", "--set", "model.features=99999999999")]
    [InlineData(2, "The weights of bundled's networks", "train", "vae", "--dry-run", "--set", "model.latent_dim=99999999999")]
    [InlineData(2, "model.likelihood.kind is categorical, which is of the 256 values of a pixel, and data.binarize is dynamic. Set data.binarize=none", "train", "vae", "--dry-run", "--set", "data.binarize=dynamic", "--set", "model.likelihood.kind=categorical")]
    [InlineData(2, "model.prior is cube; it needs model.posterior=sigmoid_logistic", "train", "vae", "--dry-run", "--set", "model.prior=cube")]
    [InlineData(2, "model.conv.blocks is [1]; it needs", "train", "vae-conv", "--dry-run", "--set", "model.conv.blocks=[1]")]
    [InlineData(2, "data.levels is 4 and model.likelihood.levels is 256; they need to be the same: --set model.likelihood.levels=4.", "train", "pixelcnn-pp", "--dry-run", "--set", "data.levels=4")]
    [InlineData(2, "data.levels is 4, and model.likelihood.kind is gaussian, which has no levels.", "train", "vae", "--dry-run", "--set", "data.levels=4", "--set", "data.binarize=none", "--set", "model.likelihood.kind=gaussian")]
    [InlineData(2, "objective.gradient is score; it needs a posterior and a prior whose KL has a closed form", "train", "vae", "--dry-run", "--set", "objective.gradient=score", "--set", "model.posterior=student_t", "--set", "model.prior=laplace")]
    [InlineData(2, "--metrics names none", "evaluate", "/nowhere", "--metrics", "")]
    [InlineData(2, "Did you mean \"elbo\"", "evaluate", "/nowhere", "--metrics", "elbow")]
    [InlineData(2, "Did you mean \"fid_lenet_1000\"", "evaluate", "/nowhere", "--metrics", "fid_lenet_100O")]
    public void What_is_wrong_is_said_in_a_sentence_with_an_exit_code(int code, string message, params string[] arguments)
    {
        var result = ManifoldProcess.Run(arguments);
        Assert.Equal(code, result.Code);
        Assert.Contains(message, result.Error);
        Assert.DoesNotContain("   at ", result.Error);   // no stack trace
    }

    [Theory]
    [InlineData("list"), InlineData("train"), InlineData("sample"), InlineData("reconstruct"), InlineData("interpolate"), InlineData("traverse"), InlineData("arithmetic"), InlineData("manifold")]
    [InlineData("evaluate"), InlineData("data"), InlineData("verify-resume"), InlineData("doctor")]
    public void Help_ends_with_an_example(string verb)
    {
        var (code, output, _) = ManifoldProcess.Run(verb, "--help");
        Assert.Equal(0, code);
        Assert.Matches($@"Examples?:\n  \./manifold {verb}", output);
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
        List<JsonNode> Log(string run) => [.. File.ReadAllLines(Path.Combine(folder[run], "stats.jsonl")).Select(line => JsonNode.Parse(line)!)];
        static string Timeless(JsonNode line) { line.AsObject().Remove("seconds"); return line.ToJsonString(); }
        var log = Log("killed").Where(line => line["advice"] is null).Select(line => (long)line["examples"]!).ToList();
        Assert.Equal(log.Distinct().Order(), log);                             // no line twice, none out of order
        Assert.Equal(Log("straight").Select(Timeless), Log("killed").Select(Timeless));
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
