namespace Manifold.Data;

/// <summary>Reads a set from a path: recognizes what lies there, and sorts it to splits by <see cref="SplitNames"/>.</summary>
internal static class SetReader
{
    /// <summary>Whether there is a file or folder of that path.</summary>
    public static bool IsPath(string set) => File.Exists(set) || Directory.Exists(set);

    /// <exception cref="DataException">It is no set, or it is broken; the message names it, what it has, and the way out.</exception>
    public static SplitSources Read(string path, DataSettings settings) => Directory.Exists(path) ? OfFolder(path, settings) : OfFile(path, settings);

    /// <summary>Whether a folder holds anything that can be read.</summary>
    public static bool CanRead(string folder)
    {
        try { return FolderWalk.Files(folder, new LeftOutCounts()).Any(file => IsData(file) || PictureFile.IsPicture(file)); }
        catch (DataException) { return true; }       // to open it says why it cannot be read
    }

    private static SplitSources OfFile(string path, DataSettings settings)
    {
        FolderWalk.ExpectRegular(path);
        if (PictureFile.IsPicture(path)) throw new DataException($"{path} is one picture, and a set is of many: give the folder that it lies in.");
        if (OtherFormats.Of(path) is { } other) throw other.Refused(path);
        if (PictureFiles.IsArchive(path)) return PictureFiles.Open(path, settings);
        var name = Path.GetFileName(path);
        var found = Npy.IsFile(path) ? OfArrays([(path, SplitKind.Train)], settings)
            : ParquetPictures.IsFile(path) ? OfTables([(path, SplitKind.Train)], settings)
            : Cifar.IsFile(path) ? new SplitSources(Cifar.Open([path], settings.Size))
            : new SplitSources(Idx.Pictures(path, settings.Size));
        return Finished(found with { TrainFrom = name }, [name], found.LeftOut);
    }

    private static SplitSources OfFolder(string folder, DataSettings settings)
    {
        var left = new LeftOutCounts();
        List<string> all = [.. FolderWalk.Files(folder, left)], top = [.. all.Where(file => !Path.GetRelativePath(folder, file).Contains(Path.DirectorySeparatorChar))];
        var (files, isTable) = DataFiles(folder, all, top, left);
        if (files.Count == 0) return PictureFiles.Open(folder, settings);
        if (PictureFiles.IsArchive(files[0])) return BesideArchive(folder, files, all, left, settings);

        string Below(string file) => Path.GetRelativePath(folder, file).Replace('\\', '/');
        var kinds = SplitNames.OfFiles(folder, [.. files.Select(Below)], canBeJoined: isTable || Cifar.IsFile(files[0]));
        var sorted = files.Select(file => (File: file, Kind: kinds[Below(file)])).ToList();
        string From(SplitKind kind) => string.Join(", ", sorted.Where(pair => pair.Kind == kind).Select(pair => Below(pair.File)));
        var found = isTable ? OfTables(sorted, settings)
            : Npy.IsFile(files[0]) ? OfArrays(sorted, settings) : Cifar.IsFile(files[0]) ? OfBinaries(sorted, settings) : OfIdx(sorted, settings);

        Beside(folder, all, [.. files, .. files.Select(LabelsOf).OfType<string>()], left);
        found = found with { TrainFrom = From(SplitKind.Train), ValidationFrom = From(SplitKind.Validation), TestFrom = From(SplitKind.Test) };
        foreach (var entry in found.LeftOut) left.Add(entry);
        return Finished(found, [.. files.Select(Below)], left.All);
    }

    /// <summary>The data files of a folder that a set is read from, all of one format; none where it is of pictures.</summary>
    private static (List<string> Files, bool IsTable) DataFiles(string folder, List<string> all, List<string> top, LeftOutCounts left)
    {
        if (WithoutTwins([.. top.Where(Idx.IsPictures)], left) is { Count: > 0 } idx) return (idx, false);
        if (top.Where(PictureFiles.IsArchive).ToList() is { Count: > 0 } archives) return (archives, false);
        if (WithoutTwins([.. top.Where(Cifar.IsFile)], left) is { Count: > 0 } binaries) return (binaries, false);
        if (Arrays([.. top.Where(Npy.IsFile)]) is { Count: > 0 } arrays) return (arrays, false);
        if (all.Where(ParquetPictures.IsFile).ToList() is { Count: > 0 } tables) return (tables, true);
        if (!all.Any(PictureFile.IsPicture) && top.Select(OtherFormats.Of).FirstOrDefault(other => other is not null) is { } known)
            throw known.Refused(top.First(file => OtherFormats.Of(file) is not null));
        return ([], false);
    }

    private static SplitSources BesideArchive(string folder, List<string> archives, List<string> all, LeftOutCounts left, DataSettings settings)
    {
        SplitNames.ExpectOneDomain(folder, [.. archives.Select(archive => Path.GetFileName(archive))]);
        if (archives.Count > 1) throw new DataException($"{folder} has several archives: {string.Join(", ", archives.Select(Path.GetFileName))}. Give the path of one.");
        var found = PictureFiles.Open(archives[0], settings);
        Beside(folder, all, [.. archives], left);
        foreach (var entry in found.LeftOut) left.Add(entry);
        return found with { LeftOut = left.All };
    }

    // What lies beside the files of the set: a picture may have been meant, a licence was not.
    private static void Beside(string folder, List<string> all, HashSet<string> used, LeftOutCounts left)
    {
        foreach (var file in all.Where(file => !used.Contains(file)))
            left.Add(PictureFile.IsPicture(file) || IsData(file) && LabelWords(file).Count == 0 ? LeftOutCounts.BesideFiles : LeftOutCounts.OtherFiles, Path.GetRelativePath(folder, file));
    }

    // train-images-idx3-ubyte and train-images-idx3-ubyte.gz are one file twice.
    private static List<string> WithoutTwins(List<string> files, LeftOutCounts left)
    {
        var twins = files.Where(file => Path.GetExtension(file).ToLowerInvariant() is ".gz" or ".br" && files.Contains(file[..^3])).ToList();
        foreach (var twin in twins) left.Add(LeftOutCounts.Packed, Path.GetFileName(twin));
        return [.. files.Except(twins)];
    }

    // Of several arrays those that say that they are pictures, or else those that do not say that they are labels.
    private static List<string> Arrays(List<string> files)
    {
        if (files.Count < 2) return files;
        var images = files.Where(file => SplitNames.Words(Path.GetFileName(file)).Any(word => word is "images" or "image" or "imgs" or "img" or "x")).ToList();
        return images.Count > 0 ? images : [.. files.Where(file => LabelWords(file).Count == 0)];
    }

    private static List<string> LabelWords(string file) =>
        [.. SplitNames.Words(Path.GetFileName(file)).Where(word => word is "labels" or "label" or "y" or "targets" or "target" or "classes")];

    private static bool IsData(string file) =>
        Idx.IsPictures(file) || PictureFiles.IsArchive(file) || Cifar.IsFile(file) || Npy.IsFile(file) || ParquetPictures.IsFile(file);

    private static string? LabelsOf(string file) => Npy.IsFile(file) ? Npy.LabelsOf(file) : Idx.IsPictures(file) ? Idx.LabelsOf(file) : null;

    private static SplitSources OfIdx(IReadOnlyList<(string File, SplitKind Kind)> files, DataSettings settings) =>
        InTurn(files, chosen => Idx.Need(chosen[0], settings.Size), (chosen, others) => Idx.Pictures(chosen[0], settings.Size, others));

    private static SplitSources OfBinaries(IReadOnlyList<(string File, SplitKind Kind)> files, DataSettings settings) =>
        InTurn(files, chosen => Cifar.Need(chosen, settings.Size), (chosen, others) => Cifar.Open(chosen, settings.Size, others));

    // The other splits count against the limit of the whole set, read already or not yet.
    private static SplitSources InTurn(IReadOnlyList<(string File, SplitKind Kind)> files, Func<List<string>, long> need, Func<List<string>, long, MemorySource> read)
    {
        var needs = files.Select(pair => pair.Kind).Distinct().ToDictionary(kind => kind, kind => need(OfKind(files, kind)));
        MemorySource? Read(SplitKind kind) => needs.ContainsKey(kind) ? read(OfKind(files, kind), needs.Where(pair => pair.Key != kind).Sum(pair => pair.Value)) : null;
        return new SplitSources(Read(SplitKind.Train)!, Read(SplitKind.Validation), Read(SplitKind.Test));
    }

    // One file may have all splits, as x_train, x_val and x_test; or each its own.
    private static SplitSources OfArrays(IReadOnlyList<(string File, SplitKind Kind)> files, DataSettings settings)
    {
        var all = Npy.Open(OfKind(files, SplitKind.Train)[0], settings.Size);
        var held = all.Sources.Sum(source => (long)source.Bytes.Length);
        List<LeftOut> left = [.. all.LeftOut];
        SplitSources? Read(SplitKind kind)
        {
            if (OfKind(files, kind) is not [var file, ..]) return null;
            var found = Npy.Open(file, settings.Size, held);
            left.AddRange(found.LeftOut);
            held += found.Train.Bytes.Length;
            return found;
        }
        return all with { Validation = Read(SplitKind.Validation)?.Train ?? all.Validation, Test = Read(SplitKind.Test)?.Train ?? all.Test, LeftOut = left };
    }

    private static SplitSources OfTables(IReadOnlyList<(string File, SplitKind Kind)> files, DataSettings settings) =>
        ParquetPictures.Open(OfKind(files, SplitKind.Train), OfKind(files, SplitKind.Validation), OfKind(files, SplitKind.Test), settings);

    private static List<string> OfKind(IReadOnlyList<(string File, SplitKind Kind)> files, SplitKind kind) =>
        [.. files.Where(pair => pair.Kind == kind).Select(pair => pair.File)];

    private static SplitSources Finished(SplitSources found, IReadOnlyList<string> names, IReadOnlyList<LeftOut> left) => found with
    {
        ValidationFrom = found.ValidationFrom.Length > 0 ? found.ValidationFrom : "the same file",
        TestFrom = found.TestFrom.Length > 0 ? found.TestFrom : "the same file",
        LeftOut = left,
        Notes = [.. found.Notes, .. found.Sources.Select(source => source.Note).OfType<string>().Distinct(), .. TrainedOnTest(names, found)],
    };

    /// <summary>That what is trained on is named as something else, if it is.</summary>
    public static IEnumerable<string> TrainedOnTest(IEnumerable<string> names, SplitSources found)
    {
        if (found.Test is not null || found.Validation is not null) yield break;
        var kinds = names.Select(name => SplitNames.OfPath(name)).Distinct().ToList();
        if (kinds is [SplitKind.Validation or SplitKind.Test])
            yield return $"it has no training files, so its {(kinds[0] == SplitKind.Test ? "test" : "validation")} files are trained on: nine tenths train, a tenth validation, no test.";
    }
}
