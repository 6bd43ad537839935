using System.Globalization;

namespace Manifold.Data;

/// <summary>
/// NumPy's files: .npy, one array, and .npz, a zip of them. Nothing in them is run; arrays of objects are refused.
/// </summary>
/// <remarks>The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1 to 3.</remarks>
public static class Npy
{
    private const double HalfStep = 0.5 / 255;       // a fraction that is so far out of 0 to 1 still rounds to black or white
    private const int Chunk = 1 << 13, MnistDims = 28 * 28;

    public static bool IsFile(string path) =>
        path.EndsWith(".npy", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase);

    /// <summary>Pictures of one file, with their labels and other splits if it names them in a customary way.</summary>
    /// <remarks>
    /// Of an .npz: x_train, y_train, x_val, y_val, x_test, y_test; or train_images, train_labels and so on; or images (or x,
    /// imgs, data,
    /// arr_0) and labels (or y, arr_1), in any letter case; other arrays are not read. Beside an .npy: the file whose name has
    /// labels for images.
    /// Pictures are [N, H, W], [N, H, W, 1 or 3], [N, 1 or 3, H, W], or [N, H H]. Numbers are whole from 0 to 255, or fractions
    /// from 0 to 1.
    /// Whole numbers that are nothing but 0 and 1 are black and white.
    /// </remarks>
    /// <param name="size">Pictures are cropped and resized to this; as they are if null.</param>
    /// <param name="held">Bytes of another split of the set.</param>
    /// <exception cref="DataException">The file is broken, holds no such array, or holds too much.</exception>
    internal static SplitSources Open(string path, int? size = null, long held = 0)
    {
        using var file = new NpyFile(path);
        SplitNames.ExpectOneDomain(path, [.. file.Names]);
        SplitArrays? OfSplit(SplitKind kind) => Arrays(file, kind, [], []);
        SplitArrays? validation = OfSplit(SplitKind.Validation), test = OfSplit(SplitKind.Test);
        var train = Arrays(file, SplitKind.Train, pictureNames, labelNames);
        var isOther = train is null && (validation is null) != (test is null);
        IReadOnlyList<string> notes = isOther ? [TrainedOn(validation is null ? "test" : "validation")] : [];
        if (isOther) (train, validation, test) = (validation ?? test, null, null);
        if (train is null)
            throw new DataException(
                $"{path} holds {string.Join(", ", file.Names)}; pictures need the name x_train, train_images, images, x, data or arr_0.");
        var labelFile = train.Labels is null && LabelsOf(path) is { } other ? new NpyFile(other) : null;
        using var beside = labelFile;
        if (beside is not null) train = train with { Labels = beside.First() };
        SplitArrays?[] splits = [train, validation, test];

        return file.Reading(() =>
        {
            var pictures = new Pictures?[splits.Length];
            for (var i = 0; i < splits.Length; i++)
            {
                if (splits[i] is not { } split) continue;
                pictures[i] = Check(split.Pictures, split.Labels, size, held);
                held += pictures[i]!.Need;
            }
            var (scale, isStretched) = Scale(path, [.. splits.OfType<SplitArrays>().Select(split => split.Pictures)]);
            var note = isStretched ? Idx.BlackAndWhite(path) : null;
            MemorySource? Read(int i) => pictures[i] is { } some
                ? Source(path, some, splits[i]!.Labels, size, scale, i == 0 && beside is not null ? beside : file, note) : null;
            return new SplitSources(Read(0)!, Read(1), Read(2)) { Notes = notes, LeftOut = NotRead(file, splits) };
        });
    }

    private static string TrainedOn(string split) =>
        $"it has no training arrays, so its {split} arrays are trained on: nine tenths train, a tenth validation, no test.";

    private static readonly string[] labelNames = ["labels", "label", "y", "targets", "arr_1"];
    private static readonly string[] pictureNames = ["images", "image", "imgs", "x", "data", "pictures", "arr_0"];
    private static readonly HashSet<string> pictureWords = ["x", "images", "image", "imgs", "img", "data", "pictures"];
    private static readonly HashSet<string> labelWords = ["y", "labels", "label", "targets", "target"];

    private sealed record SplitArrays(NpyArray Pictures, NpyArray? Labels);

    private static SplitArrays? Arrays(NpyFile file, SplitKind kind, string[] names, string[] labels) =>
        (file.FindSplit(kind, pictureWords) ?? file.Find(names)) is { } pictures
            ? new SplitArrays(pictures, file.FindSplit(kind, labelWords) ?? file.Find(labels)) : null;

    // By their names alone: what says pictures or a split, and arrays that were saved without a name. Labels are not missed.
    private static IReadOnlyList<LeftOut> NotRead(NpyFile file, SplitArrays?[] splits)
    {
        var read = splits.OfType<SplitArrays>().SelectMany(split => new[] { split.Pictures.Name, split.Labels?.Name }).ToHashSet();
        bool MayBePictures(string name) => SplitNames.Words(name) is var words && !words.Any(labelWords.Contains)
            && (words.Any(pictureWords.Contains) || words is ["arr"] || SplitNames.Of(name) is not null);
        var others = file.Names.Where(name => !read.Contains(name) && MayBePictures(name)).ToList();
        return others.Count == 0 ? [] : [new LeftOut(LeftOutCounts.OtherArrays, others.Count, others[0])];
    }

    /// <param name="Shape">As in the file.</param>
    /// <param name="IsLast">Whether the channels are the last axis.</param>
    /// <param name="Need">Bytes once they are resized.</param>
    private sealed record Pictures(NpyArray Array, int Count, PictureShape Shape, bool IsLast, long Need);

    // Everything that the header tells, before a number is read.
    private static Pictures Check(NpyArray pictures, NpyArray? labels, int? size, long held)
    {
        var s = pictures.Shape;
        if (s.Length is < 2 or > 4) throw WrongShape(pictures);
        if (pictures.Count == 0) throw new DataException($"{Named(pictures)}; there is no picture in it.");
        if (labels is not null && (labels.Shape.Length == 0 || labels.Shape[0] != s[0] || labels.Count != s[0]))
            throw new DataException($"{Named(labels)}; {pictures.Name} has {s[0]} pictures and needs as many labels.");
        if (labels is null) ExpectSeveral(pictures);

        var square = s.Length == 2 ? (int)Math.Round(Math.Sqrt(s[1])) : 0;
        var (shape, isLast) = s switch
        {
            [_, var h, var w] => (DecodedLimit.Declared(pictures.Path, 1, h, w), false),
            [_, var h, var w, 1 or 3] => (DecodedLimit.Declared(pictures.Path, s[3], h, w), true),
            [_, 1 or 3, var h, var w] => (DecodedLimit.Declared(pictures.Path, s[1], h, w), false),
            [_, _] when (long)square * square == s[1] => (DecodedLimit.Declared(pictures.Path, 1, square, square), false),
            _ => throw WrongShape(pictures),
        };
        var target = DecodedLimit.Resized(shape, size);
        DecodedLimit.Check(pictures.Path, s[0], target, held);
        return new Pictures(pictures, s[0], shape, isLast, (long)s[0] * target.Dims);
    }

    private static DataException WrongShape(NpyArray pictures) =>
        new($"{Named(pictures)}; pictures need [N, H, W], [N, H, W, 1 or 3], [N, 1 or 3, H, W] or [N, H H].");

    // Without labels, nothing says whether the first axis counts pictures or rows.
    private static void ExpectSeveral(NpyArray pictures)
    {
        var isOne = pictures.Shape switch
        {
            [var rows, var columns] => columns != MnistDims && rows <= 2L * columns && columns <= 2L * rows,
            [_, > 4, 1 or 3 or 4] => true,
            _ => false,
        };
        if (!isOne) return;
        var (s, n) = (pictures.Shape, pictures.Shape[0]);
        var side = (int)Math.Sqrt(s[1]);
        var asMany = s.Length == 3 ? $"[{n}, {s[1]}, {s[2]}, 1]" : side * side == s[1] ? $"[{n}, {side}, {side}]" : "[N, H, W]";
        throw new DataException(
            $"{Named(pictures)}, which may be one picture of {n} rows or {n} pictures. "
            + $"Save {n} pictures as {asMany}, or labels beside them; one picture is no set.");
    }

    // One scale for all splits, because a split may have no bright picture by chance.
    private static (double Scale, bool IsStretched) Scale(string path, IReadOnlyList<NpyArray> arrays)
    {
        double least = double.PositiveInfinity, largest = double.NegativeInfinity;
        bool isWhole = true, hasNaN = false;
        foreach (var array in arrays)
            array.Read(numbers =>
            {
                foreach (var number in numbers.Span)
                {
                    least = Math.Min(least, number);
                    largest = Math.Max(largest, number);
                    isWhole &= number == Math.Round(number);
                    hasNaN |= double.IsNaN(number);
                }
            });

        if (hasNaN)
            throw new DataException(
                $"{path}: {arrays[0].Name} has NaN among its numbers; {Need} Save it again with numpy.nan_to_num.");
        if (arrays.All(array => array.IsOfFractions) && least >= -HalfStep && largest <= 1 + HalfStep) return (255, false);
        if (isWhole && least >= 0 && largest <= 255) return largest <= 1 ? (255, largest == 1) : (1, false);
        var range = string.Create(CultureInfo.InvariantCulture, $"goes from {least:G7} to {largest:G7}");
        throw new DataException($"{path}: {arrays[0].Name} {range}; {Need} {WayOut(least, largest)}");
    }

    private const string Need = "pictures need whole numbers from 0 to 255, or fractions from 0 to 1.";

    private static string WayOut(double least, double largest) => (least, largest) switch
    {
        ( >= -0.5, <= 1.5) => "Save it again with numpy.clip(x, 0, 1).",
        ( >= -1.5, <= 1.5) => "If -1 is black, save (x + 1) / 2.",
        ( >= 0, <= 255) => "Save it again with numpy.round.",
        _ => "Scale it to one of them and save it again.",
    };

    private static MemorySource Source(
        string path, Pictures pictures, NpyArray? labels, int? size, double scale, NpyFile labelFile, string? note)
    {
        var numbers = labels is null ? null : labelFile.Reading(() => Labels(path, labels, pictures.Count));
        using var file = pictures.Array.Stream();
        var (values, buffer) = (new double[Chunk], new byte[Chunk * pictures.Array.Bytes]);
        var (area, channels) = (pictures.Shape.Height * pictures.Shape.Width, pictures.Shape.Channels);
        int Place(int i) => pictures.IsLast ? i % channels * area + i / channels : i;
        var (pixels, _) = StreamedPictures.Read(pictures.Count, pictures.Shape, size, picture =>
        {
            if (pictures.Array.IsOfBytes && scale == 1 && !(pictures.IsLast && pictures.Shape.Channels == 3))
            {
                file.ReadExactly(picture);
                return;
            }
            for (var at = 0; at < picture.Length; at += Chunk)
            {
                var some = values.AsSpan(0, Math.Min(Chunk, picture.Length - at));
                pictures.Array.Read(file, some, buffer);
                for (var i = 0; i < some.Length; i++)
                    picture[Place(at + i)] = (byte)Math.Clamp(Math.Round(some[i] * scale), 0, 255);
            }
        });
        return new MemorySource(path, DecodedLimit.Resized(pictures.Shape, size), pixels, numbers) { Note = note };
    }

    private static int[] Labels(string path, NpyArray labels, int count)
    {
        var all = new int[count];
        var at = 0;
        labels.Read(numbers =>
        {
            foreach (var number in numbers.Span)
                all[at++] = number is >= 0 and < 100_000 && number == Math.Round(number) ? (int)number
                    : throw new DataException($"{path}: {labels.Name} has {number}; a label is a whole number from 0 up.");
        });
        return all;
    }

    private static string Named(NpyArray array) => $"{array.Path}: {array.Name} has shape [{string.Join(", ", array.Shape)}]";

    /// <summary>
    /// The file beside this one that holds its labels, in any letter case, or null: train-labels for train-images, y_train for
    /// x_train, train_labels for train.
    /// </summary>
    /// <exception cref="DataException">Several files may hold them.</exception>
    internal static string? LabelsOf(string path)
    {
        var name = Path.GetFileName(path);
        if (!IsFile(path) || SplitNames.Words(name).Any(labelWords.Contains)) return null;
        var labels = name.Replace("images", "labels", StringComparison.OrdinalIgnoreCase)
            .Replace("imgs", "labels", StringComparison.OrdinalIgnoreCase);
        return (labels != name ? Beside.Find(path, labels, ".npy", ".npz") : null) ?? NamedLabelsOf(path);
    }

    // By the words of the names: those of the labels' file are the same, but for what says labels and what says pictures.
    private static string? NamedLabelsOf(string path)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(folder)) return null;
        var subject = SubjectOf(path);
        var found = Directory.EnumerateFiles(folder).Select(file => Path.GetFileName(file))
            .Where(file => IsFile(file) && SplitNames.Words(file).Any(labelWords.Contains) && SubjectOf(file) == subject)
            .Order(StringComparer.Ordinal).ToList();
        if (found.Count > 1)
            throw new DataException(
                $"{path} has {string.Join(", ", found)} beside it, which may each hold its labels. Move away all but the one that does.");
        if (found.Count == 0) return null;
        FolderWalk.ExpectWithinFolder(Path.Combine(folder, found[0]));
        return Path.Combine(Path.GetDirectoryName(path) ?? "", found[0]);
    }

    // "train" of x_train.npy, train_labels.npy and train.npy; digits tell files apart too.
    private static string SubjectOf(string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        var words = SplitNames.Words(name).Where(word => !pictureWords.Contains(word) && !labelWords.Contains(word));
        return string.Join(' ', words.Order(StringComparer.Ordinal)) + ' ' + string.Concat(name.Where(char.IsDigit));
    }
}
