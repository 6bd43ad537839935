using Manifold.Engine;
using Manifold.Layers;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Sampling;

/// <summary>What <see cref="CausalSampler{T}"/> does, by libtorch's operations: for devices other than the CPU.</summary>
public static class TorchSampler
{
    /// <summary>Arguments as of <see cref="Ancestral.Draw"/>; the model and <paramref name="u"/> on one device.</summary>
    public static Tensor Draw(ICausalNet model, Tensor u, Drawing? how = null)
    {
        how ??= new Drawing();
        using var scope = NewDisposeScope();
        using var _ = inference_mode();
        var (count, shape) = (u.ExpectShape([-1, model.Likelihood.Uniforms, model.Shape.Height, model.Shape.Width]).shape[0], model.Shape);
        if (model is nn.Module network && network.parameters().FirstOrDefault() is { } weight) u.ExpectType([weight.dtype]);
        var kept = how.KeptPlaces(shape);
        var x = how.Known is null ? zeros([count, shape.Channels, shape.Height, shape.Width], u.dtype, u.device) : how.Known.ExpectShape([count, shape.Channels, shape.Height, shape.Width]).to_type(u.dtype).clone();
        var net = new Net(model.Graph(how.Condition, how.Map), shape.Height, shape.Width, u);
        var steps = model.Order.Count / (shape.Height * shape.Width);
        for (var row = 0; row < shape.Height; row++)
        {
            net.Row(row);
            for (var column = 0; column < shape.Width; column++)
                for (var step = 0; step < steps; step++)
                {
                    using var inner = NewDisposeScope();
                    Tensor At(Tensor maps) => maps.narrow(2, row, 1).narrow(3, column, 1);
                    net.Pixel(row, column);
                    var (from, size) = steps == 1 ? (0, shape.Channels) : (step, 1);
                    if (kept?[row * shape.Width + column] != true)
                        At(x).narrow(1, from, size).copy_(model.Likelihood.Draw(net.Said(row, column), At(u), how.Temperature).narrow(1, from, size));
                    net.Show(row, column, from, At(x).narrow(1, from, size).flatten(1));
                }
            how.Progress?.Invoke(new((row + 1.0) / shape.Height, () => x.clone()));
        }
        return x.MoveToOuterDisposeScope();
    }

    private sealed class Net
    {
        private sealed record Packed(Tensor Weight, IReadOnlyList<(int Row, int Column)> At);                      // [taps * in, out]

        private readonly CausalGraph graph;
        private readonly Dictionary<CausalNode, Tensor> maps = [];                                                 // [pad + H + pad, pad + W + pad, B, F], zeros around
        private readonly Dictionary<CausalSum, Packed[]> weights = new(ReferenceEqualityComparer.Instance);
        private readonly Dictionary<CausalNode, (Tensor Bias, Tensor? Given)> starts = [];
        private readonly int height, width, pad;

        public Net(CausalGraph graph, int height, int width, Tensor like)
        {
            (this.graph, this.height, this.width) = (graph, height, width);
            foreach (var node in graph.Nodes)
            {
                foreach (var sum in node.Convolutions)
                {
                    weights[sum] = [.. sum.Through.Taps().Select(taps => new Packed(taps.Weight.permute(2, 1, 0).flatten(0, 1).contiguous(), [.. taps.At.Select(at => (at.Row + sum.RowShift, at.Column + sum.ColumnShift))]))];
                    pad = Math.Max(pad, weights[sum].SelectMany(packed => packed.At).Max(at => Math.Max(Math.Abs(at.Row), Math.Abs(at.Column))) + 1);
                }
                var bias = node.Convolutions.Select(sum => sum.Through.Bias).Aggregate((Tensor?)null, (a, b) => a is null ? b : a + b) ?? zeros([node.Sums], like.dtype, like.device);
                starts[node] = (bias, node.Given?.permute(2, 3, 0, 1));                                            // [H or 1, W or 1, B, S]
            }
            foreach (var node in graph.Nodes.Prepend(graph.Picture))
                maps[node] = zeros([2 * pad + Size(height, node), 2 * pad + Size(width, node), like.shape[0], node.Features], like.dtype, like.device);
            var inside = maps[graph.Picture].narrow(0, pad, height).narrow(1, pad, width);
            inside.fill_(-1);                                                                                      // black
            inside.narrow(3, graph.Picture.Features - 1, 1).fill_(1);
        }

        private static int Size(int whole, CausalNode node) => (whole - 1) / node.Stride + 1;

        public void Row(int row)
        {
            using var scope = NewDisposeScope();
            foreach (var node in graph.Nodes)
                if (node.Clock == Clock.Row && row % node.Stride == 0) Compute(node, row / node.Stride, 0, Size(width, node));
        }

        public void Pixel(int row, int column)
        {
            foreach (var node in graph.Nodes)
                if (node.Clock == Clock.Pixel && row % node.Stride == 0 && column % node.Stride == 0) Compute(node, row / node.Stride, column / node.Stride, 1);
        }

        /// <summary>[B, P, 1, 1].</summary>
        public Tensor Said(int row, int column) => maps[graph.Nodes[^1]][row + pad, column + pad].unsqueeze(2).unsqueeze(3);

        public void Show(int row, int column, int channel, Tensor values) =>
            maps[graph.Picture][row + pad, column + pad].narrow(1, channel, values.shape[1]).copy_(2 * values - 1);   // [B, c]

        // Places (row, column) to (row, column + count - 1) of a map.
        private void Compute(CausalNode node, int row, int column, int count)
        {
            if (row < node.First.Row || column < node.First.Column) return;                                        // zeros already
            var (bias, given) = starts[node];
            var sums = bias.expand(count, maps[node].shape[2], -1);                                                // [n, B, S]
            if (given is not null) sums = sums + (given.shape[1] == 1 ? given[0] : given[row].narrow(0, column, count));
            foreach (var part in node.Convolutions) sums = sums + Convolved(part, row, column, count);
            foreach (var add in node.Adds) sums = sums + maps[add][row + pad].narrow(0, column + pad, count);
            maps[node][row + pad].narrow(0, column + pad, count).copy_(Endings.Of(node.Ending, sums, axis: 2));
        }

        private Tensor Convolved(CausalSum part, int row, int column, int count)
        {
            var (up, down) = (part.Through.Up, part.Through.Down);
            Tensor Phase(int column, int places)                                                                   // every up-th place from this column on
            {
                var packed = weights[part][row % up * up + column % up];
                var left = column * down / up + pad;
                return cat([.. packed.At.Select(at => maps[part.From][row * down / up + at.Row + pad].slice(0, left + at.Column, left + at.Column + (places - 1) * down + 1, down))], 2).matmul(packed.Weight);
            }
            if (up == 1 || count == 1) return Phase(column, count);
            var all = zeros([count, maps[part.From].shape[2], part.Through.Bias.shape[0]], maps[part.From].dtype, maps[part.From].device);
            for (var phase = 0; phase < Math.Min(up, count); phase++) all.slice(0, phase, count, up).copy_(Phase(phase, (count - phase + up - 1) / up));
            return all;
        }
    }
}
