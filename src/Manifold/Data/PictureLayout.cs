namespace Manifold.Data;

/// <summary>The pictures of a folder or archive, sorted to splits by <see cref="SplitNames"/> and to classes by their folders.</summary>
internal sealed class PictureLayout
{
    private const string everything = "all pictures";

    private readonly string path;
    private readonly LeftOutCounts left;
    private readonly List<string> notes = [];
    private readonly Dictionary<SplitKind, string> folders = [];
    private readonly Dictionary<SplitKind, List<EncodedPicture>> splits;

    private PictureLayout(string path, IReadOnlyList<EncodedPicture> pictures, LeftOutCounts left)
    {
        (this.path, this.left) = (path, left);
        splits = Sorted(pictures);
        foreach (var kind in splits.Keys.ToList())
        {
            splits[kind] = WithoutFolderOf(kind, splits[kind]);
            ExpectNoSplitsBelow(Root(kind), splits[kind]);
        }

        var isClassed = splits.ToDictionary(split => split.Key, split => IsClassed(split.Key));
        Classes = isClassed[SplitKind.Train] ? [.. splits[SplitKind.Train].Select(ClassOf).Distinct().Order(StringComparer.Ordinal)] : [];
        var numbers = Classes.Select((name, number) => (name, number)).ToDictionary(pair => pair.name, pair => pair.number);
        (Train, Validation, Test) = (Labelled(SplitKind.Train), Labelled(SplitKind.Validation), Labelled(SplitKind.Test));

        List<(EncodedPicture, int?)> Labelled(SplitKind kind) => splits.TryGetValue(kind, out var members)
            ? [.. members.Select(picture => (picture, numbers.Count > 0 && isClassed[kind] ? Number(numbers, picture, kind) : (int?)null))] : [];
    }

    public IReadOnlyList<(EncodedPicture File, int? Label)> Train { get; }
    public IReadOnlyList<(EncodedPicture File, int? Label)> Validation { get; }
    public IReadOnlyList<(EncodedPicture File, int? Label)> Test { get; }

    /// <summary>Names of the classes; empty where the folders are none.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>What is unusual about the layout, as sentences.</summary>
    public IReadOnlyList<string> Notes => notes;

    /// <summary>The folder that a split came from.</summary>
    public string From(SplitKind kind) => folders.GetValueOrDefault(kind, "");

    /// <exception cref="DataException">The layout is not understood; the message says what there is and what it needs.</exception>
    public static PictureLayout Of(string path, IReadOnlyList<EncodedPicture> pictures, LeftOutCounts left) => new(path, pictures, left);

    private Dictionary<SplitKind, List<EncodedPicture>> Sorted(IReadOnlyList<EncodedPicture> pictures)
    {
        var (inside, above, isInSplit) = WithoutCommonFolders(pictures);
        List<EncodedPicture> strays = [.. inside.Where(picture => !picture.Path.Contains('/'))], below = [.. inside.Where(picture => picture.Path.Contains('/'))];
        List<string> names = [.. below.Select(ClassOf).Distinct().Select(folder => above + folder)];
        var kinds = isInSplit && !SplitNames.AreSplits(names) ? null : SplitNames.OfFolders(path, names);     // one class of train/ may be named "valid"
        if (kinds is null)
        {
            folders[SplitKind.Train] = above.Length > 0 ? above : everything;
            NoteOtherSplit(above);
            return new() { [SplitKind.Train] = inside };
        }
        if (IsTooMany(strays, below)) throw StraysBesideSplits(strays, kinds);
        foreach (var stray in strays) left.Add(LeftOutCounts.BesideSplits, stray.Path);
        foreach (var (folder, kind) in kinds) folders[kind] = $"{folder}/";
        if (kinds.Count == 1 && SplitNames.OfFolder(kinds.Keys.First()) != SplitKind.Train) NoteTrainedOn(folders[SplitKind.Train]);
        return below.GroupBy(picture => kinds[above + ClassOf(picture)], Inside).ToDictionary(group => group.Key, group => group.ToList());
    }

    private void NoteTrainedOn(string folder) => notes.Add($"it has {folder} alone, which is trained on: nine tenths train, a tenth validation, no test.");

    // The folders that all pictures lie in say the split, or else the set's own name does. That of a folder may be a subject: "crash test".
    private void NoteOtherSplit(string above)
    {
        var own = Path.GetFileName(Path.TrimEndingDirectorySeparator(path));
        var isAbove = SplitNames.OfPath(above.TrimEnd('/')) is not null;
        var kind = isAbove ? SplitNames.OfPath(above.TrimEnd('/')) : Directory.Exists(path) ? SplitNames.OfWord(own) : SplitNames.Of(own);
        if (kind is SplitKind.Validation or SplitKind.Test) NoteTrainedOn(isAbove ? above : own);
    }

    private string Root(SplitKind kind) => From(kind) == everything ? "" : From(kind);

    // training_set/training_set/cats is training_set/cats, as some archives unpack; so is training_set/images/cats.
    private List<EncodedPicture> WithoutFolderOf(SplitKind kind, List<EncodedPicture> pictures)
    {
        while (OnlyFolder(pictures) is { } only && (SplitNames.Of(only) == kind || SplitNames.IsGeneral(only)))
        {
            pictures = [.. pictures.Select(Inside)];
            folders[kind] = $"{Root(kind)}{only}/";
        }
        return pictures;
    }

    // A few pictures beside the folders are a preview or an icon. Many are a set without classes.
    private bool IsClassed(SplitKind kind)
    {
        List<EncodedPicture> all = splits[kind], strays = [.. all.Where(picture => !picture.Path.Contains('/'))], below = [.. all.Where(picture => picture.Path.Contains('/'))];
        if (below.Count == 0) return false;
        if (strays.Count == 0) return true;
        if (IsTooMany(strays, below))
        {
            notes.Add($"it has no labels: {strays.Count:N0} pictures lie beside the folders ({strays[0].Path}, beside {ClassOf(below[0])}/).");
            return false;
        }
        foreach (var stray in strays) left.Add(LeftOutCounts.BesideClasses, stray.Path);
        splits[kind] = below;
        return true;
    }

    private static bool IsTooMany(List<EncodedPicture> strays, List<EncodedPicture> below) => 10 * strays.Count > strays.Count + below.Count;

    private int Number(Dictionary<string, int> numbers, EncodedPicture picture, SplitKind kind) =>
        numbers.TryGetValue(ClassOf(picture), out var number) ? number
        : throw new DataException($"{path} has {From(kind)}{picture.Path}, of a class that there is none of in {From(SplitKind.Train)}. " +
            $"Move it away, or {SplitNames.WayTo(path, From(SplitKind.Train).TrimEnd('/'))}.");

    // cat/train, cat/test, dog/train, ...: to take cat and dog for classes would train on what is to test.
    private void ExpectNoSplitsBelow(string root, List<EncodedPicture> pictures)
    {
        var below = pictures.Where(picture => picture.Path.Contains('/')).Select(picture => FolderOf(picture.Path)).Distinct().SelectMany(WithFoldersAbove).Distinct().ToList();
        foreach (var level in below.GroupBy(folder => folder.Count(letter => letter == '/')))
        {
            SplitNames.ExpectOneDomain(path, [.. level.Select(folder => root + folder)]);
            if (SplitNames.AreSeveral(level.Select(SplitNames.OfWord))) throw SplitsBelow(root, level.Where(folder => SplitNames.OfWord(folder) is not null));
        }
        foreach (var siblings in below.GroupBy(folder => folder[..(folder.LastIndexOf('/') + 1)]))
            if (SplitNames.AreSplits([.. siblings])) throw SplitsBelow(root, siblings);
    }

    private static IEnumerable<string> WithFoldersAbove(string folder)
    {
        for (var end = folder.IndexOf('/'); end >= 0; end = folder.IndexOf('/', end + 1)) yield return folder[..end];
        yield return folder;
    }

    private DataException SplitsBelow(string root, IEnumerable<string> named)
    {
        List<string> one = [.. named.DistinctBy(SplitNames.OfFolder).Select(folder => root + folder)];
        return new($"{path} has splits within other folders: {string.Join(" and ", one)}. " +
            $"Put the folders of splits at the top (train/cat/...), or {SplitNames.WayTo(path, one[0])}.");
    }

    private DataException StraysBesideSplits(List<EncodedPicture> strays, IReadOnlyDictionary<string, SplitKind> kinds) =>
        new($"{path} has {strays.Count:N0} pictures ({strays[0].Path}) beside {string.Join(", ", kinds.Keys)}, which name{(kinds.Count == 1 ? "s a split" : " splits")}. " +
            $"Put them in a folder train, or {SplitNames.WayTo(path, kinds.Keys.First())}.");

    private static string ClassOf(EncodedPicture picture) => picture.Path[..picture.Path.IndexOf('/')];
    private static string FolderOf(string picture) => picture[..picture.LastIndexOf('/')];
    private static EncodedPicture Inside(EncodedPicture picture) => picture with { Path = picture.Path[(picture.Path.IndexOf('/') + 1)..] };

    private static string? OnlyFolder(List<EncodedPicture> pictures) =>
        pictures.All(picture => picture.Path.Contains('/')) && pictures.Select(ClassOf).Distinct().ToList() is [var only] ? only : null;

    // name/train/... and name/test/... are train/... and test/...; below the folder of a split are classes, so one folder there is kept
    // unless it names a split too or says nothing.
    private static (List<EncodedPicture> Inside, string Above, bool IsInSplit) WithoutCommonFolders(IReadOnlyList<EncodedPicture> pictures)
    {
        var (inside, above, isInSplit) = (pictures.ToList(), "", false);
        while (OnlyFolder(inside) is { } only && (!isInSplit || SplitNames.OfWord(only) is not null || SplitNames.IsGeneral(only)))
        {
            (inside, above) = ([.. inside.Select(Inside)], $"{above}{only}/");
            isInSplit |= SplitNames.OfWord(only) is not null;
        }
        return (inside, above, isInSplit);
    }
}
