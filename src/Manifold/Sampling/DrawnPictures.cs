using System.Numerics;
using System.Runtime.ExceptionServices;
using Manifold.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Sampling;

/// <summary>Pictures that are being drawn, a picture in each lane of a vector, the cores sharing them: what the samplers by hand have in common.</summary>
/// <typeparam name="V">The vectors.</typeparam>
/// <typeparam name="T">float; double to compare with.</typeparam>
internal sealed class DrawnPictures<V, T> where V : struct, ILanes<V, T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    private readonly IAutoregressive model;
    private readonly T[] uniforms;                   // [N, U, H, W]
    private readonly T[] pictures;                   // [N, C, H, W] in [0, 1]
    private readonly bool[]? kept;                   // [H, W]
    private readonly Drawing how;
    private readonly int count, channels, height, width, chances;

    private DrawnPictures(IAutoregressive model, Tensor u, Drawing how)
    {
        (this.model, this.how, count) = (model, how, (int)u.shape[0]);
        (channels, height, width, chances) = (model.Shape.Channels, model.Shape.Height, model.Shape.Width, (int)model.Likelihood.Uniforms);
        (uniforms, kept) = (Numbers(u)!, how.KeptPlaces(model.Shape));
        pictures = how.Known is null ? new T[count * channels * height * width] : Numbers(how.Known)!;
    }

    /// <summary>Some of the pictures, as many as a vector has lanes, or fewer.</summary>
    /// <param name="StepIsDone">To be called <paramref name="Steps"/> times.</param>
    internal sealed record Chunk(DrawnPictures<V, T> All, int First, int Lanes, Action StepIsDone)
    {
        private double[] several = [];
        private readonly double[] said = new double[All.model.Likelihood.Outputs], chance = new double[All.chances], drawn = new double[All.channels];

        /// <summary>The likelihood's own draw of channels of a pixel, unless the pixel is known.</summary>
        /// <param name="numbers">What the network says of the pixel, [P], or what several say whose mean counts, [M, P].</param>
        public void Choose(ReadOnlySpan<V> numbers, int row, int column, int fromChannel, int toChannel)
        {
            var (area, place) = (All.height * All.width, row * All.width + column);
            if (All.kept?[place] == true) return;
            for (var b = 0; b < Lanes; b++)
            {
                if (numbers.Length == said.Length) for (var p = 0; p < said.Length; p++) said[p] = double.CreateChecked(numbers[p][b]);
                else
                {
                    if (several.Length != numbers.Length) several = new double[numbers.Length];
                    for (var p = 0; p < several.Length; p++) several[p] = double.CreateChecked(numbers[p][b]);
                    All.model.Likelihood.Average(several, said);
                }
                for (var d = 0; d < chance.Length; d++) chance[d] = double.CreateChecked(All.uniforms[((First + b) * chance.Length + d) * area + place]);
                All.model.Likelihood.Draw(said, chance, drawn, All.how.Temperature);
                for (var c = fromChannel; c < toChannel; c++) All.pictures[((First + b) * All.channels + c) * area + place] = T.CreateChecked(drawn[c]);
            }
        }

        /// <summary>A value that is drawn or known, as a network sees it, on [-1, 1].</summary>
        public V Shown(int channel, int row, int column)
        {
            Span<T> lane = stackalloc T[V.Count];
            lane.Clear();
            for (var b = 0; b < Lanes; b++) lane[b] = All.pictures[((First + b) * All.channels + channel) * All.height * All.width + row * All.width + column];
            return V.Of((ReadOnlySpan<T>)lane) * V.Of(T.CreateChecked(2)) - V.Of(T.One);
        }

        /// <summary>A number for every picture of the chunk, its row in <paramref name="given"/>: [pictures, size], or one row for all.</summary>
        public V Given(T[] given, int size, int index)
        {
            Span<T> lane = stackalloc T[V.Count];
            lane.Clear();
            for (var b = 0; b < Lanes; b++) lane[b] = given[(First + b) * size % given.Length + index];
            return V.Of((ReadOnlySpan<T>)lane);
        }
    }

    /// <summary>Draws all pictures, chunk by chunk.</summary>
    /// <param name="steps">Of each chunk, for the progress.</param>
    public static Tensor Draw(IAutoregressive model, Tensor u, Drawing how, int steps, Action<Chunk> draw)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var all = new DrawnPictures<V, T>(model, u, how);
        var chunks = (all.count + V.Count - 1) / V.Count;
        var done = 0;
        void Report() => how.Progress?.Invoke(new(Interlocked.Increment(ref done) / (double)(chunks * steps), all.ToTensor));
        try
        {
            Parallel.For(0, chunks, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, get_num_threads()) }, chunk =>
                draw(new Chunk(all, chunk * V.Count, Math.Min(V.Count, all.count - chunk * V.Count), Report)));
        }
        catch (AggregateException several)
        {
            ExceptionDispatchInfo.Throw(several.InnerExceptions[0]);   // what the progress threw to stop
        }
        return all.ToTensor().to(u.device).to_type(u.dtype).MoveToOuterDisposeScope();
    }

    private Tensor ToTensor()
    {
        long[] shape = [count, channels, height, width];
        return pictures is float[] floats ? tensor(floats, shape) : tensor((double[])(object)pictures, shape);
    }

    /// <summary>A tensor's numbers, row by row.</summary>
    public static T[]? Numbers(Tensor? x) => x?.detach().to_type(typeof(T) == typeof(float) ? ScalarType.Float32 : ScalarType.Float64).cpu().contiguous().data<T>().ToArray();
}
