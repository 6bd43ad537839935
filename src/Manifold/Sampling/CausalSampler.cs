using System.Numerics;
using Manifold.Layers;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Sampling;

/// <summary>
/// Draws from a network of order without doing any work twice: each number of each map is computed once, as soon as it can be known, and kept
/// as long as something looks at it. Same uniform numbers, same picture as <see cref="Ancestral.Draw"/>.
/// </summary>
/// <remarks>
/// Ramachandran et al. 2017, "Fast Generation for Convolutional Autoregressive Models", https://arxiv.org/abs/1704.06001, here on the CPU by
/// hand: each picture has a lane of the vectors, and the cores share the pictures.
/// </remarks>
/// <typeparam name="V">The vectors.</typeparam>
/// <typeparam name="T">float; double to compare with.</typeparam>
internal sealed class CausalSampler<V, T> where V : struct, ILanes<V, T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly IAutoregressive model;
    private readonly Map[] maps;                     // the picture's first
    private readonly int channels, height, width, steps, mostSums, mostTaps;

    /// <param name="condition">Of the pictures that will be drawn, as the map; see <see cref="IAutoregressive.Outputs"/>.</param>
    public CausalSampler(ICausalNet model, Tensor? condition = null, Tensor? map = null)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        this.model = model;
        (channels, height, width) = (model.Shape.Channels, model.Shape.Height, model.Shape.Width);
        steps = model.Order.Count / (height * width);
        var graph = model.Graph(condition, map);
        var packed = new Dictionary<ICausalConvolution, PackedConvolution<V, T>[]>();
        var number = new Dictionary<CausalNode, int> { [graph.Picture] = 0 };
        foreach (var node in graph.Nodes) number[node] = number.Count;
        maps = [new Map(graph.Picture, height, width, width * graph.Picture.Features, [], [], [], null),
            .. graph.Nodes.Select(node =>
            {
                var kept = Math.Min(graph.RowsKept(node), (height - 1) / node.Stride + 1);
                var across = (width - 1) / node.Stride + 1;
                Sum[] sums = [.. node.Convolutions.Select(sum => new Sum(number[sum.From], packed.TryGetValue(sum.Through, out var known) ? known : packed[sum.Through] = [.. sum.Through.Taps().Select(taps => new PackedConvolution<V, T>(taps))],
                    sum.Through.Up, sum.Through.Down, sum.RowShift, sum.ColumnShift))];
                var bias = new T[node.Sums];
                foreach (var sum in node.Convolutions)
                    foreach (var (value, o) in sum.Through.Bias.to_type(ScalarType.Float64).cpu().contiguous().data<double>().ToArray().Select((value, o) => (value, o))) bias[o] += T.CreateChecked(value);
                return new Map(node, kept, across, across * node.Features, sums, [.. node.Adds.Select(add => number[add])], bias, DrawnPictures<V, T>.Numbers(node.Given));
            })];
        mostSums = maps.Skip(1).Max(map => PackedConvolution<V, T>.Rounded(map.Node.Sums));
        mostTaps = maps.SelectMany(map => map.Sums).SelectMany(sum => sum.Phases).Max(phase => phase.Taps.Length);
    }

    /// <summary>Multiply-adds for one picture, as they are done: borders included, colours once for each step of a pixel.</summary>
    public long MultiplyAdds => maps.Skip(1).Sum(map => (long)((height - 1) / map.Node.Stride + 1) * map.Width * (map.Node.Clock == Clock.Pixel ? steps : 1)
        * map.Sums.Sum(sum => sum.Phases.Sum(phase => phase.MultiplyAdds) / sum.Phases.Length));

    /// <summary>One picture for each row of uniform numbers; see <see cref="Ancestral.Draw"/>.</summary>
    public Tensor Draw(Tensor u, Drawing how) => DrawnPictures<V, T>.Draw(model, u, how, height, pictures => new Chunk(this, pictures).Run());

    private sealed record Sum(int From, PackedConvolution<V, T>[] Phases, int Up, int Down, int RowShift, int ColumnShift);

    /// <param name="Kept">Rows that are kept: row r lies in slot r mod Kept.</param>
    /// <param name="Stride">Numbers to a row.</param>
    /// <param name="Given">[B, Sums, 1, 1] or [B, Sums, H, W].</param>
    private sealed record Map(CausalNode Node, int Kept, int Width, int Stride, Sum[] Sums, int[] Adds, T[] Bias, T[]? Given)
    {
        public int GivenPlaces { get; } = Node.Given is null ? 0 : (int)(Node.Given.shape[2] * Node.Given.shape[3]);
    }

    /// <summary>The maps of some pictures.</summary>
    private sealed class Chunk
    {
        private readonly CausalSampler<V, T> sampler;
        private readonly DrawnPictures<V, T>.Chunk pictures;
        private readonly V[][] values;             // for each map [rows kept, W, F]
        private readonly V[][] starts;             // for each map [places, S]: bias, and what is given; one place if that is the same everywhere
        private readonly V[] sums;                 // work
        private readonly int[] at;

        public Chunk(CausalSampler<V, T> sampler, DrawnPictures<V, T>.Chunk pictures)
        {
            (this.sampler, this.pictures) = (sampler, pictures);
            (sums, at) = (new V[sampler.mostSums], new int[sampler.mostTaps]);
            values = [.. sampler.maps.Select(map => new V[map.Kept * map.Stride])];
            starts = [.. sampler.maps.Select(Start)];
            var features = sampler.channels + 1;
            for (var i = 0; i < values[0].Length; i++) values[0][i] = i % features == features - 1 ? V.Of(T.One) : V.Of(-T.One);   // black, and ones
        }

        private V[] Start(Map map)
        {
            var (places, size) = (Math.Max(1, map.GivenPlaces), map.Bias.Length);
            var start = new V[size * places];
            for (var place = 0; place < places; place++)
                for (var o = 0; o < size; o++)
                    start[place * size + o] = V.Of(map.Bias[o]) + (map.Given is null ? default : pictures.Given(map.Given, size * places, o * places + place));
            return start;
        }

        public void Run()
        {
            for (var row = 0; row < sampler.height; row++)
            {
                for (var m = 1; m < sampler.maps.Length; m++)
                    if (sampler.maps[m].Node is { Clock: Clock.Row } node && row % node.Stride == 0)
                        for (var column = 0; column < sampler.maps[m].Width; column++) Compute(m, row / node.Stride, column);
                for (var column = 0; column < sampler.width; column++) Pixel(row, column);
                pictures.StepIsDone();
            }
        }

        private void Pixel(int row, int column)
        {
            for (var step = 0; step < sampler.steps; step++)
            {
                for (var m = 1; m < sampler.maps.Length; m++)
                    if (sampler.maps[m].Node is { Clock: Clock.Pixel } node && row % node.Stride == 0 && column % node.Stride == 0)
                        Compute(m, row / node.Stride, column / node.Stride);
                var (from, to) = sampler.steps == 1 ? (0, sampler.channels) : (step, step + 1);
                var last = sampler.maps[^1];
                pictures.Choose(values[^1].AsSpan(row % last.Kept * last.Stride + column * last.Node.Features, last.Node.Features), row, column, from, to);
                for (var channel = from; channel < to; channel++) values[0][(row * sampler.width + column) * (sampler.channels + 1) + channel] = pictures.Shown(channel, row, column);
            }
        }

        // One place of one map.
        private void Compute(int m, int row, int column)
        {
            var map = sampler.maps[m];
            var node = map.Node;
            var target = values[m].AsSpan(row % map.Kept * map.Stride + column * node.Features, node.Features);
            if (row < node.First.Row || column < node.First.Column)
            {
                target.Clear();
                return;
            }
            var sum = sums.AsSpan(0, node.Sums);
            starts[m].AsSpan(map.GivenPlaces > 1 ? (row * map.Width + column) * node.Sums : 0, node.Sums).CopyTo(sum);
            foreach (var part in map.Sums) Add(part, row, column);
            foreach (var other in map.Adds)
            {
                var from = sampler.maps[other];
                ref var added = ref values[other][row % from.Kept * from.Stride + column * node.Sums];
                for (var s = 0; s < sum.Length; s++) sum[s] = sum[s] + System.Runtime.CompilerServices.Unsafe.Add(ref added, s);
            }
            LaneEndings.Of<V, T>(node.Ending, sum, target);
        }

        private void Add(Sum part, int row, int column)
        {
            var from = sampler.maps[part.From];
            var packed = part.Phases[part.Up == 1 ? 0 : row % part.Up * part.Up + column % part.Up];
            var (top, left) = (row * part.Down / part.Up + part.RowShift, column * part.Down / part.Up + part.ColumnShift);
            var rows = (sampler.height - 1) / from.Node.Stride + 1;
            var places = at.AsSpan(0, packed.Taps.Length);
            for (var t = 0; t < places.Length; t++)
            {
                var (r, c) = (top + packed.Taps[t].Row, left + packed.Taps[t].Column);
                places[t] = r < 0 || r >= rows || c < 0 || c >= from.Width ? -1 : r % from.Kept * from.Stride + c * from.Node.Features;
            }
            packed.Add(sums, values[part.From], places);
        }
    }
}
