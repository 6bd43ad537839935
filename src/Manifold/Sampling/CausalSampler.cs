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
/// <typeparam name="T">float; double to compare with.</typeparam>
internal sealed class CausalSampler<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly IAutoregressive model;
    private readonly Map[] maps;                     // the picture's first
    private readonly int channels, height, width, outputs, steps, mostSums, mostTaps;

    /// <param name="condition">Of the pictures that will be drawn, as the map; see <see cref="IAutoregressive.Outputs"/>.</param>
    public CausalSampler(ICausalNet model, Tensor? condition = null, Tensor? map = null)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        this.model = model;
        (channels, height, width, outputs) = (model.Shape.Channels, model.Shape.Height, model.Shape.Width, (int)model.Likelihood.Outputs);
        steps = model.Order.Count / (height * width);
        var graph = model.Graph(condition, map);
        var packed = new Dictionary<ICausalConvolution, PackedConvolution<T>[]>();
        var number = new Dictionary<CausalNode, int> { [graph.Picture] = 0 };
        foreach (var node in graph.Nodes) number[node] = number.Count;
        maps = [new Map(graph.Picture, height, width, width * graph.Picture.Features, [], [], [], null),
            .. graph.Nodes.Select(node =>
            {
                var kept = Math.Min(graph.RowsKept(node), (height - 1) / node.Stride + 1);
                var across = (width - 1) / node.Stride + 1;
                Sum[] sums = [.. node.Convolutions.Select(sum => new Sum(number[sum.From], packed.TryGetValue(sum.Through, out var known) ? known : packed[sum.Through] = [.. sum.Through.Taps().Select(taps => new PackedConvolution<T>(taps))],
                    sum.Through.Up, sum.Through.Down, sum.RowShift, sum.ColumnShift))];
                var bias = new T[node.Sums];
                foreach (var sum in node.Convolutions)
                    foreach (var (value, o) in sum.Through.Bias.to_type(ScalarType.Float64).cpu().contiguous().data<double>().ToArray().Select((value, o) => (value, o))) bias[o] += T.CreateChecked(value);
                return new Map(node, kept, across, across * node.Features, sums, [.. node.Adds.Select(add => number[add])], bias, Numbers(node.Given));
            })];
        mostSums = maps.Skip(1).Max(map => PackedConvolution<T>.Rounded(map.Node.Sums));
        mostTaps = maps.SelectMany(map => map.Sums).SelectMany(sum => sum.Phases).Max(phase => phase.Taps.Length);
    }

    /// <summary>Multiply-adds for one picture, as they are done: borders included, colours once for each step of a pixel.</summary>
    public long MultiplyAdds => maps.Skip(1).Sum(map => (long)((height - 1) / map.Node.Stride + 1) * map.Width * (map.Node.Clock == Clock.Pixel ? steps : 1)
        * map.Sums.Sum(sum => sum.Phases.Sum(phase => phase.MultiplyAdds) / sum.Phases.Length));

    /// <summary>One picture for each row of uniform numbers; see <see cref="Ancestral.Draw"/>.</summary>
    public Tensor Draw(Tensor u, Drawing how)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var count = (int)u.shape[0];
        var uniforms = Numbers(u)!;                                                                               // [N, U, H, W]
        var pictures = how.Known is null ? new T[count * channels * height * width] : Numbers(how.Known)!;       // [N, C, H, W] in [0, 1]
        var kept = how.KeptPlaces(model.Shape);
        var chunks = (count + Vector<T>.Count - 1) / Vector<T>.Count;
        var rowsDone = 0;
        void Report() => how.Progress?.Invoke(Interlocked.Increment(ref rowsDone) / (double)(chunks * height));
        try
        {
            Parallel.For(0, chunks, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, get_num_threads()) }, chunk =>
                new Chunk(this, chunk * Vector<T>.Count, count, uniforms, pictures, kept, how.Temperature).Run(Report));
        }
        catch (AggregateException all) when (all.InnerExceptions.Count > 0)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(all.InnerExceptions[0]);                 // what a caller's progress threw to stop
        }
        return ToTensor(pictures, count, channels, height, width).to(u.device).to_type(u.dtype).MoveToOuterDisposeScope();
    }

    private static T[]? Numbers(Tensor? x) => x?.detach().to_type(typeof(T) == typeof(float) ? ScalarType.Float32 : ScalarType.Float64).cpu().contiguous().data<T>().ToArray();

    private static Tensor ToTensor(T[] values, params long[] shape) => values is float[] floats ? tensor(floats, shape) : tensor((double[])(object)values, shape);

    private sealed record Sum(int From, PackedConvolution<T>[] Phases, int Up, int Down, int RowShift, int ColumnShift);

    /// <param name="Kept">Rows that are kept: row r lies in slot r mod Kept.</param>
    /// <param name="Stride">Numbers to a row.</param>
    /// <param name="Given">[B, Sums, 1, 1] or [B, Sums, H, W].</param>
    private sealed record Map(CausalNode Node, int Kept, int Width, int Stride, Sum[] Sums, int[] Adds, T[] Bias, T[]? Given)
    {
        public int GivenPlaces { get; } = Node.Given is null ? 0 : (int)(Node.Given.shape[2] * Node.Given.shape[3]);
        public int GivenPictures { get; } = Node.Given is null ? 1 : (int)Node.Given.shape[0];
    }

    /// <summary>As many pictures as a vector has lanes.</summary>
    private sealed class Chunk
    {
        private readonly CausalSampler<T> sampler;
        private readonly int first, lanes;
        private readonly T[] uniforms, pictures;
        private readonly bool[]? kept;
        private readonly double temperature;
        private readonly Vector<T>[][] values;             // for each map [rows kept, W, F]
        private readonly Vector<T>[][] starts;             // for each map [places, S]: bias, and what is given; one place if that is the same everywhere
        private readonly Vector<T>[] sums;                 // work
        private readonly int[] at;
        private readonly double[] said, chance, drawn;

        public Chunk(CausalSampler<T> sampler, int first, int count, T[] uniforms, T[] pictures, bool[]? kept, double temperature)
        {
            (this.sampler, this.first, this.uniforms, this.pictures, this.kept, this.temperature) = (sampler, first, uniforms, pictures, kept, temperature);
            lanes = Math.Min(Vector<T>.Count, count - first);
            (sums, at) = (new Vector<T>[sampler.mostSums], new int[sampler.mostTaps]);
            (said, chance, drawn) = (new double[sampler.outputs], new double[sampler.model.Likelihood.Uniforms], new double[sampler.channels]);
            values = [.. sampler.maps.Select(map => new Vector<T>[map.Kept * map.Stride])];
            starts = [.. sampler.maps.Select(Start)];
            var features = sampler.channels + 1;
            for (var i = 0; i < values[0].Length; i++) values[0][i] = i % features == features - 1 ? Vector<T>.One : -Vector<T>.One;   // black, and ones
        }

        private Vector<T>[] Start(Map map)
        {
            var places = Math.Max(1, map.GivenPlaces);
            var start = new Vector<T>[map.Bias.Length * places];
            Span<T> lane = stackalloc T[Vector<T>.Count];
            for (var place = 0; place < places; place++)
                for (var o = 0; o < map.Bias.Length; o++)
                {
                    lane.Fill(map.Bias[o]);
                    if (map.Given is not null)
                        for (var b = 0; b < lanes; b++) lane[b] += map.Given[((first + b) % map.GivenPictures * map.Bias.Length + o) * places + place];
                    start[place * map.Bias.Length + o] = new Vector<T>(lane);
                }
            return start;
        }

        public void Run(Action rowIsDone)
        {
            for (var row = 0; row < sampler.height; row++)
            {
                for (var m = 1; m < sampler.maps.Length; m++)
                    if (sampler.maps[m].Node is { Clock: Clock.Row } node && row % node.Stride == 0)
                        for (var column = 0; column < sampler.maps[m].Width; column++) Compute(m, row / node.Stride, column);
                for (var column = 0; column < sampler.width; column++) Pixel(row, column);
                rowIsDone();
            }
        }

        private void Pixel(int row, int column)
        {
            var isKept = kept?[row * sampler.width + column] == true;
            for (var step = 0; step < sampler.steps; step++)
            {
                for (var m = 1; m < sampler.maps.Length; m++)
                    if (sampler.maps[m].Node is { Clock: Clock.Pixel } node && row % node.Stride == 0 && column % node.Stride == 0)
                        Compute(m, row / node.Stride, column / node.Stride);
                var (from, to) = sampler.steps == 1 ? (0, sampler.channels) : (step, step + 1);
                if (!isKept) Choose(row, column, from, to);
                for (var channel = from; channel < to; channel++) Show(row, column, channel);
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
                for (var s = 0; s < sum.Length; s++) sum[s] += System.Runtime.CompilerServices.Unsafe.Add(ref added, s);
            }
            Lanes.End(node.Ending, sum, target);
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

        // The likelihood's own draw, for every picture of the chunk.
        private void Choose(int row, int column, int from, int to)
        {
            var area = sampler.height * sampler.width;
            var place = row * sampler.width + column;
            var last = sampler.maps[^1];
            var numbers = values[^1].AsSpan(row % last.Kept * last.Stride + column * sampler.outputs, sampler.outputs);
            for (var b = 0; b < lanes; b++)
            {
                for (var p = 0; p < said.Length; p++) said[p] = double.CreateChecked(numbers[p][b]);
                for (var d = 0; d < chance.Length; d++) chance[d] = double.CreateChecked(uniforms[((first + b) * chance.Length + d) * area + place]);
                sampler.model.Likelihood.Draw(said, chance, drawn, temperature);
                for (var c = from; c < to; c++) pictures[((first + b) * sampler.channels + c) * area + place] = T.CreateChecked(drawn[c]);
            }
        }

        // A drawn (or known) value, as the network sees it.
        private void Show(int row, int column, int channel)
        {
            Span<T> lane = stackalloc T[Vector<T>.Count];
            lane.Clear();
            for (var b = 0; b < lanes; b++) lane[b] = pictures[((first + b) * sampler.channels + channel) * sampler.height * sampler.width + row * sampler.width + column];
            values[0][(row * sampler.width + column) * (sampler.channels + 1) + channel] = new Vector<T>(lane) * T.CreateChecked(2) - Vector<T>.One;
        }
    }
}
