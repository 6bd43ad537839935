// MADE: an autoencoder whose weights are masked so that each output is about what comes before it in an order.
//
//   x [B, C*H*W] --masked--> hidden --masked--> ... --masked, strictly--> [B, P*H*W]
//         \------------------- masked, strictly -------------------------^
//
// Germain et al. 2015, "MADE: Masked Autoencoder for Distribution Estimation", https://arxiv.org/abs/1502.03509.
// Differs from it: the degrees of hidden units are spread evenly and not drawn; one set of masks.

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
    public bool Direct { get; init; } = true;                                // whether the outputs also see the inputs themselves
    public bool Conditional { get; init; }                                   // whether it is told the picture's class
    public LikelihoodSettings Likelihood { get; init; } = new();             // of a pixel

    /// <exception cref="ArgumentOutOfRangeException">There is no hidden layer, or one has no units.</exception>
    public MadeSettings Validated()
    {
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
    private readonly Module<Tensor, Tensor>? told, toldLast;   // of class and map; the first value sees no hidden unit, so outputs are told too

    /// <param name="classes">How many classes the data has; they are used only if the settings say so.</param>
    /// <param name="mapChannels">Of a map that the model is told of every pixel.</param>
    /// <exception cref="ArgumentException">The settings are out of range.</exception>
    public Made(PictureShape shape, MadeSettings settings, int classes = 0, int mapChannels = 0)
        : base(nameof(Made), shape, settings.Validated().Likelihood, ClassesTold(settings.Conditional, classes), mapChannels)
    {
        Order = settings.Order == ValueOrder.Reading ? base.Order : [.. Shuffled(base.Order, settings.OrderSeed)];
        var degree = Order.Select((place, i) => (place, Degree: i + 1)).ToDictionary(pair => pair.place, pair => pair.Degree);
        int[] Degrees(long channels) =>
        [
            .. from channel in Enumerable.Range(0, (int)channels)
               from row in Enumerable.Range(0, shape.Height)
               from column in Enumerable.Range(0, shape.Width)
               select degree[new Place(Groups == 1 ? -1 : channel % Groups, row, column)],
        ];

        int[] inputs = Degrees(shape.Channels), outputs = Degrees(Likelihood.Outputs), before = inputs;
        foreach (var width in settings.Hidden)
        {
            int[] hidden = [.. Enumerable.Range(0, (int)width).Select(k => 1 + (int)(k * (long)Math.Max(1, Order.Count - 1) / width))];   // 1 to D - 1
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
        told = Linear(hints, settings.Hidden[0], hasBias: false);
        toldLast = Linear(hints, outputs.Length, hasBias: false);
        register_module(nameof(told), told);
        register_module(nameof(toldLast), toldLast);
    }

    public override IReadOnlyList<Place> Order { get; }

    public override Tensor Outputs(Tensor x, Tensor? condition = null, Tensor? map = null)
    {
        var (toFirst, toLast) = Told(condition, map);
        var input = 2 * x.flatten(1) - 1;                                                         // [B, C*H*W] on [-1, 1]
        var h = input;
        for (var i = 0; i < layers.Count - 1; i++)
        {
            h = layers[i].call(h);
            if (i == 0 && toFirst is not null) h = h + toFirst;
            h = functional.relu(h);
        }
        var y = layers[^1].call(h);                                                               // [B, P*H*W]
        if (direct is not null) y = y + direct.call(input);
        if (toLast is not null) y = y + toLast;
        return y.view(-1, Likelihood.Outputs, Shape.Height, Shape.Width);
    }

    /// <summary>The masked layers from the picture on; the last gives the outputs.</summary>
    internal IReadOnlyList<MaskedLinear> Layers => layers;

    /// <summary>From the picture to the outputs; null if there is none.</summary>
    internal MaskedLinear? Direct => direct;

    /// <summary>What class and map add: to the first hidden layer before its nonlinearity, [B, hidden], and to the outputs, [B, P*H*W]; null if the model is told nothing.</summary>
    internal (Tensor? First, Tensor? Last) Told(Tensor? condition, Tensor? map)
    {
        Check(condition, map);
        var hints = map is null ? condition : condition is null ? map.flatten(1) : cat([condition, map.flatten(1)], 1);   // [B, Classes + M*H*W]
        return hints is null ? (null, null) : (told!.call(hints), toldLast!.call(hints));
    }

    // Sorted by a hash of (seed, place), so that an order is the same everywhere.
    private static IEnumerable<Place> Shuffled(IReadOnlyList<Place> places, long seed) =>
        places.Select((place, i) => (place, Key: (ulong)Seeds.At(seed, i, "order"))).OrderBy(pair => pair.Key).Select(pair => pair.place);
}
