using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Pictures;
using Manifold.Recipes;
using TorchSharp;

namespace Manifold.Tests.Checkpoints;

/// <summary>A run's folder is data: nothing in it leads out of it. Every place where a file of it names another file, or is one that could be a link.</summary>
public class RunTrustTests
{
    private const string Newest = "run/checkpoint-000000000080";

    private static TrainingRequest Request(TemporaryFolder folder, string run, params string[] changes) =>
        new(RecipeList.Find("vae") with { Default = RecipeList.Find("vae").Tiny }) { Folder = folder[run], Changes = [.. changes, "trainer.save_every=40", "trainer.look_every=40"] };

    private static void Train(TrainingRequest request)
    {
        using var run = TrainingRun.Open(request);
        run.Train();
    }

    /// <summary>A run of 80 examples, and beside it another of the same shape whose weights it must never get.</summary>
    private static void Prepare(TemporaryFolder folder)
    {
        Train(Request(folder, "run", "trainer.examples=80"));
        Train(Request(folder, "outside", "trainer.examples=80", "trainer.seed=9"));
        File.WriteAllText(folder["run/metric-elbo.jsonl"], """{"metric":"elbo","value":1,"sheet":"../outside/config.json"}""" + "\n");
        File.WriteAllText(folder["outside/metric-elbo.jsonl"], """{"metric":"elbo","value":2}""" + "\n");
    }

    private static void Link(TemporaryFolder folder, string from, string to)
    {
        if (Directory.Exists(folder[from])) Directory.Delete(folder[from], recursive: true);
        File.Delete(folder[from]);
        File.CreateSymbolicLink(folder[from], folder[to]);
    }

    private static void State(TemporaryFolder folder, Action<JsonObject> change)
    {
        var state = JsonNode.Parse(File.ReadAllText(folder[$"{Newest}/state.json"]))!.AsObject();
        change(state);
        File.WriteAllText(folder[$"{Newest}/state.json"], state.ToJsonString());
    }

    private static JsonObject Facts(string path) =>
        new() { ["bytes"] = new FileInfo(path).Length, ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))) };

    // What a name in the folder may be, each with what is planted there.
    private static readonly Dictionary<string, (string File, Action<TemporaryFolder> Plant)> places = new()
    {
        ["a checkpoint is a link"] = ("checkpoint-*", folder => Link(folder, Newest, "outside/checkpoint-000000000080")),
        ["state.json is a link"] = ("checkpoint-*/state.json", folder => Link(folder, $"{Newest}/state.json", "outside/checkpoint-000000000080/state.json")),
        ["weights are a link"] = ("checkpoint-*/*.safetensors", folder =>
        {
            Link(folder, $"{Newest}/ema.safetensors", "outside/checkpoint-000000000080/ema.safetensors");
            State(folder, state => state["files"]!["ema.safetensors"] = Facts(folder["outside/checkpoint-000000000080/ema.safetensors"]));
        }
        ),
        ["state.json names a path"] = ("checkpoint-*/state.json", folder =>
            State(folder, state => state["files"]!["../../outside/checkpoint-000000000080/ema.safetensors"] = Facts(folder["outside/checkpoint-000000000080/ema.safetensors"]))),
        ["state.json names a device"] = ("checkpoint-*/state.json", folder => State(folder, state => state["files"]!["/dev/zero"] = new JsonObject { ["bytes"] = 0, ["sha256"] = new string('0', 64) })),
        ["state.json names no files"] = ("checkpoint-*/state.json", folder => State(folder, state => state["files"] = new JsonObject())),
        ["state.json leaves a file out"] = ("checkpoint-*/state.json", folder => State(folder, state => state["files"]!.AsObject().Remove("optimizer.safetensors"))),
        ["state.json has another size"] = ("checkpoint-*/state.json", folder => State(folder, state => state["files"]!["ema.safetensors"]!["bytes"] = 1L << 60)),
        ["state.json has other examples"] = ("checkpoint-*/state.json", folder => State(folder, state => state["examples_seen"] = 40)),
        ["weights are a pipe"] = ("checkpoint-*/*.safetensors", folder =>
        {
            File.Delete(folder[$"{Newest}/ema.safetensors"]);
            Assert.Equal(0, Child.Run("mkfifo", [folder[$"{Newest}/ema.safetensors"]]).ExitCode);
        }
        ),
        ["config.json is a link"] = ("config.json", folder => Link(folder, "run/config.json", "outside/config.json")),
        ["config.json names features"] = ("config.json", folder =>
        {
            var config = JsonNode.Parse(File.ReadAllText(folder["run/config.json"]))!;
            config["settings"]!["trainer"]!["features"] = folder["outside"];
            File.WriteAllText(folder["run/config.json"], config.ToJsonString());
        }
        ),
        ["config.json names other data"] = ("config.json", folder =>
        {
            var config = JsonNode.Parse(File.ReadAllText(folder["run/config.json"]))!;
            Directory.CreateDirectory(folder["pictures"]);
            for (var i = 0; i < 20; i++) File.WriteAllBytes(folder[$"pictures/{i:D2}.png"], new Picture(28, 28, 1, [.. Enumerable.Range(0, 784).Select(p => (byte)(p * i))]).ToPng());
            config["settings"]!["data"]!["set"] = folder["pictures"];
            File.WriteAllText(folder["run/config.json"], config.ToJsonString());
        }
        ),
        ["environment.json is a link"] = ("environment.json", folder => Link(folder, "run/environment.json", "outside/environment.json")),
        ["the log is a link"] = ("stats.jsonl", folder => Link(folder, "run/stats.jsonl", "outside/stats.jsonl")),
        ["measurements are a link"] = ("metric-*.jsonl", folder => Link(folder, "run/metric-elbo.jsonl", "outside/metric-elbo.jsonl")),
        ["the card is a link"] = ("README.md", folder => Link(folder, "run/README.md", "outside/README.md")),
        ["an unfinished card is a link"] = ("README.md", folder => File.CreateSymbolicLink(folder[$"run/README.md.part-{Environment.ProcessId}"], folder["outside/README.md"])),
        ["the data's picture is a link"] = ("reals.png", folder => Link(folder, "run/reals.png", "outside/reals.png")),
        ["a sample is a link"] = ("fakes*.png", folder => Link(folder, "run/fakes000000.png", "outside/reals.png")),
        ["the lock is a link"] = (".lock", folder => Link(folder, "run/.lock", "outside/made-by-a-link")),
        ["events are a link"] = ("events.out.tfevents.*", folder =>
        {
            foreach (var events in Directory.GetFiles(folder["run"], "events.out.tfevents.*"))
                for (var second = -1; second < 60; second++)
                {
                    var parts = Path.GetFileName(events).Split('.');
                    var planted = folder[$"run/events.out.tfevents.{DateTimeOffset.UtcNow.ToUnixTimeSeconds() + second:D10}.{parts[4]}.manifold"];
                    File.Delete(planted);
                    File.CreateSymbolicLink(planted, folder["outside/config.json"]);
                }
        }
        ),
    };

    public static TheoryData<string> Places => [.. places.Keys];

    private static string Listing(string folder) => string.Join("\n", Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
        .Select(path => $"{path} {(File.Exists(path) ? Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path))) : "")}"));

    // Every reader and writer of a run's folder, one after the other: each does its work inside, or refuses with an error of ours.
    [Theory]
    [MemberData(nameof(Places))]
    public void Nothing_in_a_run_s_folder_is_followed_out_of_it(string place)
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        places[place].Plant(folder);
        var outside = Listing(folder["outside"]);
        byte[] foreign = Ema(folder["outside/checkpoint-000000000080"]);

        Try(() =>
        {
            using var trained = TrainedModel.Open(folder["run"], "ema", torch.CPU);
            var weights = SafeTensors.Write(trained.Model.state_dict().ToDictionary(tensor => $"model.{tensor.Key}", tensor => tensor.Value));
            Assert.NotEqual(foreign, weights);
            trained.Run.AppendMetric("elbo", new JsonObject { ["metric"] = "elbo" });
        });
        Try(() => Assert.DoesNotContain(Comparison.Of([folder["run"]]).SelectMany(comparison => comparison.Groups).SelectMany(group => group), row => row.Value == 2));
        Try(() => Timeline.ToGif(Timeline.Looks(folder["run"])));
        Try(() => Train(Request(folder, "run", "trainer.examples=160")));

        Assert.Equal(outside, Listing(folder["outside"]));
        if (Directory.Exists(folder["run/checkpoint-000000000160"])) Assert.NotEqual(foreign, Ema(folder["run/checkpoint-000000000160"]));
    }

    private static byte[] Ema(string checkpoint) => File.ReadAllBytes(Path.Combine(checkpoint, "ema.safetensors"));

    private static void Try(Action act)
    {
        try { act(); }
        catch (Exception e) when (e is CheckpointException or SettingsException or MetricException or DataException or IOException) { }
    }

    // A checkpoint that is altered is never the one that is taken, for samples or to go on from.
    [Theory]
    [MemberData(nameof(Places))]
    public void An_altered_checkpoint_is_passed_over(string place)
    {
        if (!places[place].File.StartsWith("checkpoint-", StringComparison.Ordinal)) return;
        using var folder = new TemporaryFolder();
        Prepare(folder);
        places[place].Plant(folder);
        var warnings = new List<string>();
        Assert.Equal([40], RunFolder.Read(folder["run"], warnings.Add).Checkpoints.Select(checkpoint => checkpoint.ExamplesSeen));
        Assert.Contains(warnings, warning => warning.Contains("checkpoint-000000000080 is not whole"));
        Train(Request(folder, "run", "trainer.examples=80"));
        Assert.Equal(FileKind.Folder, RegularFile.KindOf(folder[Newest]));
        Assert.Equal(80, RunFolder.Read(folder["run"]).Newest!.ExamplesSeen);
    }

    [Theory]
    [InlineData("config.json is a link", "symbolic link")]
    [InlineData("config.json names features", "trainer.features")]
    [InlineData("config.json names other data", "data.fingerprint")]
    [InlineData("environment.json is a link", "symbolic link")]
    [InlineData("the log is a link", "symbolic link")]
    [InlineData("the lock is a link", "symbolic link")]
    [InlineData("events are a link", "symbolic link")]
    public void What_a_run_cannot_do_without_is_refused_by_name(string place, string message)
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        places[place].Plant(folder);
        Assert.Contains(message, Assert.ThrowsAny<Exception>(() => Train(Request(folder, "run", "trainer.examples=160"))).Message);
    }

    // So that a file of a new kind is not forgotten above.
    [Fact]
    public void Every_file_of_a_run_is_among_the_places()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        var patterns = places.Values.Select(place => place.File).Distinct().ToList();
        var names = Directory.EnumerateFileSystemEntries(folder["run"], "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder["run"], path));
        Assert.All(names, name => Assert.Contains(patterns, pattern => pattern.Contains('/') == name.Contains('/') && System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern, name)));
    }
}
