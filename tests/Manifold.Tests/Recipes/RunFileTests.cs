using System.Buffers.Binary;
using System.Reflection;
using System.Text;
using System.Text.Json.Nodes;
using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Evaluation;
using Manifold.Pictures;
using Manifold.Recipes;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Recipes;

/// <summary>Files of a run that were altered: each is read or refused by an error of ours that names the file.</summary>
public class RunFileTests
{
    private const int Mutants = 3000;

    private static TrainingRequest Request(TemporaryFolder folder, params string[] changes) =>
        new(RecipeList.Find("vae") with { Default = RecipeList.Find("vae").Tiny }) { Folder = folder["run"], Changes = changes };

    private static void Train(TrainingRequest request)
    {
        using var run = TrainingRun.Open(request);
        run.Train();
    }

    // Returns how many were refused.
    private static int Refused<T>(string good, Action<byte[]> read) where T : Exception => Refused<T>(JsonMutations.Of(good, Mutants), read);

    private static int Refused<T>(IEnumerable<byte[]> mutants, Action<byte[]> read) where T : Exception
    {
        var refused = 0;
        foreach (var mutant in mutants)
            try { read(mutant); }
            catch (T) { refused++; }
            catch (Exception e) { Assert.Fail($"{e.GetType().Name} of {Encoding.UTF8.GetString(mutant)}: {e}"); }
        return refused;
    }

    [Fact]
    public void Mutated_settings_are_read_or_refused()
    {
        var recipe = RecipeList.Find("vae-conv").Default;
        var config = new RunConfig("vae-conv", recipe.ToJson(), new DataFacts("bundled", "abc", 1, 28, 28, 100, 10, 10, 10)) { Changes = [new AllowedChange(100, "optimizer.learning_rate", "0.1", null)], Extractor = "abc" };
        var refused = Refused<SettingsException>(config.ToJson().ToJsonString(), bytes => RunConfig.Parse(Encoding.UTF8.GetString(bytes), "r/config.json").ToRecipe("r/config.json"));
        Assert.InRange(refused, Mutants / 2, Mutants - 1);
    }

    [Theory]
    [InlineData("\"recipe\":\"vae\"", "\"recipe\":null", "recipe is null")]
    [InlineData("\"recipe\":\"vae\"", "\"recipe\":\"vea\"", "No recipe \"vea\"")]
    [InlineData("\"recipe\":\"vae\"", "\"recipe\":\"vae\",\"recipe\":\"vae\"", "recipe is there twice")]
    [InlineData("\"latent_dim\":4", "\"latent_dim\":null", "model.latent_dim is null")]
    [InlineData("\"latent_dim\":4", "\"latent_dims\":4", "There is no setting \"model.latent_dims\". Did you mean \"model.latent_dim\"?")]
    [InlineData("\"latent_dim\":4", "\"latent_dim\":1e999", "settings.model.latent_dim is 1e999")]
    [InlineData("\"hidden\":[32]", "\"hidden\":[32,null]", "model.hidden is [32,null]")]
    [InlineData("\"height\":28", "\"height\":-28", "data.height is -28")]
    [InlineData("\"height\":28", "\"height\":2147483647", "data.height is 2147483647")]
    [InlineData("\"name\":\"bundled\"", "\"name\":null", "data.name")]
    [InlineData("\"changes\":[]", "\"changes\":[5]", "changes[0]")]
    public void A_broken_config_is_named_with_its_key_and_the_way_out(string good, string broken, string message)
    {
        var config = new RunConfig("vae", RecipeList.Find("vae").Tiny.ToJson(), new DataFacts("bundled", "abc", 1, 28, 28, 100, 10, 10, 10)).ToJson().ToJsonString();
        Assert.Contains(good, config);
        var error = Assert.Throws<SettingsException>(() => RunConfig.Parse(config.Replace(good, broken), "r/config.json").ToRecipe("r/config.json")).Message;
        Assert.Contains("r/config.json", error);
        Assert.Contains(message, error);
        Assert.Contains("Restore the run's config.json", error);
    }

    [Fact]
    public void A_mutated_environment_is_read_or_refused()
    {
        using var folder = new TemporaryFolder();
        var refused = Refused<SettingsException>(RunEnvironment.Here(CPU).ToJson().ToJsonString(), bytes =>
        {
            File.WriteAllBytes(folder["environment.json"], bytes);
            RunEnvironment.Stored(folder["environment.json"]);
        });
        Assert.InRange(refused, Mutants / 3, Mutants - 1);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("{\"threads\":\"one\",\"libtorch\":\"2\",\"cpu_capability\":\"x\",\"device\":\"cpu\"}")]
    [InlineData(null)]
    public void A_lost_environment_is_named_and_can_be_done_without(string? content)
    {
        using var folder = new TemporaryFolder();
        Train(Request(folder, "trainer.examples=40"));
        File.Delete(folder["run/environment.json"]);
        if (content is not null) File.WriteAllText(folder["run/environment.json"], content);

        var more = Request(folder, "trainer.examples=80");
        var error = Assert.Throws<SettingsException>(() => TrainingRun.Open(more)).Message;
        Assert.Contains("environment.json", error);
        Assert.Contains("--allow-change environment.", error);
        Assert.DoesNotContain("was ;", error);

        File.Delete(folder["run/environment.json"]);
        Train(more with { AllowChange = ["environment"] });
        Assert.Equal(80, RunFolder.Read(folder["run"]).Newest!.ExamplesSeen);
        Assert.Contains(RunConfig.Parse(RunFolder.Read(folder["run"]).ConfigJson, "config.json").Changes, change => change.Setting == "environment.threads");
        Train(Request(folder, "trainer.examples=120"));                // it is there again
    }

    [Fact]
    public void A_mutated_state_is_read_or_passed_over()
    {
        using var folder = new TemporaryFolder();
        Train(Request(folder, "trainer.examples=40"));
        var state = folder["run/checkpoint-000000000040/state.json"];
        var good = File.ReadAllText(state);
        Assert.NotNull(JsonNode.Parse(good)!["files"]!["ema.safetensors"]);
        var passed = 0;
        var refused = Refused<CheckpointException>(good, bytes =>
        {
            File.WriteAllBytes(state, bytes);
            var checkpoints = RunFolder.Read(folder["run"]).Checkpoints;
            Assert.Equal(0, checkpoints[0].ExamplesSeen);
            if (checkpoints.Count == 2) Assert.Equal((40, 4), (checkpoints[1].ExamplesSeen, checkpoints[1].Hashes.Count));
            else passed++;
        });
        Assert.InRange(passed, Mutants / 2, Mutants - 1);
        Assert.InRange(refused, 0, 100);                               // of a newer Manifold
    }

    [Fact]
    public void Mutated_lines_of_the_log_are_left_out_or_refused()
    {
        using var folder = new TemporaryFolder();
        Train(Request(folder, "trainer.examples=40"));
        var (path, good) = (folder["run/stats.jsonl"], File.ReadAllText(folder["run/stats.jsonl"]));
        var line = File.ReadLines(path).Last();
        var png = folder["run/fakes000000.png"];
        Assert.True(File.Exists(png));
        var refused = Refused<DataException>(line, bytes =>
        {
            var text = Encoding.UTF8.GetString(bytes).Replace('\n', ' ');
            _ = Timeline.ToHtml("run", [(0, png)], [text]);             // the last line may be torn
            _ = Timeline.ToHtml("run", [(0, png)], [text, line]);
        });
        Assert.InRange(refused, Mutants / 3, Mutants - 1);

        var warnings = 0;
        var tensors = new Manifold.Training.TensorGroups(new Dictionary<string, IReadOnlyDictionary<string, Tensor>>());
        using var run = RunFolder.Open(folder["run"], _ => warnings++);
        foreach (var mutant in JsonMutations.Of(line, 300))
        {
            File.WriteAllText(path, good);
            File.AppendAllText(path, Encoding.UTF8.GetString(mutant).Replace('\n', ' ') + "\n");
            Assert.Equal(40, run.Resume(tensors));
            Assert.StartsWith(good, File.ReadAllText(path));
        }
        Assert.InRange(warnings, 100, 299);
    }

    [Fact]
    public void Mutated_measurements_are_compared_or_refused()
    {
        using var folder = new TemporaryFolder();
        const string Good = """{"metric":"elbo","value":-100.5,"unit":"nats","better":"higher","standard_error":0.5,"floor":1.5,"ceiling":null,"truncation":0.7,"count":100,"data_fingerprint":"abc","weights":"ema","examples_seen":4000}""";
        var refused = Refused<MetricException>(Good, bytes =>
        {
            File.WriteAllBytes(folder["metric-elbo.jsonl"], bytes);
            foreach (var comparison in Comparison.Of([folder.Path, folder.Path])) Assert.NotEmpty(comparison.Lines().ToList());
        });
        Assert.InRange(refused, Mutants / 3, Mutants - 1);
    }

    [Fact]
    public void A_mutated_header_of_tensors_is_read_or_refused()
    {
        var target = new Dictionary<string, Tensor> { ["a"] = zeros([1, 3], ScalarType.Byte), ["b"] = zeros(2) };
        var file = SafeTensors.Write(target);
        var length = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        var refused = Refused<CheckpointException>(Encoding.UTF8.GetString(file.AsSpan(8, length)), header =>
        {
            var mutant = new byte[8 + header.Length + file.Length - 8 - length];
            BinaryPrimitives.WriteInt64LittleEndian(mutant, header.Length);
            header.CopyTo(mutant, 8);
            file.AsSpan(8 + length).CopyTo(mutant.AsSpan(8 + header.Length));
            SafeTensors.ReadInto(mutant, target, "a.safetensors");
        });
        Assert.InRange(refused, Mutants / 2, Mutants - 1);
    }

    public static TheoryData<string> Names => [.. RecipeList.All.Select(entry => entry.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Null_is_refused_by_name_wherever_a_setting_cannot_be_null(string name)
    {
        var entry = RecipeList.Find(name);
        foreach (var path in Settings.Paths(entry.Default.ToJson()))
        {
            if (path.EndsWith("is_discrete", StringComparison.Ordinal)) Assert.StartsWith($"No setting \"{path}\"", Assert.Throws<SettingsException>(() => Settings.With(entry.Default, [$"{path}=null"])).Message);
            else if (MayBeNull(entry.Default.GetType(), path)) Settings.With(entry.Default, [$"{path}=null"]);
            else Assert.StartsWith($"{path} is null, which does not fit: it needs ", Assert.Throws<SettingsException>(() => Settings.With(entry.Default, [$"{path}=null"])).Message);
        }
    }

    private static bool MayBeNull(Type type, string path)
    {
        PropertyInfo? property = null;
        foreach (var key in path.Split('.'))
            property = (property?.PropertyType ?? type).GetProperties().Single(candidate => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(candidate.Name) == key);
        return new NullabilityInfoContext().Create(property!).WriteState == NullabilityState.Nullable;
    }

    // Whatever counts or weighs something cannot be below nothing.
    [Theory]
    [MemberData(nameof(Names))]
    public void A_negative_number_is_refused_by_name_wherever_it_makes_no_sense(string name)
    {
        using var scope = NewDisposeScope();
        var entry = RecipeList.Find(name);
        var recipe = entry.Tiny;
        using var data = new DisposableData(recipe);
        foreach (var path in Settings.Paths(recipe.ToJson()).Where(path => IsNumber(recipe.GetType(), path)))
        {
            if (path is "trainer.seed" or "model.order_seed") continue;
            var error = Record.Exception(() =>
            {
                var changed = Settings.With(recipe, [$"{path}=-5"]);
                changed.Trainer.Validated();
                changed.Data.Validated();
                TrainingRun.Build(changed, data.Facts, CPU).Dispose();
            });
            Assert.True(error is ArgumentException or SettingsException, $"{name}: {path}=-5 was accepted, or ended in {error?.GetType().Name}: {error?.Message}");
            Assert.Contains(path.Split('.')[^1], error!.Message);
        }
    }

    private sealed class DisposableData(Recipe recipe) : IDisposable
    {
        public DataFacts Facts { get; } = DataFacts.Of(DataSet.Open(recipe.Data));
        public void Dispose() { }
    }

    private static bool IsNumber(Type type, string path)
    {
        foreach (var key in path.Split('.'))
            type = type.GetProperties().Single(candidate => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(candidate.Name) == key).PropertyType;
        var bare = Nullable.GetUnderlyingType(type) ?? type;
        return bare == typeof(int) || bare == typeof(long) || bare == typeof(double);
    }

    // A new run is killed after each of its first writes, and the same command goes on.
    [Theory]
    [InlineData(".lock")]
    [InlineData(".lock", "environment.json.part-1")]
    [InlineData(".lock", "environment.json")]
    [InlineData(".lock", "environment.json", "config.json.part-1")]
    [InlineData(".lock", "environment.json", "config.json")]
    [InlineData(".lock", "environment.json", "config.json", "reals.png.part-1")]
    [InlineData(".lock", "environment.json", "config.json", "reals.png")]
    [InlineData(".lock", "environment.json", "config.json", "reals.png", "stats.jsonl", "fakes000000.png")]
    [InlineData(".lock", "environment.json", "config.json", "reals.png", "stats.jsonl", "fakes000000.png", "checkpoint-000000000000.part-1/model.safetensors")]
    public void A_run_that_was_killed_while_it_was_made_goes_on_by_the_same_command(params string[] written)
    {
        using var folder = new TemporaryFolder();
        var request = Request(folder, "trainer.examples=40");
        Train(request);
        Directory.Move(folder["run"], folder["whole"]);
        foreach (var name in written)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder[$"run/{name}"])!);
            if (name.Contains(".part-")) File.WriteAllText(folder[$"run/{name}"], "{");
            else File.Copy(folder[$"whole/{name}"], folder[$"run/{name}"]);
        }
        if (written.Contains("stats.jsonl")) File.WriteAllText(folder["run/stats.jsonl"], File.ReadLines(folder["whole/stats.jsonl"]).First() + "\n");
        Train(request);
        Assert.Equal(RunFolder.Read(folder["whole"]).Newest!.Hashes, RunFolder.Read(folder["run"]).Newest!.Hashes);
        Assert.Equal(2, File.ReadLines(folder["run/stats.jsonl"]).Count());
    }

    // The order that the prefixes above stand for: what is in the way of one file leaves those before it.
    [Fact]
    public void The_environment_is_written_before_the_config_that_makes_a_folder_a_run()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["run/environment.json/in the way"]);
        Assert.Throws<CheckpointException>(() => TrainingRun.Open(Request(folder)));
        Assert.False(File.Exists(folder["run/config.json"]));
        Directory.Delete(folder["run/environment.json"], recursive: true);
        Train(Request(folder, "trainer.examples=40"));
    }

    // An old checkpoint is deleted, and a new run inside it would go with it.
    [Theory]
    [InlineData("run/checkpoint-000000000040")]
    [InlineData("run/checkpoint-000000000040/")]
    [InlineData("run/checkpoint-000000000040/new")]
    [InlineData("run/checkpoint-000000009999")]
    public void A_new_run_never_begins_inside_a_checkpoint(string inside)
    {
        using var folder = new TemporaryFolder();
        Train(Request(folder, "trainer.examples=40"));
        var before = Directory.GetFileSystemEntries(folder["run"], "*", SearchOption.AllDirectories).Order();
        var error = Assert.Throws<CheckpointException>(() => TrainingRun.Open(Request(folder) with { Folder = folder[inside] })).Message;
        Assert.Contains($"--run {folder["run"]})", error);
        Assert.Equal(before, Directory.GetFileSystemEntries(folder["run"], "*", SearchOption.AllDirectories).Order());
    }

    [Theory]
    [InlineData("state.json")]
    [InlineData("model.safetensors")]
    public void A_new_run_never_begins_in_a_checkpoint_that_was_copied_away(string file)
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["run"]);
        File.WriteAllText(folder[$"run/{file}"], "{}");
        Assert.Contains($"has {file} and no config.json", Assert.Throws<CheckpointException>(() => TrainingRun.Open(Request(folder))).Message);
    }

    [Fact]
    public void A_run_that_lost_its_checkpoints_keeps_its_log_and_its_config()
    {
        using var folder = new TemporaryFolder();
        Train(Request(folder, "trainer.examples=40"));
        foreach (var checkpoint in Directory.GetDirectories(folder["run"], "checkpoint-*")) Directory.Delete(checkpoint, recursive: true);
        string[] files = [folder["run/config.json"], folder["run/stats.jsonl"]];
        var before = files.Select(File.ReadAllText).ToList();
        Assert.Contains("has no checkpoint, and its log goes on to 40 examples",
            Assert.Throws<CheckpointException>(() => TrainingRun.Open(Request(folder, "trainer.examples=80"))).Message);
        Assert.Equal(before, files.Select(File.ReadAllText));
    }

    // What restores a setting of the machine is an option that train takes, and no option where none does.
    [Theory]
    [InlineData("threads", "128", "Restore them (--threads 128), start")]
    [InlineData("threads", "4096", "Restore them, start")]
    [InlineData("device", "\"cuda:77\"", "Restore them (--device cuda:77, on a machine that has it), start")]
    [InlineData("device", "\"abacus\"", "Restore them, start")]
    public void What_restores_the_environment_is_an_option_that_is_accepted(string key, string stored, string advice)
    {
        using var folder = new TemporaryFolder();
        Train(Request(folder, "trainer.examples=40"));
        var environment = JsonNode.Parse(File.ReadAllText(folder["run/environment.json"]))!;
        environment[key] = JsonNode.Parse(stored);
        File.WriteAllText(folder["run/environment.json"], environment.ToJsonString());
        Assert.Contains(advice, Assert.Throws<SettingsException>(() => TrainingRun.Open(Request(folder, "trainer.examples=80"))).Message);
    }

    [Theory]
    [InlineData("checkpoint-000000000040")]
    [InlineData("stats.jsonl")]
    [InlineData("metric-elbo.jsonl")]
    public void What_is_left_of_a_run_without_its_config_is_never_trained_over(string left)
    {
        using var folder = new TemporaryFolder();
        Train(Request(folder, "trainer.examples=40"));
        File.WriteAllText(folder["run/metric-elbo.jsonl"], "{}\n");
        foreach (var entry in Directory.GetFileSystemEntries(folder["run"]).Where(entry => Path.GetFileName(entry) != left))
            if (Directory.Exists(entry)) Directory.Delete(entry, recursive: true);
            else File.Delete(entry);
        var error = Assert.Throws<CheckpointException>(() => TrainingRun.Open(Request(folder, "trainer.seed=7"))).Message;
        Assert.Contains($"has {left} and no config.json", error);
        Assert.Contains("--run", error);
        Assert.Equal([left], Directory.GetFileSystemEntries(folder["run"]).Select(entry => Path.GetFileName(entry)));
    }
}
