using System.Text.Json.Nodes;

namespace Manifold.Tests.Cli;

/// <summary>Games from the command line, from nothing to pictures, numbers and their comparison.</summary>
public class GameVerbTests
{
    private static readonly string[] tiny =
        ["--set", "model.width=4", "--set", "model.latent_dim=4", "--set", "data.size=16", "--set", "trainer.batch_size=20", "--set", "trainer.log_every=200", "--set", "trainer.look_every=200", "--set", "trainer.save_every=200", "--threads", "1"];

    [Fact]
    public void A_game_on_pictures_is_trained_judged_and_shown()
    {
        using var folder = new TemporaryFolder();
        string a = folder["a"], b = folder["b"];
        var (code, output, error) = ManifoldProcess.Run(["train", "dcgan", "--run", a, "--examples", "400", "--set", "model.conditioning=concat", .. tiny]);
        Assert.True(code == 0, error);
        Assert.Contains("g_grad", output);
        Assert.Equal(0, ManifoldProcess.Run(["train", "lsgan", "--run", b, "--examples", "400", .. tiny]).Code);

        var metrics = "fid_lenet_200,kid_lenet_200,precision_recall_lenet_200,density_coverage_lenet_200,inception_score_lenet_200,recognition_lenet_200,memorization_lenet_100,swd_50,c2st_100,parzen_100";
        var lines = ManifoldProcess.Run("evaluate", a, "--metrics", metrics, "--json").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var rows = lines.Select(line => JsonNode.Parse(line)!).ToDictionary(row => (string)row["metric"]!);
        Assert.Equal(12, rows.Count);                                                      // two of the ten have two numbers
        Assert.All(rows.Values, row => Assert.True(double.IsFinite((double)row["value"]!)));
        Assert.Equal(("lenet", "8 bits", "train", 200, "0-199"), ((string?)rows["fid_lenet_200"]["extractor"], (string?)rows["fid_lenet_200"]["quantization"], (string?)rows["fid_lenet_200"]["reference_split"], (int?)rows["fid_lenet_200"]["reference_count"], (string?)rows["fid_lenet_200"]["seeds"]));
        Assert.InRange((double)rows["recognition_lenet_200"]["as_asked"]!, 0, 1);
        Assert.Equal((string?)rows["fid_lenet_200"]["reference_sha256"], (string?)rows["kid_lenet_200"]["reference_sha256"]);
        var sheet = Path.Combine(a, "memorization_lenet_100-neighbours.png");
        Assert.Equal("memorization_lenet_100-neighbours.png", (string?)rows["memorization_lenet_100"]["sheet"]);
        using (var picture = SkiaSharp.SKBitmap.Decode(sheet)) Assert.True(picture.Width > 14 * 48 && picture.Height > 12 * 48 && picture.ColorType == SkiaSharp.SKColorType.Gray8);
        Assert.Contains($"{sheet}: in a row a sample, its five nearest training pictures", ManifoldProcess.Run("evaluate", a, "--metrics", "memorization_lenet_100").Output);
        Assert.Equal(0, ManifoldProcess.Run("evaluate", b, "--metrics", "fid_lenet_200").Code);

        var table = ManifoldProcess.Run("compare", a, b, "--metric", "fid_lenet_200").Output;
        Assert.Contains("fid_lenet_200", table);
        Assert.DoesNotContain("not to be compared", table);
        Assert.Equal(0, ManifoldProcess.Run("evaluate", b, "--metrics", "fid_lenet_200", "--weights", "live").Code);
        Assert.Contains("not to be compared with the others: weights", ManifoldProcess.Run("compare", a, b, "--metric", "fid_lenet_200").Output);

        Assert.Contains("truncation 0.5", ManifoldProcess.Run("evaluate", b, "--metrics", "fid_lenet_200", "--truncation", "0.5").Output);
        Assert.Contains("not to be compared with the others: truncation", ManifoldProcess.Run("compare", a, b, "--metric", "fid_lenet_200").Output);
        Assert.Contains("linear_probe is not of samples", ManifoldProcess.Run("evaluate", b, "--metrics", "linear_probe", "--truncation", "0.5").Error);

        Assert.Equal(0, ManifoldProcess.Run("timeline", a).Code);
        Assert.True(File.Exists(Path.Combine(a, "timeline.html")) && File.Exists(Path.Combine(a, "timeline.gif")));
        foreach (var verb in new[] { new[] { "sample", a, "--class", "3", "--truncation", "0.7" }, ["invert", b, "--count", "4", "--steps", "5", "--restarts", "1"], ["interpolate", b, "--seeds", "0-3"], ["traverse", b, "--rows", "2"],
            ["arithmetic", b, "--plus", "seeds:0-2", "--minus", "seeds:3,7", "--steps", "3"], ["arithmetic", b, "--plus", "seeds:0-2", "seeds:5", "--minus", "seeds:3"] })
        {
            Assert.Equal(0, ManifoldProcess.Run([.. verb, "--out", folder["picture.png"]]).Code);
            Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(folder["picture.png"])[..4]);
            File.Delete(folder["picture.png"]);
        }
        Assert.Contains("were recognized as class", ManifoldProcess.Run("arithmetic", b, "--plus", "7", "--minus", "1", "--out", folder["picture.png"]).Error);
        Assert.Contains("codes say nothing of it", ManifoldProcess.Run("arithmetic", a, "--plus", "7", "--minus", "1").Error);
    }

    [Fact]
    public void A_game_on_points_is_drawn_and_its_modes_are_counted()
    {
        using var folder = new TemporaryFolder();
        var run = folder["ring"];
        var (code, output, error) = ManifoldProcess.Run("train", "gan-ring", "--run", run, "--examples", "4096", "--set", "trainer.look_every=2048", "--set", "trainer.log_every=2048", "--threads", "1");
        Assert.True(code == 0, error);
        Assert.Contains("modes ", output);
        Assert.True(File.Exists(Path.Combine(run, "fakes000004.png")));
        Assert.Contains("of 8, with a fifth of their fair share", ManifoldProcess.Run("evaluate", run, "--metrics", "modes_500").Output);
        Assert.Equal(0, ManifoldProcess.Run("sample", run, "--out", folder["points.png"]).Code);
    }

    [Fact]
    public void A_vae_and_a_game_on_points_are_drawn_beside_their_law()
    {
        using var folder = new TemporaryFolder();
        string vae = folder["vae"], gan = folder["gan"], pictures = folder["pictures"], roll = folder["roll"];
        foreach (var (recipe, run) in new[] { ("vae-ring", vae), ("gan-ring", gan), ("vae-swiss-roll", roll) })
        {
            var (code, _, error) = ManifoldProcess.Run("train", recipe, "--run", run, "--examples", "4096", "--set", "trainer.look_every=4096", "--set", "trainer.log_every=4096", "--threads", "1");
            Assert.True(code == 0, error);
        }
        Assert.Equal(0, ManifoldProcess.Run("train", "vae", "--run", pictures, "--examples", "200", "--set", "model.hidden=[8]", "--threads", "1").Code);

        var drawn = ManifoldProcess.Run("density", vae, gan, "--codes", "200", "--samples", "2000", "--count", "1000", "--threads", "1", "--out", folder["cartoon.png"]);
        Assert.True(drawn.Code == 0, drawn.Error);
        var lines = drawn.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("  1  ring, the law of the data; 1.0000 of it in the square, -log p of held-out data ", lines[1]);
        Assert.Contains("vae-ring, ema weights at 4,096: p(x), the mean of p(x|z) over 200 codes of the prior", lines[2]);
        Assert.Contains("gan-ring, ema weights at 4,096: 2,000 samples, each a normal kernel of deviation 0.0", lines[3]);
        Assert.DoesNotContain("held-out", lines[3]);                                       // a game has no likelihood
        Assert.Contains("the logarithm of the density", lines[4]);
        using var picture = SkiaSharp.SKBitmap.Decode(folder["cartoon.png"]);
        Assert.Equal((3 * 240 + 4 * 4, 240 + 2 * 4), (picture.Width, picture.Height));
        foreach (var run in new[] { vae, gan })
            foreach (var metric in new[] { "off_manifold_1000", "missed_1000" })
            {
                var row = JsonNode.Parse(Assert.Single(File.ReadAllLines(Path.Combine(run, $"metric-{metric}.jsonl"))))!;
                Assert.InRange((double)row["value"]!, 0, 1);
                Assert.Equal(("train", "validation", "train", 1000, "lower", "none"), ((string?)row["split"], (string?)row["radius_split"], (string?)row["reference_split"], (int?)row["reference_count"], (string?)row["better"], (string?)row["quantization"]));
                Assert.True((double)row["radius"]! > 0 && (double)row["floor"]! < 0.05);
                Assert.Contains($"{metric} ", drawn.Output);
            }

        Assert.Contains("iwae_20", ManifoldProcess.Run("evaluate", vae, "--metrics", "elbo,iwae_20,recon_mse,modes_100,off_manifold_100").Output);
        foreach (var verb in new[] { "sample", "reconstruct", "manifold", "interpolate", "traverse" })
            Assert.Equal(0, ManifoldProcess.Run(verb, vae, "--out", folder["picture.png"]).Code);

        foreach (var (message, arguments) in new[]
        {
            ("is a run of vae on pictures of 1x28x28", new[] { vae, pictures }),
            ("one page is of one set", [vae, roll]),
            ("--count is 5; it needs 10 to 1000000", [vae, "--count", "5"]),
            ("--out is a.jpg; it needs a name that ends in .png", [vae, "--out", "a.jpg"]),
        })
        {
            var (code, output, error) = ManifoldProcess.Run(["density", .. arguments]);
            Assert.Equal((2, ""), (code, output));
            Assert.Contains(message, error);
        }
    }

    [Fact]
    public void The_doctor_says_whether_a_recipe_learns_in_every_part()
    {
        var (code, output, _) = ManifoldProcess.Run("doctor", "--recipe", "dcgan", "--set", "model.width=4", "--set", "data.size=16");
        Assert.Equal(0, code);
        Assert.Contains("learning reaches every part", output);
        Assert.Contains("its gradient through the discriminator has the norm", output);
        var still = ManifoldProcess.Run("doctor", "--recipe", "dcgan", "--set", "model.width=4", "--set", "data.size=16", "--set", "generator.learning_rate=0");
        Assert.Equal(1, still.Code);
        Assert.Contains("these did not move: generator.seed.weight", still.Output);
    }

    [Theory]
    [InlineData("model.discriminator_norm is batch", "--set", "objective.r1=1")]
    [InlineData("square pictures of 16, 32, 64 or 128 pixels", "--set", "data.size=20")]
    [InlineData("data.binarize", "--set", "data.binarize=dynamic")]
    [InlineData("objective.augment", "--set", "data.set=ring", "--set", "data.size=null", "--set", "model.network=mlp", "--set", "objective.augment=[\"cutout\"]")]
    public void What_does_not_go_together_is_refused_before_anything_is_written(string message, params string[] changes)
    {
        using var folder = new TemporaryFolder();
        var (code, _, error) = ManifoldProcess.Run(["train", "dcgan", "--run", folder["run"], "--examples", "40", .. changes]);
        Assert.Equal(2, code);
        Assert.Contains(message, error);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Fact]
    public void A_wrong_extractor_is_said()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(0, ManifoldProcess.Run(["train", "dcgan", "--run", folder["run"], "--examples", "40", .. tiny]).Code);
        File.WriteAllText(folder["x.pt"], "no network");
        foreach (var (features, metric, message) in new[] { (folder["x.pt"], "fid_script_100", "is not a TorchScript file"), (folder["run"], "fid_lenet_100", "a run of dcgan; it needs a run of features"), (folder["none"], "fid_script_100", "There is no file") })
        {
            var (code, _, error) = ManifoldProcess.Run("evaluate", folder["run"], "--metrics", metric, "--features", features);
            Assert.Equal(2, code);
            Assert.Contains(message, error);
        }
        Assert.Contains("Ask for fid_lenet_9000 or fewer", ManifoldProcess.Run("evaluate", folder["run"], "--metrics", "fid_lenet_20000").Error);
    }
}
