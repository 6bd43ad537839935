using Manifold.Engine;

namespace Manifold.Data;

/// <summary>
/// Decodes picture files to one shape: headers first, then each picture to its place in memory that is taken once.
/// </summary>
/// <remarks>With few threads or many, pictures under way hold no more than <see cref="LargestUnderWay"/> together.</remarks>
internal sealed class DecodedPictures
{
    private const long LargestUnderWay = 1L << 29, CollectAfter = 1L << 27;
    private const int LargeObject = 85_000;       // bytes; what is smaller is collected often anyway

    private readonly string path;
    private readonly IReadOnlyList<EncodedPicture> files;
    private readonly DataSettings settings;
    private readonly PictureShape?[] shapes;      // of each file; null where it cannot be read
    private readonly long[] lengths;              // bytes of each file
    private long letGo;                           // bytes of large files since the last collection
    private readonly MemoryBudget budget = new(LargestUnderWay);

    /// <summary>Reads the headers of files.</summary>
    /// <exception cref="DataException">A picture cannot be read (unless it may be skipped), they are of several sizes and none
    /// was asked for, or they take too much.</exception>
    public DecodedPictures(string path, IReadOnlyList<EncodedPicture> files, DataSettings settings)
    {
        (this.path, this.files, this.settings, shapes) = (path, files, settings, new PictureShape?[files.Count]);
        lengths = new long[files.Count];
        ForEach(i => shapes[i] = budget.Within(PictureFiles.LargestFile, () => Header(i)));
        Shape = OneShape();
        DecodedLimit.Check(path, shapes.Count(shape => shape is not null), Shape);
    }

    /// <summary>The shape of every picture, once resized: in colour if one is.</summary>
    public PictureShape Shape { get; }

    /// <summary>Decodes some of the files.</summary>
    /// <param name="scale">By which values are multiplied before they are resized.</param>
    /// <returns>Which files could be read, their pictures, and the largest value in the files.</returns>
    public (IReadOnlyList<int> Kept, byte[] Pixels, byte Largest) Decode(int start, int count, byte scale = 1)
    {
        var members = Enumerable.Range(start, count).Where(i => shapes[i] is not null).ToList();
        var pixels = new byte[(long)members.Count * Shape.Dims];
        var largest = new byte[members.Count];
        ForEach(k =>
        {
            var (i, shape) = (members[k], shapes[members[k]]!.Value);
            budget.Within(lengths[i] + (long)shape.Height * shape.Width * PictureFile.DecodingBytes, () =>
            {
                largest[k] = PictureFile.Decode(BytesOf(i), NameOf(i), shape, settings.Size, pixels.AsSpan(k * Shape.Dims, Shape.Dims), scale);
                return true;
            });
        }, members.Count, k => shapes[members[k]] = null);

        var kept = Enumerable.Range(0, members.Count).Where(k => shapes[members[k]] is not null).ToList();
        if (kept.Count == members.Count) return (members, pixels, largest.DefaultIfEmpty().Max());
        for (var k = 0; k < kept.Count; k++) pixels.AsSpan(kept[k] * Shape.Dims, Shape.Dims).CopyTo(pixels.AsSpan(k * Shape.Dims));
        Array.Resize(ref pixels, kept.Count * Shape.Dims);
        return ([.. kept.Select(k => members[k])], pixels, kept.Select(k => largest[k]).DefaultIfEmpty().Max());
    }

    /// <summary>Files that could not be read; all of them only once everything is decoded.</summary>
    public IReadOnlyList<int> Skipped => [.. Enumerable.Range(0, shapes.Length).Where(i => shapes[i] is null)];

    private PictureShape Header(int index)
    {
        var bytes = BytesOf(index);
        lengths[index] = bytes.Length;
        return PictureFile.Shape(bytes, NameOf(index));
    }

    // While memory is free the collector lets large arrays lie, gigabytes of them.
    private byte[] BytesOf(int index)
    {
        var bytes = files[index].Bytes();
        if (bytes.Length < LargeObject || Interlocked.Add(ref letGo, bytes.Length) < CollectAfter) return bytes;
        Interlocked.Exchange(ref letGo, 0);
        GC.Collect();
        return bytes;
    }

    private string NameOf(int index) => $"{path}/{files[index].Path}";

    private void ForEach(Action<int> read) => ForEach(read, files.Count, _ => { });

    // Of several pictures that cannot be read, the first is named, whatever the threads.
    private void ForEach(Action<int> read, int count, Action<int> skip)
    {
        var errors = new DataException?[count];
        Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = Machine.DecodingThreads }, (i, loop) =>
        {
            try
            {
                read(i);
            }
            catch (DataException e)
            {
                errors[i] = e;
                skip(i);
                if (!settings.SkipBad) loop.Break();
            }
        });
        if (!settings.SkipBad && errors.FirstOrDefault(error => error is not null) is { } first)
            throw new DataException($"{first.Message} With `train --skip-bad` such pictures are left out.", first);
    }

    // Grey among colours becomes colour; sizes must agree.
    private PictureShape OneShape()
    {
        var known = Enumerable.Range(0, files.Count).Where(i => shapes[i] is not null).ToList();
        if (known.Count == 0) throw new DataException($"{path}: none of its {files.Count} pictures can be read.");
        var first = shapes[known[0]]!.Value;
        var shape = DecodedLimit.Resized(first with { Channels = known.Max(i => shapes[i]!.Value.Channels) }, settings.Size);
        bool Differs(int i) => (shapes[i]!.Value.Height, shapes[i]!.Value.Width) != (first.Height, first.Width);
        var other = settings.Size is null ? known.FindIndex(Differs) : -1;
        return other < 0 ? shape : throw SeveralSizes(known[0], known[other]);
    }

    private DataException SeveralSizes(int one, int other)
    {
        string Said(int i) => $"{files[i].Path} is {shapes[i]!.Value.Height}x{shapes[i]!.Value.Width}";
        return new DataException(
            $"{path} has pictures of several sizes: {Said(one)}, {Said(other)}. Bring them to one with --set data.size=64.");
    }
}
