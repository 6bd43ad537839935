// MADE: an autoencoder whose weights are masked so that each output is about what comes before it in an order.
//
//   x [B, C*H*W] --masked--> hidden --masked--> ... --masked, strictly--> [B, P*H*W]
//         \------------------- masked, strictly -------------------------^
//
// Germain et al. 2015, "MADE: Masked Autoencoder for Distribution Estimation", https://arxiv.org/abs/1502.03509.
// Differs from it: the degrees of hidden units are spread evenly, and with several sets of masks shuffled, not drawn; all sets have one
// order of the values, so that what they say of a value can be averaged.

using Manifold.Data;
using Manifold.Engine;
using Manifold.Layers;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Manifold.Models;

/// <summary>In which order a picture's values are drawn.</summary>
public enum ValueOrder { Reading, Random }

/// <summary>Settings of <see cref="Made"/>.</summary>
public sealed record MadeSettings
{
    public IReadOnlyList<long> Hidden { get; init; } = [500];                // units of the hidden layers
    public ValueOrder Order { get; init; } = ValueOrder.Reading;
    public long OrderSeed { get; init; }                                     // random: which order
    public int Masks { get; init; } = 1;                                     // sets of hidden degrees: a step trains one by chance, and all are averaged where nothing is trained
    public bool Direct { get; init; } = true;                                // whether the outputs also see the inputs themselves
    public bool Conditional { get; init; }                                   // whether it is told the picture's class
    public LikelihoodSettings Likelihood { get; init; } = new();             // of a pixel

    /// <exception cref="ArgumentOutOfRangeException">There is no hidden layer, or one has no units.</exception>
    public MadeSettings Validated()
    {
        SettingChecks.NeedPositive(Masks, "model.masks");
        SettingChecks.Need(Masks == 1 || Likelihood.Kind is Layers.Likelihood.Bernoulli or Layers.Likelihood.Categorical, "model.masks", Masks, "1, or a model.likelihood.kind of bernoulli or categorical, whose probabilities can be averaged");
        SettingChecks.Need(Hidden.Count > 0, "model.hidden", "[]", "one hidden layer or more");
        foreach (var width in Hidden) SettingChecks.NeedPositive(width, "model.hidden");
        return this;
    }
}

/// <summary>The masked autoencoder, for one order.</summary>
public sealed class Made : PixelModel
{
    private readonly List<MaskedLinear> layers = [];
    private readonly MaskedLinear? direct;
    private readonly int sets;
    private readonly Module<Tensor, Tensor>? toldFirst, toldLast;   // of class and map; the first value sees no hidden unit, so outputs are told too

    /// <param name="classes">How many classes the data has; they are used only if the settings say so.</param>
    /// <param name="mapChannels">Of a map that the model is told of every pixel.</param>
    /// <exception cref="ArgumentException">The settings are out of range.</exception>
    public Made(PictureShape shape, MadeSettings settings, int classes = 0, int mapChannels = 0)
        : base(nameof(Made), shape, settings.Validated().Likelihood, ClassesTold(settings.Conditional, classes), mapChannels)
    {
        sets = settings.Masks;
        Order = settings.Order == ValueOrder.Reading ? base.Order : [.. Shuffled(base.Order, settings.OrderSeed)];
        var degree = Order.Select((place, i) => (place, Degree: i + 1)).ToDictionary(pair => pair.place, pair => pair.Degree);
        int[] Degrees(long channels) =>
        [
            .. from channel in Enumerable.Range(0, (int)channels)
               from row in Enumerable.Range(0, shape.Height)
               from column in Enumerable.Range(0, shape.Width)
               select degree[new Place(Groups == 1 ? -1 : channel % Groups, row, column)],
        ];

        IReadOnlyList<IReadOnlyList<int>> InAllSets(int[] degrees) => [.. Enumerable.Repeat(degrees, settings.Masks)];
        IReadOnlyList<IReadOnlyList<int>> inputs = InAllSets(Degrees(shape.Channels)), outputs = InAllSets(Degrees(Likelihood.Outputs)), before = inputs;
        for (var layer = 0; layer < settings.Hidden.Count; layer++)
        {
            int[] spread = [.. Enumerable.Range(0, (int)settings.Hidden[layer]).Select(k => 1 + (int)(k * (long)Math.Max(1, Order.Count - 1) / settings.Hidden[layer]))];   // 1 to D - 1
            IReadOnlyList<IReadOnlyList<int>> hidden = [.. Enumerable.Range(0, settings.Masks).Select(set => set == 0 ? spread : [.. Shuffled(spread, Seeds.At(settings.OrderSeed, set * 1000 + layer, "masks"))])];
            layers.Add(new MaskedLinear(before, hidden, strict: false));
            before = hidden;
        }
        layers.Add(new MaskedLinear(before, outputs, strict: true));
        for (var i = 0; i < layers.Count; i++) register_module($"layer{i}", layers[i]);
        if (settings.Direct)
        {
            direct = new MaskedLinear(inputs, outputs, strict: true);
            register_module(nameof(direct), direct);
        }
        var hints = Classes + mapChannels * (long)shape.Height * shape.Width;
        if (hints == 0) return;
        toldFirst = Linear(hints, settings.Hidden[0], hasBias: false);
        toldLast = Linear(hints, outputs[0].Count, hasBias: false);
        register_module(nameof(toldFirst), toldFirst);
        register_module(nameof(toldLast), toldLast);
    }

    public override IReadOnlyList<Place> Order { get; }

    public override Tensor Outputs(Tensor x, Tensor? condition = null, Tensor? map = null)
    {
        var told = Told(condition, map);
        var input = 2 * x.flatten(1) - 1;                                                         // [B, C*H*W] on [-1, 1]
        if (sets == 1) return Pass(input, told, 0);
        if (training) return Pass(input, told, (int)randint(0, sets, [1], ScalarType.Int64).item<long>());
        return Likelihood.Averaged(stack([.. Enumerable.Range(0, sets).Select(set => Pass(input, told, set))]));
    }

    private Tensor Pass(Tensor input, (Tensor? First, Tensor? Last) told, int set)
    {
        foreach (var layer in layers) layer.Set = set;
        var h = input;
        for (var i = 0; i < layers.Count - 1; i++)
        {
            h = layers[i].call(h);
            if (i == 0 && told.First is not null) h = h + told.First;
            h = functional.relu(h);
        }
        var y = layers[^1].call(h);                                                               // [B, P*H*W]
        if (direct is not null) y = y + direct.call(input);
        if (told.Last is not null) y = y + told.Last;
        return y.view(-1, Likelihood.Outputs, Shape.Height, Shape.Width);
    }

    /// <summary>How many sets of masks there are.</summary>
    internal int Sets => sets;

    /// <summary>The masked layers from the picture on; the last gives the outputs.</summary>
    internal IReadOnlyList<MaskedLinear> Layers => layers;

    /// <summary>From the picture to the outputs; null if there is none.</summary>
    internal MaskedLinear? Direct => direct;

    /// <summary>What class and map add: to the first hidden layer before its nonlinearity, [B, hidden], and to the outputs, [B, P*H*W]; null if the model is told nothing.</summary>
    internal (Tensor? First, Tensor? Last) Told(Tensor? condition, Tensor? map)
    {
        Check(condition, map);
        var hints = map is null ? condition : condition is null ? map.flatten(1) : cat([condition, map.flatten(1)], 1);   // [B, Classes + M*H*W]
        return hints is null ? (null, null) : (toldFirst!.call(hints), toldLast!.call(hints));
    }

    // Sorted by a hash of (seed, place in the list), so that an order is the same everywhere.
    private static IEnumerable<T> Shuffled<T>(IReadOnlyList<T> values, long seed) =>
        values.Select((value, i) => (value, Key: (ulong)Seeds.At(seed, i, "order"))).OrderBy(pair => pair.Key).Select(pair => pair.value);
}
