using Manifold.Pictures;

namespace Manifold.Tests.Cli;

/// <summary>What the verbs say of a set: its splits, what was left out, and what evaluation takes where there is no test split.</summary>
public class DataVerbTests
{
    private static readonly string[] Tiny = ["--set", "model.hidden=[8]", "--set", "model.latent_dim=2", "--set", "trainer.batch_size=5", "--threads", "1"];

    private static void Pictures(string folder, int count)
    {
        Directory.CreateDirectory(folder);
        for (var i = 0; i < count; i++) File.WriteAllBytes(Path.Combine(folder, $"{i:D3}.png"), new Picture(4, 4, 1, [.. Enumerable.Range(0, 16).Select(p => (byte)(7 * p + i))]).ToPng());
    }

    [Fact]
    public void A_run_says_its_splits_first_and_evaluation_says_what_it_takes()
    {
        using var folder = new TemporaryFolder();
        Pictures(folder["set/training"], 20);
        Pictures(folder["set/val"], 6);
        var (_, dry, _) = ManifoldProcess.Run(["train", "vae", "--dry-run", "--data", folder["set"], .. Tiny]);
        Assert.Contains("data: set, 1x4x4, 20 train, 6 validation, 0 test\n  train 20: training/\n  validation 6: val/\n  no test split\n", dry);

        var (code, output, error) = ManifoldProcess.Run(["train", "vae", "--data", folder["set"], "--run", folder["run"], "--examples", "20", .. Tiny]);
        Assert.True(code == 0, error);
        Assert.Contains("train 20: training/; validation 6: val/; no test split", output.Split('\n')[0]);

        var measured = ManifoldProcess.Run("evaluate", folder["run"], "--metrics", "elbo");
        Assert.True(measured.Code == 0, measured.Error);
        Assert.Contains("set validation", measured.Output);
        Assert.Contains("set has no test split; what follows is of its validation split.", measured.Error);
        Assert.DoesNotContain("no test split", ManifoldProcess.Run("evaluate", folder["run"], "--metrics", "elbo", "--split", "validation").Error);
        Assert.Contains("set has no test split", ManifoldProcess.Run("evaluate", folder["run"], "--metrics", "elbo", "--split", "test").Error);
    }

    [Fact]
    public void A_listing_shows_what_is_here()
    {
        using var folder = new TemporaryFolder();
        Pictures(folder["pets/train"], 20);
        Pictures(folder["pets/test"], 5);
        Pictures(folder["domains/trainA"], 12);
        Pictures(folder["domains/trainB"], 12);
        Directory.CreateDirectory(folder["pets.part"]);
        File.Copy(folder["pets/train/000.png"], folder["pets.part/000.png"]);
        var list = ManifoldProcess.Run("data", "list", "--data-root", folder.Path).Output;
        Assert.Matches(@"(?m)^pets +1x4x4 +18 train +2 validation +5 test$", list);
        Assert.Matches(@"(?m)^domains .*two domains", list);
        Assert.DoesNotContain("pets.part", list);
    }
}
