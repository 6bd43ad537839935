using System.Diagnostics;
using System.Text.Json.Nodes;
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

    // As a terminal that is gone, or a log on a full disk: every write to it fails.
    [Theory]
    [InlineData(">/dev/full 2>/dev/null")]
    [InlineData(">/dev/full 2>/dev/full")]
    [InlineData(">&- 2>&-")]
    public async Task Output_that_cannot_be_written_changes_neither_what_is_saved_nor_the_exit_code(string output)
    {
        using var folder = new TemporaryFolder();
        using var process = Process.Start("sh", ["-c", $"exec \"$0\" \"$@\" {output}", Child.Cli, .. endless, "--run", folder["run"]]);
        await UntilItTrains(process, folder["run"]);
        Signal("TERM", process);
        Assert.True(process.WaitForExit(60_000));
        Assert.Equal(130, process.ExitCode);
        Assert.True(RunFolder.Read(folder["run"]).Newest!.ExamplesSeen > 0);
    }

    // What a verb was asked to print is its work, so that its loss is a failure, which is not said but in the exit code.
    [Theory]
    [InlineData("list")]
    [InlineData("train", "vae", "--dry-run", "--threads", "1")]
    public void A_result_that_cannot_be_written_is_a_failure(params string[] arguments) =>
        Assert.Equal(1, Child.Run("sh", ["-c", "exec \"$0\" \"$@\" >/dev/full 2>/dev/full", Child.Cli, .. arguments]).ExitCode);

    [Fact]
    public async Task What_goes_on_with_a_run_has_the_options_of_the_machine_that_were_given()
    {
        using var folder = new TemporaryFolder();
        string[] machine = ["--data-root", folder["my data"], "--device", "cpu"];
        var (root, device) = ($" --data-root '{folder["my data"]}'", " --device cpu");
        using var process = ManifoldProcess.Start([.. endless, "--run", folder["run"], .. machine]);
        var output = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        await UntilItTrains(process, folder["run"]);
        Signal("TERM", process);
        Assert.True(process.WaitForExit(60_000));
        Assert.Contains($"Go on: ./manifold train vae --run {folder["run"]} --threads 1{root}{device}\n", await output);

        var done = ManifoldProcess.Run(["train", "vae", "--run", folder["short"], "--examples", "100", "--threads", "1", .. machine]);
        Assert.Contains($"Next: ./manifold sample {folder["short"]}{device}\n", done.Output);
    }

    [Fact]
    public void The_threads_of_a_larger_machine_are_taken_where_its_run_goes_on()
    {
        using var folder = new TemporaryFolder();
        string[] train = ["train", "vae", "--run", folder["run"], "--set", "model.hidden=[8]"];
        Assert.Equal(0, ManifoldProcess.Run([.. train, "--examples", "100", "--threads", "1"]).Code);
        var environment = JsonNode.Parse(File.ReadAllText(folder["run/environment.json"]))!;
        var many = Math.Max(64, 4 * Environment.ProcessorCount) + 64;
        environment["threads"] = many;
        File.WriteAllText(folder["run/environment.json"], environment.ToJsonString());

        var refused = ManifoldProcess.Run([.. train, "--examples", "200", "--threads", $"{many + 1}"]);
        Assert.Equal(2, refused.Code);
        Assert.Contains("the most is", refused.Error);
        var more = ManifoldProcess.Run([.. train, "--examples", "200", "--threads", $"{many}"]);
        Assert.True(more.Code == 0, more.Error);
    }

    [Fact]
    public void A_line_of_the_log_that_is_broken_is_named_with_its_folder()
    {
        using var folder = new TemporaryFolder();
        using (var run = TrainingRun.Open(Tiny(folder) with { Changes = ["trainer.examples=40"] })) run.Train();
        var log = folder["run/stats.jsonl"];
        File.WriteAllText(log, $"{{torn\n{File.ReadAllText(log)}");
        var (code, _, error) = ManifoldProcess.Run("timeline", folder["run"]);
        Assert.Equal(1, code);
        Assert.Contains($"{log}, line 1", error);
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

    [Fact]
    public void A_lock_that_is_deleted_is_made_again_and_the_run_goes_on()
    {
        using var folder = new TemporaryFolder();
        var warnings = new List<string>();
        using var run = TrainingRun.Open(Tiny(folder) with { Changes = ["trainer.examples=200"], Warn = warnings.Add });
        Assert.Equal(200, run.Train(progress =>
        {
            if (progress.ExamplesSeen == 100) File.Delete(folder["run/.lock"]);
        }));
        Assert.Contains($"{folder["run/.lock"]} was deleted", Assert.Single(warnings));
        Assert.Equal(200, RunFolder.Read(folder["run"]).Newest!.ExamplesSeen);
        Assert.Contains("is in use", Assert.Throws<CheckpointException>(() => RunFolder.Open(folder["run"])).Message);
    }

    // Another process may have trained here since.
    [Fact]
    public void A_lock_that_was_replaced_is_what_is_named()
    {
        using var folder = new TemporaryFolder();
        using var run = TrainingRun.Open(Tiny(folder));
        var error = Assert.Throws<CheckpointException>(() => run.Train(progress =>
        {
            if (progress.ExamplesSeen != 100) return;
            File.Delete(folder["run/.lock"]);
            File.WriteAllText(folder["run/.lock"], "");
        })).Message;
        Assert.Contains($"{folder["run/.lock"]} was replaced", error);
        Assert.DoesNotContain("moved", error);
    }

    // A file system gives a new folder the inode of one that was deleted; the lock of the old one is not made in it.
    [Fact]
    public void An_empty_folder_in_the_place_of_a_deleted_one_is_left_empty()
    {
        using var folder = new TemporaryFolder();
        using var run = TrainingRun.Open(Tiny(folder));
        var error = Assert.Throws<CheckpointException>(() => run.Train(progress =>
        {
            if (progress.ExamplesSeen != 100) return;
            Directory.Delete(folder["run"], recursive: true);
            Directory.CreateDirectory(folder["run"]);
        })).Message;
        Assert.Contains("was deleted, moved or replaced", error);
        Assert.Empty(Directory.GetFileSystemEntries(folder["run"]));
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
