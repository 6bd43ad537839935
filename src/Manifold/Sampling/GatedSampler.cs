using System.Numerics;
using Manifold.Data;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Sampling;

/// <summary>
/// Draws from a gated PixelCNN without doing any work twice: the vertical stack once for each row, after the row is drawn; the horizontal
/// stack once for each pixel, from what it kept of the pixels to its left. Same uniform numbers, same picture as <see cref="Ancestral.Draw"/>.
/// </summary>
/// <remarks>
/// Ramachandran et al. 2017, "Fast Generation for Convolutional Autoregressive Models", https://arxiv.org/abs/1704.06001, here on the CPU by
/// hand: each picture has a lane of the vectors, and the cores share the pictures.
/// </remarks>
/// <typeparam name="T">float; double to compare with.</typeparam>
internal sealed class GatedSampler<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private sealed record Layer(PackedConvolution<T> Vertical, PackedConvolution<T> Down, PackedConvolution<T> Horizontal, PackedConvolution<T> Mix, int Features, bool IsResidual);

    private readonly GatedPixelCnn model;
    private readonly Layer[] layers;
    private readonly PackedConvolution<T>[] tops;
    private readonly int channels, height, width, outputs;

    public GatedSampler(GatedPixelCnn model)
    {
        this.model = model;
        (channels, height, width, outputs) = (model.Shape.Channels, model.Shape.Height, model.Shape.Width, (int)model.Likelihood.Outputs);
        layers = [.. model.Layers.Select(layer =>
        {
            var (vertical, down, horizontal, mix) = layer.Convolutions;
            return new Layer(new(vertical), new(down), new(horizontal), new(mix), (int)mix.Bias.shape[0], layer.IsResidual);
        })];
        tops = [.. model.Tops.Select(top => new PackedConvolution<T>(top))];
    }

    /// <summary>Multiply-adds for one picture, as they are done: borders included, colours once for each step of a pixel.</summary>
    public long MultiplyAdds => (long)height * width * (
        layers.Sum(layer => layer.Vertical.MultiplyAdds + layer.Down.MultiplyAdds)
        + model.Order.Count / (height * width) * (layers.Sum(layer => layer.Horizontal.MultiplyAdds + layer.Mix.MultiplyAdds) + tops.Sum(top => top.MultiplyAdds)));

    /// <summary>One picture for each row of uniform numbers; see <see cref="Ancestral.Draw"/>.</summary>
    public Tensor Draw(Tensor u, Tensor? condition = null, Tensor? known = null, Tensor? keep = null, Action<double>? progress = null)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var count = (int)u.shape[0];
        var told = model.Layers.Select(layer => layer.Told(condition)).Select(pair => (Numbers(pair.Vertical), Numbers(pair.Horizontal))).ToArray();
        var uniforms = Numbers(u)!;                                                                     // [N, U, H, W]
        var pictures = known is null ? new T[count * channels * height * width] : Numbers(known)!;     // [N, C, H, W] in [0, 1]
        var kept = keep?.to_type(ScalarType.Bool).cpu().contiguous().data<bool>().ToArray();
        var chunks = (count + Vector<T>.Count - 1) / Vector<T>.Count;
        var rowsDone = 0;
        void Report() => progress?.Invoke(Interlocked.Increment(ref rowsDone) / (double)(chunks * height));
        Parallel.For(0, chunks, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, get_num_threads()) }, chunk =>
            new Chunk(this, chunk * Vector<T>.Count, count, told, uniforms, pictures, kept).Run(Report));
        return ToTensor(pictures, count, channels, height, width).to(u.device).to_type(u.dtype).MoveToOuterDisposeScope();
    }

    private static T[]? Numbers(Tensor? x) => x?.detach().to_type(typeof(T) == typeof(float) ? ScalarType.Float32 : ScalarType.Float64).cpu().contiguous().data<T>().ToArray();

    private static Tensor ToTensor(T[] values, params long[] shape) => values is float[] floats ? tensor(floats, shape) : tensor((double[])(object)values, shape);

    /// <summary>As many pictures as a vector has lanes.</summary>
    private sealed class Chunk
    {
        private readonly GatedSampler<T> sampler;
        private readonly int first, lanes;
        private readonly T[] uniforms, pictures;
        private readonly bool[]? kept;
        private readonly Vector<T>[] picture;              // [H, W, C + 1]: on [-1, 1], and ones
        private readonly Vector<T>[][] vertical;           // for each layer [rows, W, F]: what the next one's vertical stack still sees
        private readonly Vector<T>[][] horizontal;         // for each layer [W, F]: this row
        private readonly Vector<T>[][] from;               // for each layer [W, 2 F]: what the horizontal stack starts from: biases, class, and the rows above
        private readonly Vector<T>[][] toldVertical;       // for each layer [2 F]: bias and class
        private readonly Vector<T>[][] toldHorizontal;
        private readonly Vector<T>[] sums, gated, shares;  // work
        private readonly int[] at;

        public Chunk(GatedSampler<T> sampler, int first, int count, (T[]?, T[]?)[] told, T[] uniforms, T[] pictures, bool[]? kept)
        {
            (this.sampler, this.first, this.uniforms, this.pictures, this.kept) = (sampler, first, uniforms, pictures, kept);
            lanes = Math.Min(Vector<T>.Count, count - first);
            var (layers, inputs) = (sampler.layers, sampler.channels + 1);
            var most = Math.Max(layers.Max(layer => layer.Vertical.Outputs), sampler.tops.Max(top => top.Outputs));
            (sums, gated, shares, at) = (new Vector<T>[most], new Vector<T>[most], new Vector<T>[most], new int[layers.Max(layer => layer.Vertical.Taps.Length)]);
            picture = new Vector<T>[sampler.height * sampler.width * inputs];
            for (var i = 0; i < picture.Length; i++) picture[i] = Vector<T>.One * (i % inputs == inputs - 1 ? T.One : -T.One);   // black, and ones
            vertical = [.. layers.Select((layer, l) => new Vector<T>[Rows(l) * sampler.width * layer.Features])];
            horizontal = [.. layers.Select(layer => new Vector<T>[sampler.width * layer.Features])];
            from = [.. layers.Select(layer => new Vector<T>[sampler.width * layer.Down.Outputs])];
            toldVertical = [.. layers.Select((layer, l) => Start(layer.Vertical.Bias, told[l].Item1, 2 * layer.Features))];
            toldHorizontal = [.. layers.Select((layer, l) => Start([.. layer.Down.Bias.Zip(layer.Horizontal.Bias, (a, b) => a + b)], told[l].Item2, 2 * layer.Features))];
        }

        // Rows of a layer's vertical stack that the next one's kernel spans.
        private int Rows(int layer) => layer + 1 < sampler.layers.Length ? 1 - sampler.layers[layer + 1].Vertical.Taps.Min(tap => tap.Row) : 1;

        // What every pixel's sum starts from: the bias, and what each picture's class adds.
        private Vector<T>[] Start(T[] bias, T[]? told, int features)
        {
            var start = new Vector<T>[bias.Length];
            Span<T> lane = stackalloc T[Vector<T>.Count];
            for (var o = 0; o < bias.Length; o++)
            {
                lane.Fill(bias[o]);
                if (told is not null && o < features)
                    for (var b = 0; b < lanes; b++) lane[b] += told[(first + b) * features + o];
                start[o] = new Vector<T>(lane);
            }
            return start;
        }

        public void Run(Action rowIsDone)
        {
            for (var row = 0; row < sampler.height; row++)
            {
                TurnDown(row);
                for (var column = 0; column < sampler.width; column++) Pixel(row, column);
                if (row + 1 < sampler.height) Vertical(row);
                rowIsDone();
            }
        }

        // The row that was just drawn through the vertical stack, layer by layer; it is what the next row's pixels know of the rows above.
        private void Vertical(int row)
        {
            for (var l = 0; l < sampler.layers.Length; l++)
            {
                var layer = sampler.layers[l];
                var (source, sourceRows, features) = l == 0 ? (picture, sampler.height, sampler.channels + 1) : (vertical[l - 1], Rows(l - 1), sampler.layers[l - 1].Features);
                var taps = layer.Vertical.Taps;
                var starts = at.AsSpan(0, taps.Length);
                for (var column = 0; column < sampler.width; column++)
                {
                    for (var t = 0; t < taps.Length; t++)
                    {
                        var (r, c) = (row + taps[t].Row, column + taps[t].Column);
                        starts[t] = r < 0 || c < 0 || c >= sampler.width ? -1 : (r % sourceRows * sampler.width + c) * features;
                    }
                    var sum = sums.AsSpan(0, layer.Vertical.Outputs);
                    toldVertical[l].CopyTo(sum);
                    layer.Vertical.Add(sum, source, starts);
                    Lanes.Gate(sum, vertical[l].AsSpan((row % Rows(l) * sampler.width + column) * layer.Features), layer.Features);

                    var down = from[l].AsSpan(column * layer.Down.Outputs, layer.Down.Outputs);
                    toldHorizontal[l].CopyTo(down);
                    layer.Down.Add(down, sum, [0]);
                }
            }
        }

        // Above the first row there is nothing but biases and the class.
        private void TurnDown(int row)
        {
            if (row > 0) return;
            for (var l = 0; l < sampler.layers.Length; l++)
                for (var column = 0; column < sampler.width; column++)
                    toldHorizontal[l].CopyTo(from[l], column * sampler.layers[l].Down.Outputs);
        }

        private void Pixel(int row, int column)
        {
            var steps = sampler.model.Order.Count / (sampler.height * sampler.width);
            var isKept = kept?[row * sampler.width + column] == true;
            for (var step = 0; step < steps; step++)
            {
                var numbers = Horizontal(row, column);
                if (!isKept) Choose(numbers, row, column, steps == 1 ? -1 : step);
                for (var channel = steps == 1 ? 0 : step; channel < (steps == 1 ? sampler.channels : step + 1); channel++) Show(row, column, channel);
            }
        }

        // What the network says of a pixel: [P] vectors.
        private ReadOnlySpan<Vector<T>> Horizontal(int row, int column)
        {
            for (var l = 0; l < sampler.layers.Length; l++)
            {
                var layer = sampler.layers[l];
                var (source, begins, features) = l == 0 ? (picture, row * sampler.width, sampler.channels + 1) : (horizontal[l - 1], 0, sampler.layers[l - 1].Features);
                var taps = layer.Horizontal.Taps;
                var starts = at.AsSpan(0, taps.Length);
                for (var t = 0; t < taps.Length; t++)
                {
                    var c = column + taps[t].Column;
                    starts[t] = c < 0 ? -1 : (begins + c) * features;
                }
                var sum = sums.AsSpan(0, layer.Horizontal.Outputs);
                from[l].AsSpan(column * layer.Down.Outputs, layer.Down.Outputs).CopyTo(sum);
                layer.Horizontal.Add(sum, source, starts);
                Lanes.Gate(sum, gated, layer.Features);
                var mixed = shares.AsSpan(0, layer.Mix.Outputs);
                Fill(layer.Mix.Bias, mixed);
                layer.Mix.Add(mixed, gated, [0]);
                var target = horizontal[l].AsSpan(column * layer.Features, layer.Features);
                if (layer.IsResidual) for (var f = 0; f < layer.Features; f++) target[f] = mixed[f] + horizontal[l - 1][column * layer.Features + f];
                else mixed[..layer.Features].CopyTo(target);
            }
            var last = sampler.layers[^1].Features;
            horizontal[^1].AsSpan(column * last, last).CopyTo(gated);
            for (var i = 0; i < sampler.tops.Length; i++)
            {
                var sum = sums.AsSpan(0, sampler.tops[i].Outputs);
                Fill(sampler.tops[i].Bias, sum);
                sampler.tops[i].Add(sum, gated, [0]);
                if (i < sampler.tops.Length - 1) Lanes.Gate(sum, gated, last);
            }
            return sums.AsSpan(0, sampler.outputs);
        }

        private static void Fill(T[] bias, Span<Vector<T>> sum)
        {
            for (var o = 0; o < sum.Length; o++) sum[o] = new Vector<T>(bias[o]);
        }

        // The likelihood's own draw, for every picture of the chunk.
        private void Choose(ReadOnlySpan<Vector<T>> numbers, int row, int column, int channel)
        {
            var area = sampler.height * sampler.width;
            var place = row * sampler.width + column;
            if (sampler.model.Likelihood.IsCoins)
            {
                for (var c = Math.Max(0, channel); c <= (channel < 0 ? sampler.channels - 1 : channel); c++)
                    for (var b = 0; b < lanes; b++)
                        pictures[((first + b) * sampler.channels + c) * area + place] = uniforms[((first + b) * sampler.channels + c) * area + place] < T.One / (T.One + T.Exp(-numbers[c][b])) ? T.One : T.Zero;
                return;
            }
            using var scope = NewDisposeScope();
            using var _ = inference_mode();
            var draws = (int)sampler.model.Likelihood.Uniforms;
            var said = new T[lanes * sampler.outputs];
            var chance = new T[lanes * draws];
            for (var b = 0; b < lanes; b++)
            {
                for (var p = 0; p < sampler.outputs; p++) said[b * sampler.outputs + p] = numbers[p][b];
                for (var d = 0; d < draws; d++) chance[b * draws + d] = uniforms[((first + b) * draws + d) * area + place];
            }
            var drawn = sampler.model.Likelihood.Draw(ToTensor(said, lanes, sampler.outputs, 1, 1), ToTensor(chance, lanes, draws, 1, 1)).contiguous().data<T>().ToArray();   // [lanes, C]
            for (var b = 0; b < lanes; b++)
                for (var c = Math.Max(0, channel); c <= (channel < 0 ? sampler.channels - 1 : channel); c++)
                    pictures[((first + b) * sampler.channels + c) * area + place] = drawn[b * sampler.channels + c];
        }

        // A drawn (or known) value, as the network sees it.
        private void Show(int row, int column, int channel)
        {
            Span<T> lane = stackalloc T[Vector<T>.Count];
            lane.Clear();
            for (var b = 0; b < lanes; b++) lane[b] = pictures[((first + b) * sampler.channels + channel) * sampler.height * sampler.width + row * sampler.width + column];
            picture[(row * sampler.width + column) * (sampler.channels + 1) + channel] = new Vector<T>(lane) * T.CreateChecked(2) - Vector<T>.One;
        }
    }
}
