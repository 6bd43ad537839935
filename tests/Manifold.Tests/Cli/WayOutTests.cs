using Manifold.Pictures;

namespace Manifold.Tests.Cli;

/// <summary>The ways out that messages name, taken as they are written.</summary>
public class WayOutTests
{
    [Fact]
    public void A_broken_picture_is_named_and_left_out_by_the_option_that_is_named()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["photos"]);
        for (var i = 0; i < 12; i++) File.WriteAllBytes(folder[$"photos/{i:D2}.png"], new Picture(16, 16, 1, [.. Enumerable.Range(0, 256).Select(p => (byte)(p * i * 7))]).ToPng());
        File.WriteAllBytes(folder["photos/05.png"], File.ReadAllBytes(folder["photos/05.png"])[..60]);
        File.WriteAllText(folder["photos/07.jpg"], "no picture");

        string[] train = ["train", "dcgan", "--data", folder["photos"], "--set", "data.size=16", "--dry-run"];
        var refused = ManifoldProcess.Run(train);
        Assert.Equal(1, refused.Code);
        Assert.Matches("photos/0[57].*--skip-bad", refused.Error);
        var accepted = ManifoldProcess.Run([.. train, "--skip-bad"]);
        Assert.True(accepted.Code == 0, accepted.Error);
        Assert.Contains("\"skip_bad\": true", accepted.Output);
        Assert.Contains("give the folder", ManifoldProcess.Run("train", "dcgan", "--data", folder["photos/01.png"], "--dry-run").Error);
    }

    [Fact]
    public void The_command_to_go_on_with_is_accepted_as_it_is_printed()
    {
        using var folder = new TemporaryFolder();
        string[] tiny = ["--set", "model.width=4", "--set", "data.size=16", "--set", "trainer.batch_size=20", "--set", "trainer.look_every=40", "--stop-when", "plateau", "--best-by", "swd_20", "--patience", "40"];
        Assert.Equal(0, ManifoldProcess.Run(["train", "dcgan", "--run", folder["run"], "--examples", "400", "--threads", "1", .. tiny]).Code);
        var ended = ManifoldProcess.Run("train", "dcgan", "--run", folder["run"], "--threads", "1").Output;
        var goOn = System.Text.RegularExpressions.Regex.Match(ended, @"Go on: \./manifold (.*--patience \d+), or").Groups[1].Value;
        Assert.Contains("--threads 1", goOn);
        var result = ManifoldProcess.Run(goOn.Split(' '));
        Assert.True(result.Code == 0, ended + result.Error);
    }
}
