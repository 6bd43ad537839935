using System.Numerics;
using Manifold.Layers;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Sampling;

/// <summary>
/// Draws from MADE without doing any work twice: a unit is computed once, when the last value that it sees is drawn. All the values of a
/// picture take the work of one pass. Same uniform numbers, same picture as <see cref="Ancestral.Draw"/>.
/// </summary>
/// <typeparam name="V">The vectors.</typeparam>
/// <typeparam name="T">float; double to compare with.</typeparam>
internal sealed class MadeSampler<V, T> where V : struct, ILanes<V, T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly Made model;
    private readonly Layer[][] sets;                 // for each set of masks its layers; the last gives the outputs
    private readonly Layer? direct;
    private readonly T[]? first, last;               // what is told, [B, units] and [B, outputs]
    private readonly int steps;

    /// <param name="condition">Of the pictures that will be drawn, as the map; see <see cref="IAutoregressive.Outputs"/>.</param>
    public MadeSampler(Made model, Tensor? condition = null, Tensor? map = null)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        this.model = model;
        steps = model.Order.Count;
        sets = [.. Enumerable.Range(0, model.Sets).Select(set => model.Layers.Select(layer => new Layer(layer, set, steps)).ToArray())];
        direct = model.Direct is null ? null : new Layer(model.Direct, 0, steps);
        var told = model.Told(condition, map);
        (first, last) = (DrawnPictures<V, T>.Numbers(told.First), DrawnPictures<V, T>.Numbers(told.Last));
    }

    /// <summary>Multiply-adds for one picture.</summary>
    public long MultiplyAdds => sets.Sum(layers => layers.Sum(layer => layer.MultiplyAdds)) + (direct?.MultiplyAdds ?? 0);

    /// <summary>One picture for each row of uniform numbers; see <see cref="Ancestral.Draw"/>.</summary>
    public Tensor Draw(Tensor u, Drawing how) => DrawnPictures<V, T>.Draw(model, u, how, steps, Run);

    private void Run(DrawnPictures<V, T>.Chunk pictures)
    {
        var shape = model.Shape;
        var (area, features) = (shape.Height * shape.Width, (int)model.Likelihood.Outputs);
        V[][][] values = [.. sets.Select(layers => layers.Select(layer => new V[layer.Inputs]).ToArray())];   // what each layer sees, by degree
        var said = new V[sets.Length * features];
        for (var step = 1; step <= steps; step++)
        {
            var (channel, row, column) = model.Order[step - 1];
            for (var set = 0; set < sets.Length; set++)
                foreach (var o in sets[set][^1].Units[step])
                {
                    var sum = sets[set][^1].Sum(o, values[set][^1], step - 1) + (direct is null ? default : direct.Sum(o, values[0][0], step - 1));
                    said[set * features + o / area] = last is null ? sum : sum + pictures.Given(last, sets[set][^1].Outputs, o);
                }
            var (from, to) = channel < 0 ? (0, shape.Channels) : (channel, channel + 1);
            pictures.Choose(said, row, column, from, to);
            for (var c = from; c < to; c++) values[0][0][sets[0][0].Slot[c * area + row * shape.Width + column]] = pictures.Shown(c, row, column);   // the picture's degrees are the same in all sets
            for (var set = 0; set < sets.Length; set++) Hidden(sets[set], values[set], values[0][0], step, pictures);
            pictures.StepIsDone();
        }
    }

    // The units that have just seen all that they see.
    private void Hidden(Layer[] layers, V[][] values, V[] picture, int step, DrawnPictures<V, T>.Chunk pictures)
    {
        for (var l = 0; l < layers.Length - 1; l++)
            foreach (var unit in layers[l].Units[step])
            {
                var sum = layers[l].Sum(unit, l == 0 ? picture : values[l], step);
                if (l == 0 && first is not null) sum = sum + pictures.Given(first, layers[0].Outputs, unit);
                values[l + 1][layers[l + 1].Slot[unit]] = V.Max(sum, V.Of(T.Zero));
            }
    }

    /// <summary>A layer whose inputs are sorted by degree, so that what a unit sees is the first so many of them.</summary>
    private sealed class Layer
    {
        private readonly T[] weights;                // [out, in], the inputs by degree
        private readonly T[] bias;
        private readonly int[] upTo;                 // [steps + 1]: inputs of at most that degree

        public Layer(MaskedLinear layer, int set, int steps)
        {
            var (inDegrees, outDegrees) = (layer.InDegrees[set], layer.OutDegrees[set]);
            var (inputs, outputs) = (inDegrees.Count, outDegrees.Count);
            var sorted = Enumerable.Range(0, inputs).OrderBy(i => inDegrees[i]).ToArray();
            Slot = new int[inputs];
            for (var i = 0; i < inputs; i++) Slot[sorted[i]] = i;
            upTo = new int[steps + 1];
            foreach (var degree in inDegrees) upTo[degree]++;
            for (var degree = 1; degree <= steps; degree++) upTo[degree] += upTo[degree - 1];
            var byDegree = outDegrees.Select((degree, unit) => (degree, unit)).ToLookup(pair => pair.degree, pair => pair.unit);
            Units = [.. Enumerable.Range(0, steps + 1).Select(degree => byDegree[degree].ToArray())];
            weights = DrawnPictures<V, T>.Numbers(layer.Effective(set).index_select(1, tensor(sorted.Select(i => (long)i).ToArray(), device: layer.Bias.device)))!;
            bias = DrawnPictures<V, T>.Numbers(layer.Bias)!;
            (Inputs, Outputs) = (inputs, outputs);
        }

        public int Inputs { get; }
        public int Outputs { get; }

        public long MultiplyAdds => Enumerable.Range(0, Units.Length).Sum(degree => (long)Units[degree].Length * upTo[degree]);

        /// <summary>For each input its place among the inputs by degree.</summary>
        public int[] Slot { get; }

        /// <summary>For each degree the outputs that have it.</summary>
        public int[][] Units { get; }

        /// <summary>b + w x over the inputs of at most that degree.</summary>
        public V Sum(int unit, V[] x, int degree)
        {
            var count = upTo[degree];
            var w = weights.AsSpan(unit * Inputs, count);
            V a = V.Of(bias[unit]), b = default, c = default, d = default;                // four chains of additions, side by side
            var i = 0;
            for (; i + 3 < count; i += 4)
            {
                a = V.Fma(V.Of(w[i]), x[i], a);
                b = V.Fma(V.Of(w[i + 1]), x[i + 1], b);
                c = V.Fma(V.Of(w[i + 2]), x[i + 2], c);
                d = V.Fma(V.Of(w[i + 3]), x[i + 3], d);
            }
            for (; i < count; i++) a = V.Fma(V.Of(w[i]), x[i], a);
            return a + b + (c + d);
        }
    }
}
