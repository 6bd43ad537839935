using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Manifold.Checkpoints;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Models;
using Manifold.Pictures;
using Manifold.Sampling;
using Manifold.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Recipes;

/// <summary>Everything that decides a run, as data: the settings in config.json. The one list of what can be trained is <see cref="RecipeList"/>.</summary>
public abstract record Recipe
{
    public DataSettings Data { get; init; } = new();
    public TrainerSettings Trainer { get; init; } = new();

    /// <summary>What a byte of a picture becomes for this model; not a setting, so an override is marked [JsonIgnore].</summary>
    public abstract PixelRange Range { get; }

    /// <summary>The likelihood and the binarization of a new run and why they were taken, in a phrase; null where there is no choice.</summary>
    [JsonIgnore] public string? LikelihoodReason { get; init; }

    /// <summary>A new run's recipe and data, with what the user left open decided by the data.</summary>
    /// <param name="entry">Whose defaults the recipe began with.</param>
    /// <param name="changes">Each path=value; what they set stays as it is.</param>
    public static (Recipe Recipe, DataSet Data) FitTo(Recipe recipe, DataSet data, RecipeEntry entry, IEnumerable<string> changes, string? dataRoot)
    {
        var isSet = changes.Select(Settings.PathOf).ToHashSet();
        var fitted = recipe.Fitted(data, entry.Default.Data.Set, isSet.Contains);
        return (fitted, fitted.Data == recipe.Data ? data : DataSet.Open(fitted.Data, dataRoot));
    }

    /// <summary>This recipe for a data set.</summary>
    /// <param name="own">The name of the set that the recipe's own settings are for.</param>
    /// <param name="isSet">Whether the user set a path.</param>
    protected virtual Recipe Fitted(DataSet data, string own, Func<string, bool> isSet) => this;

    /// <summary>Makes the networks, puts them on the device, and only then their optimizers: TorchSharp's to() makes new parameters.</summary>
    /// <exception cref="ArgumentException">A setting is out of range, or two contradict each other; the message names them.</exception>
    public abstract Plan Build(DataFacts data, Device device);

    /// <summary>Numbers that the networks have at the very least, by the settings alone, so before they are made; 0 where these do not tell.</summary>
    internal virtual double LeastParameters(DataFacts data) => 0;

    /// <summary>Who draws the run at a look: a grid where pictures can be drawn, a cloud of points.</summary>
    public virtual IReadOnlyList<IObserver> Drawings(Plan plan, RunFolder run, DataSet data, Device device) =>
        data.Shape.IsPoint && plan.Model is IDecoder decoder ? [new PointCloud(decoder, data.Validation, run, device)]
        : Samples.CanBeDrawn(plan.Model) ? [new SampleGrid(plan.Model, run, device)] : [];

    /// <summary>Who measures the run at a look: validation where there is a likelihood, modes where they are known.</summary>
    public virtual IReadOnlyList<IObserver> Watches(Plan plan, DataSet data, Device device)
    {
        var watches = new List<IObserver>();
        if (plan.Model is IDecoder covering && Toy.Named(data.Name) is { } toy) watches.Add(new ModeWatch(covering, toy, device));
        if (Metrics.Watched(plan.Model).Count > 0) watches.Add(new Validation(plan.Model, data.Validation, device));
        return watches;
    }

    /// <summary>Who reads the log of the run, and knows how such runs fail.</summary>
    public virtual IReadOnlyList<IAdvisor> Advisors(DataSet data) => [];

    internal static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,     // a misspelt setting is an error, never a silent default
        RespectNullableAnnotations = true,                                // null only where a setting may be null
        RespectRequiredConstructorParameters = true,                      // facts of the data that are missing are an error too
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
        WriteIndented = true,
    };

    /// <summary>Every setting, defaults included.</summary>
    public JsonObject ToJson() => JsonSerializer.SerializeToNode(this, GetType(), Json)!.AsObject();
}

/// <summary>A recipe made real: an algorithm, and the model that samples and scores come from.</summary>
/// <param name="Model">One of the algorithm's networks; what it can do is said by the interfaces of <see cref="Models"/>.</param>
public sealed record Plan(IAlgorithm Algorithm, nn.Module Model) : IDisposable
{
    /// <summary>The logged value that decides which checkpoint is the best, unless trainer.best_by names another; null for none.</summary>
    public string? BestBy { get; init; }

    /// <summary>Frees the networks and what their optimizers remember.</summary>
    public void Dispose()
    {
        foreach (var optimizer in Algorithm.Optimizers.Values) optimizer.Dispose();
        foreach (var network in Algorithm.Networks.Values) network.Dispose();
        Model.Dispose();
    }
}
