using System.Diagnostics;
using System.Text.RegularExpressions;
using Manifold.Checkpoints;
using Manifold.Recipes;

namespace Manifold.Tests.Cli;

/// <summary>How a run ends that is not left alone: signals, a folder that goes, one that cannot be written.</summary>
public class RunEndTests
{
    private static readonly string[] endless =
    [
        "train", "vae", "--examples", "100000000", "--threads", "1", "--set", "model.hidden=[8]", "--set", "model.latent_dim=2", "--set", "trainer.batch_size=50",
        "--set", "trainer.log_every=500", "--set", "trainer.look_every=1000000", "--set", "trainer.save_every=1000000",
    ];

    // Waits until the run is under way, which its log says.
    private static async Task UntilItTrains(Process process, string run)
    {
        var log = Path.Combine(run, "stats.jsonl");
        for (var tries = 0; tries < 1200 && !process.HasExited && (!File.Exists(log) || File.ReadLines(log).Count() < 3); tries++) await Task.Delay(50);
        Assert.False(process.HasExited);
    }

    private static void Signal(string name, Process process) => Process.Start("kill", [$"-{name}", $"{process.Id}"]).WaitForExit();

    [Fact]
    public async Task A_terminal_that_closes_saves_and_ends_like_ctrl_c()
    {
        using var folder = new TemporaryFolder();
        using var process = ManifoldProcess.Start([.. endless, "--run", folder["run"]]);
        var output = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        await UntilItTrains(process, folder["run"]);
        Signal("HUP", process);
        Signal("HUP", process);                                     // from the terminal, and from its shell
        Assert.True(process.WaitForExit(60_000));
        Assert.Equal(130, process.ExitCode);
        Assert.Contains("Stopped and saved at", await output);
        Assert.True(RunFolder.Read(folder["run"]).Newest!.ExamplesSeen > 0);
    }

    [Fact]
    public async Task Under_nohup_a_run_outlives_its_terminal()
    {
        using var folder = new TemporaryFolder();
        using var process = Process.Start(new ProcessStartInfo("nohup", [Child.Cli, .. endless, "--run", folder["run"]]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        _ = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        await UntilItTrains(process, folder["run"]);
        Signal("HUP", process);
        var lines = File.ReadLines(Path.Combine(folder["run"], "stats.jsonl")).Count();
        for (var tries = 0; tries < 200 && File.ReadLines(Path.Combine(folder["run"], "stats.jsonl")).Count() < lines + 3; tries++) await Task.Delay(50);
        Assert.False(process.HasExited);
        Signal("TERM", process);
        Assert.True(process.WaitForExit(60_000));
        Assert.Equal(130, process.ExitCode);
    }

    private static TrainingRequest Tiny(TemporaryFolder folder) => new(RecipeList.Find("vae") with { Default = RecipeList.Find("vae").Tiny }) { Folder = folder["run"] };

    // Deleted, moved away, or another run begun in its place: nothing is written there, and the first error is the one that is heard.
    [Theory]
    [InlineData("deleted")]
    [InlineData("moved")]
    [InlineData("replaced")]
    public void A_folder_that_goes_while_it_is_trained_in_ends_the_run_and_is_not_made_again(string what)
    {
        using var folder = new TemporaryFolder();
        using var run = TrainingRun.Open(Tiny(folder));
        var error = Assert.Throws<CheckpointException>(() => run.Train(progress =>
        {
            if (progress.ExamplesSeen != 100) return;
            if (what == "deleted") Directory.Delete(folder["run"], recursive: true);
            else Directory.Move(folder["run"], folder["elsewhere"]);
            if (what != "replaced") return;
            Directory.CreateDirectory(folder["run"]);
            File.WriteAllText(folder["run/.lock"], "");
        })).Message;
        Assert.Contains("was deleted, moved or replaced while this run was training in it", error);
        Assert.Equal(what == "replaced" ? [".lock"] : [], Directory.Exists(folder["run"]) ? Directory.GetFileSystemEntries(folder["run"]).Select(Path.GetFileName) : []);
    }

    // The program of a running process cannot be written, as on a read-only file system.
    [Fact]
    public void A_lock_that_cannot_be_opened_is_not_said_to_be_held_by_another_process()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["run"]);
        File.Copy("/bin/sleep", folder["run/.lock"]);
        using var sleep = Process.Start(folder["run/.lock"], "60");
        try
        {
            var error = Assert.Throws<CheckpointException>(() => RunFolder.Open(folder["run"])).Message;
            Assert.Contains("could not be written", error);
            Assert.DoesNotContain("another process", error);
        }
        finally
        {
            sleep.Kill();
            sleep.WaitForExit();
        }
    }

    // The card cannot be written either, and is not what the user is to hear of.
    [Fact]
    public void What_went_wrong_first_is_what_is_said()
    {
        using var folder = new TemporaryFolder();
        var warnings = new List<string>();
        using var run = TrainingRun.Open(Tiny(folder) with { Warn = warnings.Add });
        var error = Assert.Throws<InvalidOperationException>(() => run.Train(progress =>
        {
            if (progress.ExamplesSeen != 100) return;
            Directory.CreateDirectory(folder["run/README.md/in the way"]);
            throw new InvalidOperationException("the first");
        }));
        Assert.Equal("the first", error.Message);
        Assert.Contains("README.md is not up to date", Assert.Single(warnings));
    }

    [Fact]
    public void The_next_command_is_accepted_as_it_is_printed_by_a_shell()
    {
        using var folder = new TemporaryFolder();
        var run = folder["it's my $HOME run"];
        string[] tiny = ["--threads", "1", "--set", "model.hidden=[8]"];
        var trained = ManifoldProcess.Run(["train", "vae", "--run", run, "--examples", "256", .. tiny]);
        Assert.True(trained.Code == 0, trained.Error);
        var next = Regex.Match(trained.Output, @"Next: \./manifold (.*)\n").Groups[1].Value;
        var sampled = Child.Run("sh", ["-c", $"{Child.Cli} {next}"]);
        Assert.True(sampled.ExitCode == 0, next + sampled.Error);
        Assert.True(File.Exists(Path.Combine(run, "sample.png")));
        Assert.Equal([run], Directory.GetFileSystemEntries(folder.Path));
    }

    [Theory]
    [InlineData("--threads is 9999, and this machine has", "train", "vae", "--dry-run", "--threads", "9999")]
    [InlineData("--threads is 9999, and this machine has", "verify-resume", "vae", "--threads", "9999")]
    [InlineData("model.hidden is null", "train", "vae", "--dry-run", "--set", "model.hidden=null")]
    [InlineData("data.set is null", "train", "vae", "--dry-run", "--set", "data.set=null")]
    [InlineData("trainer.keep_every is -5", "train", "vae", "--dry-run", "--set", "trainer.keep_every=-5")]
    [InlineData("trainer.keep_every is 0", "train", "vae", "--dry-run", "--set", "trainer.keep_every=0")]
    public void A_number_that_makes_no_sense_is_wrong_usage(string message, params string[] arguments)
    {
        var (code, _, error) = ManifoldProcess.Run(arguments);
        Assert.Equal(2, code);
        Assert.Contains(message, error);
        Assert.DoesNotContain("   at ", error);
    }
}
