using System.Text.Json;
using System.Text.Json.Nodes;
using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Recipes;

/// <summary>A run's model with a checkpoint's weights in it, in evaluation mode.</summary>
/// <remarks>A model is not thread-safe: libtorch's gradient mode and random numbers belong to the thread, training mode to the network. Use it from one thread at a time.</remarks>
/// <param name="Weights">ema or live; every result says which.</param>
public sealed record TrainedModel(nn.Module Model, Recipe Recipe, RunConfig Config, RunReader Run, WholeCheckpoint Checkpoint, string Weights, Device Device) : IDisposable
{
    /// <summary>Loads a run's best checkpoint (its newest where no score was taken), or the one that is named.</summary>
    /// <param name="path">A run's folder, or one of its checkpoints.</param>
    /// <param name="weights">ema: the averages; live: the weights themselves.</param>
    /// <param name="warn">Told of every checkpoint that is not whole and is passed over.</param>
    /// <param name="size">Rows and columns of the pictures it is to make, if they are not to be those it was trained for: for networks of convolutions alone.</param>
    /// <exception cref="SettingsException">The model is of one size only.</exception>
    /// <exception cref="CheckpointException">There is no whole checkpoint there, or it does not fit; the message says what was expected.</exception>
    public static TrainedModel Open(string path, string weights, Device device, (int Height, int Width)? size = null, Action<string>? warn = null)
    {
        if (weights is not ("ema" or "live")) throw new SettingsException($"weights is {weights}; it needs ema or live.");
        for (var attempt = 1; ; attempt++)
        {
            try { return OpenOnce(path, weights, device, size, warn); }
            catch (IOException e) when (e is FileNotFoundException or DirectoryNotFoundException && attempt < Attempts) { }   // a run that is being trained has let the checkpoint go; there is a newer one
        }
    }

    private const int Attempts = 5;

    private static TrainedModel OpenOnce(string path, string weights, Device device, (int Height, int Width)? size, Action<string>? warn)
    {
        var run = RunFolder.Read(path, warn);
        var config = RunConfig.Parse(run.ConfigJson, Path.Combine(run.Path, "config.json"));
        var recipe = config.ToRecipe(Path.Combine(run.Path, "config.json"));
        var checkpoint = run.Chosen ?? run.Best ?? run.Newest
            ?? throw new CheckpointException(WholeCheckpoint.Folders(run.Path).Count > 0 ? $"{run.Path} has checkpoints, and none is whole. Restore one, or train anew in another folder."
                : $"{run.Path} has no whole checkpoint yet. Train it: ./manifold train {config.Recipe} --run {ShellText.QuotedPath(run.Path)}");

        var facts = size is { } other ? config.Data with { Height = other.Height, Width = other.Width } : config.Data;
        var plan = TrainingRun.Build(recipe, facts, device);
        try
        {
            if (facts != config.Data && plan.Model is not ICausalNet) throw OneSize(run, config);
            Load(plan, checkpoint, weights);
        }
        catch
        {
            plan.Dispose();
            throw;
        }
        return new TrainedModel(plan.Model, recipe, config, run, checkpoint, weights, device) { plan = plan };
    }

    private static SettingsException OneSize(RunReader run, RunConfig config) =>
        new SettingsException($"{run.Path} is a run of {config.Recipe}, whose model makes pictures of {config.Data.Shape} and no others; models of order made of convolutions (pixelcnn, gated-pixelcnn, pixelcnn-pp) make any size.");

    private static void Load(Plan plan, WholeCheckpoint checkpoint, string weights)
    {
        var ema = plan.Algorithm.Averaged.ToHashSet();
        foreach (var (name, network) in plan.Algorithm.Networks)
            RunReader.Load(checkpoint, weights == "ema" && ema.Contains(name) ? "ema" : "model", network.state_dict().ToDictionary(tensor => $"{name}.{tensor.Key}", tensor => tensor.Value));
        foreach (var network in plan.Algorithm.Networks.Values) network.eval();
    }

    private Plan? plan;                                      // of which the model is a part

    /// <summary>Frees the networks.</summary>
    public void Dispose() => plan?.Dispose();

    /// <summary>The model as one that can do something.</summary>
    /// <param name="need">In words, for the message: "makes pictures of codes".</param>
    /// <exception cref="SettingsException">This recipe's model cannot.</exception>
    public T As<T>(string need) where T : class =>
        Model as T ?? throw new SettingsException($"{Run.Path} is a run of {Config.Recipe}, whose model is not one that {need}.");

    /// <summary>The data of the run, or another set at the run's size and binarization.</summary>
    /// <param name="set">A name or a path; the run's own set if null.</param>
    /// <exception cref="SettingsException">Its pictures are not of the model's shape.</exception>
    public DataSet OpenData(string? set, string? dataRoot)
    {
        var data = DataSet.Open(Recipe.Data with { Set = set ?? Recipe.Data.Set }, dataRoot);
        if (data.Shape == Config.Data.Shape) return data;
        throw new SettingsException($"{data.Name} has pictures of {data.Shape}; the model of {Run.Path} needs {Config.Data.Shape}.");
    }

    /// <summary>Says that a set is not what the run was trained on; null if it is.</summary>
    public string? OtherSet(DataSet data) =>
        data.Fingerprint == Config.Data.Fingerprint ? null
        : data.Name == Config.Data.Name
            ? $"{data.Name} has changed since this run was trained on it (fingerprint {Config.Data.Fingerprint}, now {data.Fingerprint}), or is another set of that name; " +
              "its splits may hold pictures that were trained on."
            : $"{data.Name} is not the set that this run was trained on ({Config.Data.Name}); the numbers say how the one does on the other.";

    /// <summary>A measurement with everything that it depends on, as one line of JSON.</summary>
    public JsonObject Line(Measurement result, DataSet data, Split split)
    {
        var line = Facts(result, data, split);
        foreach (var (key, value) in result.Provenance ?? []) line[key] = value?.DeepClone();
        return line;
    }

    // JSON has no word for NaN and infinity.
    private static double? Finite(double? value) => value is { } number && double.IsFinite(number) ? number : null;

    private JsonObject Facts(Measurement result, DataSet data, Split split) => new()
    {
        ["metric"] = result.Metric,
        ["value"] = Finite(result.Value),
        ["unit"] = result.Unit,
        ["better"] = result.Better,
        ["standard_error"] = Finite(result.StandardError),
        ["reference"] = Finite(result.Reference),
        ["floor"] = Finite(result.Floor),
        ["ceiling"] = Finite(result.Ceiling),
        ["per_latent"] = result.PerLatent is { } latents ? new JsonArray([.. latents.Select(value => JsonValue.Create(value))]) : null,
        ["count"] = result.Count,
        ["data"] = data.Name,
        ["data_fingerprint"] = data.Fingerprint,
        ["trained_on"] = Config.Data.Name,
        ["same_data"] = data.Fingerprint == Config.Data.Fingerprint,
        ["split"] = split.Name,
        ["binarization"] = Json(split.Binarize.ToString()),
        ["levels"] = split.Levels == 256 ? null : split.Levels,
        ["dequantization"] = split.Dequantize ? "uniform" : null,
        ["recipe"] = Config.Recipe,
        ["weights"] = Weights,
        ["examples_seen"] = Checkpoint.ExamplesSeen,
        ["checkpoint_sha256"] = RunReader.Hash(Checkpoint, Weights == "ema" ? "ema" : "model"),
        ["noise_seed"] = 0,
        ["threads"] = Machine.Threads,
        ["device"] = Device.ToString(),
        ["seconds"] = Math.Round(result.Seconds, 3),
        ["timestamp"] = DateTimeOffset.UtcNow.ToString("yyyy-MM-ddTHH:mm:ssZ"),
    };

    private static string Json(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);
}
