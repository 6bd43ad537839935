using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Manifold.Data;
using Manifold.Pictures;

namespace Manifold.Tests.Data;

/// <summary>What lies in a folder or an archive and is no picture of the set: counted with the reason, never followed, never waited for.</summary>
public class LeftOutTests
{
    private static byte[] Png(int value) => new Picture(4, 4, 1, [.. Enumerable.Range(0, 16).Select(i => (byte)(i == 0 ? value : 7 * i))]).ToPng();

    // Classes a and b, ten pictures of each.
    private static readonly string[] twenty = [.. Enumerable.Range(0, 20).Select(i => $"{"ab"[i / 10]}/{i:D2}.png")];

    private static string Folder(TemporaryFolder temporary)
    {
        foreach (var (value, picture) in twenty.Index()) Put(temporary[$"set/{picture}"], Png(value));
        return temporary["set"];
    }

    private static void Put(string path, byte[] bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
    }

    private static string Zip(TemporaryFolder temporary, string name, Action<ZipArchive>? more = null, Func<string, string>? rename = null)
    {
        using var zip = ZipFile.Open(temporary[name], ZipArchiveMode.Create);
        foreach (var (value, picture) in twenty.Index()) Add(zip, rename?.Invoke(picture) ?? picture, Png(value));
        more?.Invoke(zip);
        return temporary[name];
    }

    private static ZipArchiveEntry Add(ZipArchive zip, string name, byte[] bytes)
    {
        var entry = zip.CreateEntry(name);
        using var content = entry.Open();
        content.Write(bytes);
        return entry;
    }

    private static string Tar(TemporaryFolder temporary, string name, Action<TarWriter>? more = null, Func<string, string>? rename = null)
    {
        using var tar = new TarWriter(File.Create(temporary[name]));
        foreach (var (value, picture) in twenty.Index())
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, rename?.Invoke(picture) ?? picture) { DataStream = new MemoryStream(Png(value)) });
        more?.Invoke(tar);
        return temporary[name];
    }

    private static void Link(TarWriter tar, string name, string target, TarEntryType type = TarEntryType.SymbolicLink) => tar.WriteEntry(new PaxTarEntry(type, name) { LinkName = target });

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments))!;
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private static DataSet Open(string path) => DataSet.Open(new DataSettings { Set = path });
    private static int Count(DataSet set) => set.Origins.Sum(origin => origin.Count);
    private static string Left(DataSet set) => string.Join("; ", set.LeftOut.OrderBy(entry => entry.Reason, StringComparer.Ordinal).Select(entry => $"{entry.Count} {entry.Reason}"));

    [Theory]
    [InlineData(".ipynb_checkpoints/a-checkpoint.png"), InlineData("a/.ipynb_checkpoints/00-checkpoint.png"), InlineData("__MACOSX/a/00.png"), InlineData("a/._00.png")]
    [InlineData(".Trash-1000/files/x.png"), InlineData("@eaDir/x.jpg"), InlineData(".hidden.png")]
    public void Hidden_entries_are_no_pictures_anywhere(string hidden)
    {
        using var temporary = new TemporaryFolder();
        var clean = Open(Folder(temporary)).Fingerprint;
        Put(temporary[$"set/{hidden}"], Png(99));
        DataSet[] sets = [Open(temporary["set"]), Open(Zip(temporary, "x.zip", zip => Add(zip, hidden, Png(99)))), Open(Tar(temporary, "x.tar", tar =>
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "./" + hidden) { DataStream = new MemoryStream(Png(99)) })))];
        Assert.All(sets, set =>
        {
            Assert.Equal((clean, "1 hidden entries", 2), (set.Fingerprint, Left(set), set.Classes));
            Assert.Empty(set.Warnings);
        });
    }

    [Fact]
    public void Backslashes_are_slashes()
    {
        using var temporary = new TemporaryFolder();
        var clean = Open(Folder(temporary)).Fingerprint;
        Assert.Equal(clean, Open(Zip(temporary, "x.zip", rename: name => name.Replace('/', '\\'))).Fingerprint);
        Assert.Equal(clean, Open(Tar(temporary, "x.tar", rename: name => @"pets\" + name.Replace('/', '\\'))).Fingerprint);
    }

    // A second name of a file is a hard link in a tar; a link to it is one too, and a link to a link.
    [Fact]
    public void Links_within_a_tar_are_the_pictures_that_they_lead_to()
    {
        using var temporary = new TemporaryFolder();
        var set = Open(Tar(temporary, "x.tar", tar =>
        {
            Link(tar, "./a/hard.png", "./a/00.png", TarEntryType.HardLink);
            Link(tar, "b/soft.png", "../a/00.png");
            Link(tar, "b/twice.png", "soft.png");
            Link(tar, "b/nothing.png", "gone.png");
            Link(tar, "b/loop.png", "loop.png");
            Link(tar, "b/out.png", "../../secret.png");
            Link(tar, "b/root.png", "/etc/secret.png");
            tar.WriteEntry(new PaxTarEntry(TarEntryType.Fifo, "b/fifo.png"));
        }));
        Assert.Equal(23, Count(set));
        Assert.Equal("1 files that are empty or not regular; 2 links that lead out of the set; 2 links that lead to no picture of the set", Left(set));
        Assert.Equal(3, set.Warnings.Count());
    }

    [Fact]
    public void Links_within_a_zip_are_the_pictures_that_they_lead_to()
    {
        using var temporary = new TemporaryFolder();
        void Link(ZipArchive zip, string name, string target) => Add(zip, name, Encoding.UTF8.GetBytes(target)).ExternalAttributes = unchecked((int)0xA1FF0000);
        var set = Open(Zip(temporary, "x.zip", zip =>
        {
            Link(zip, "b/soft.png", "../a/00.png");
            Link(zip, "b/out.png", "../../secret.png");
        }));
        Assert.Equal((21, "1 links that lead out of the set"), (Count(set), Left(set)));
    }

    [Fact]
    public void Paths_that_lead_out_of_an_archive_are_no_pictures()
    {
        using var temporary = new TemporaryFolder();
        Assert.Equal((20, "1 paths that lead out of the archive"), Both(Open(Zip(temporary, "x.zip", zip => Add(zip, "../../x.png", Png(99))))));
        Assert.Equal((20, "1 paths that lead out of the archive"), Both(Open(Tar(temporary, "x.tar", tar =>
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "a/../../x.png") { DataStream = new MemoryStream(Png(99)) })))));
        static (int, string) Both(DataSet set) => (Count(set), Left(set));
    }

    // As tar -r writes them: the later one is the file.
    [Fact]
    public void Of_two_entries_of_one_name_the_later_is_the_picture()
    {
        using var temporary = new TemporaryFolder();
        var set = Open(Tar(temporary, "x.tar", tar => tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "a/00.png") { DataStream = new MemoryStream(Png(77)) })));
        Assert.Equal((20, "1 entries that a later one of the same name replaces"), (Count(set), Left(set)));
        var values = new[] { set.Train, set.Validation }.SelectMany(split => split.InOrder(0, split.Count, PixelRange.Bytes).X[.., 0, 0, 0].data<float>().ToArray());
        Assert.Equal([.. Enumerable.Range(1, 19).Select(i => (float)i), 77f], values.Order());
    }

    [Fact]
    public void Empty_files_are_counted_wherever_they_lie()
    {
        using var temporary = new TemporaryFolder();
        Put(Path.Combine(Folder(temporary), "a/x.png"), []);
        DataSet[] sets = [Open(temporary["set"]), Open(Zip(temporary, "x.zip", zip => Add(zip, "a/x.png", []))), Open(Tar(temporary, "x.tar", tar => tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "a/x.png"))))];
        Assert.All(sets, set =>
        {
            Assert.Equal((20, "1 files that are empty or not regular"), (Count(set), Left(set)));
            Assert.Contains("a/x.png", Assert.Single(set.Warnings));
        });
    }

    [Fact]
    public void A_few_pictures_beside_the_classes_do_not_take_the_labels_away()
    {
        using var temporary = new TemporaryFolder();
        Put(Path.Combine(Folder(temporary), "preview.png"), Png(99));
        DataSet[] sets = [Open(temporary["set"]), Open(Zip(temporary, "x.zip", zip => Add(zip, "preview.png", Png(99))))];
        Assert.All(sets, set =>
        {
            Assert.Equal((20, 2), (Count(set), set.Classes));
            Assert.Contains("preview.png", Assert.Single(set.Warnings));
        });
    }

    // Half of them: a set without classes, some of whose pictures lie in folders.
    [Fact]
    public void Many_pictures_beside_the_folders_are_a_set_without_labels_and_that_is_told()
    {
        using var temporary = new TemporaryFolder();
        Folder(temporary);
        for (var i = 0; i < 20; i++) Put(temporary[$"set/{i}.png"], Png(100 + i));
        var set = Open(temporary["set"]);
        Assert.Equal((40, 0), (Count(set), set.Classes));
        Assert.Contains("it has no labels: 20 pictures lie beside the folders (0.png, beside a/)", Assert.Single(set.Warnings));
    }

    [Fact]
    public void A_few_pictures_beside_the_splits_are_left_out_and_many_are_refused()
    {
        using var temporary = new TemporaryFolder();
        for (var i = 0; i < 20; i++) Put(temporary[$"set/train/{i}.png"], Png(i));
        Put(temporary["set/preview.png"], Png(99));
        Assert.Equal((20, "1 pictures beside the folders of splits"), (Count(Open(temporary["set"])), Left(Open(temporary["set"]))));
        for (var i = 0; i < 9; i++) Put(temporary[$"set/{i}.png"], Png(100 + i));
        Assert.Contains("10 pictures (0.png) beside train, which names a split", Assert.Throws<DataException>(() => Open(temporary["set"])).Message);
    }

    [Fact]
    public void Pictures_of_other_formats_are_counted_and_told()
    {
        using var temporary = new TemporaryFolder();
        Put(Path.Combine(Folder(temporary), "a/scan.TIF"), [1, 2, 3]);
        Put(temporary["set/b/phone.heic"], [1, 2, 3]);
        Put(temporary["set/LICENSE"], [1]);
        var set = Open(temporary["set"]);
        Assert.Equal((20, "1 files that are no pictures; 2 pictures of formats that are not read"), (Count(set), Left(set)));
        Assert.Contains("a/scan.TIF", Assert.Single(set.Warnings));
    }

    [Fact]
    public void Data_beside_the_files_of_a_set_is_told()
    {
        using var temporary = new TemporaryFolder();
        Folder(temporary);
        Zip(temporary, "set/all.zip");
        var set = Open(temporary["set"]);
        Assert.Equal((20, "20 data beside the files of the set"), (Count(set), Left(set)));
        Assert.Single(set.Warnings);
    }

    [Fact]
    public void Links_of_a_folder_make_no_loop_and_lead_nowhere_else()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Windows needs a right to make links");
        using var temporary = new TemporaryFolder();
        var folder = Folder(temporary);
        Put(temporary["elsewhere/secret.png"], Png(200));
        foreach (var (name, target) in new[] { ("a/again", ".."), ("one", "."), ("two", "."), ("self", "self"), ("out", "../elsewhere") }) Directory.CreateSymbolicLink(Path.Combine(folder, name), target);
        foreach (var (name, target) in new[] { ("a/in.png", "../b/10.png"), ("a/out.png", "../../elsewhere/secret.png"), ("a/gone.png", "gone"), ("a/endless.png", "/dev/zero"), ("a/round.png", "round.png") })
            File.CreateSymbolicLink(Path.Combine(folder, name), target);
        var set = Open(folder);
        Assert.Equal(21, Count(set));
        Assert.Equal("3 links that lead out of the set; 3 links that lead to no picture of the set; 3 links to folders", Left(set));
        Assert.Contains("secret.png", Directory.GetFiles(temporary["elsewhere"])[0]);

        Directory.CreateSymbolicLink(temporary["named"], folder);                          // the set's own path may be a link
        Assert.Equal(set.Fingerprint, Open(temporary["named"]).Fingerprint);
    }

    [Fact]
    public void A_folder_of_links_that_lead_out_says_how_to_copy_them()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Windows needs a right to make links");
        using var temporary = new TemporaryFolder();
        Folder(temporary);
        Directory.CreateDirectory(temporary["links"]);
        for (var i = 0; i < 10; i++) File.CreateSymbolicLink(temporary[$"links/{i}.png"], temporary[$"set/a/{i:D2}.png"]);
        var message = Assert.Throws<DataException>(() => Open(temporary["links"])).Message;
        Assert.Contains("left out 10: links that lead out of the set", message);
        Assert.Contains("cp -rL", message);
    }

    [Fact]
    public void Nothing_waits_for_a_pipe()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Windows has no pipes in folders");
        using var temporary = new TemporaryFolder();
        var folder = Folder(temporary);
        foreach (var name in new[] { "a/pipe.png", "pipe.npy", "train-images-idx3-ubyte", "pipe.parquet", "data.zip", "data.bin" }) Run("mkfifo", Path.Combine(folder, name));
        Assert.Equal((20, "6 files that are empty or not regular"), (Count(Open(folder)), Left(Open(folder))));
        foreach (var name in new[] { "pipe.npy", "train-images-idx3-ubyte", "pipe.parquet", "data.zip", "data.bin" })
            Assert.Contains("is empty, or not a regular file", Assert.Throws<DataException>(() => Open(Path.Combine(folder, name))).Message);
        Assert.Contains("set", DataSet.Names(temporary.Path));

        Idx.Write(temporary["my-images-idx3-ubyte"], [20, 2, 2], new byte[80]);            // labels beside it
        Run("mkfifo", temporary["my-labels-idx1-ubyte"]);
        Assert.Contains("my-labels-idx1-ubyte is empty, or not a regular file", Assert.Throws<DataException>(() => Open(temporary["my-images-idx3-ubyte"])).Message);
    }

    [Fact]
    public void Labels_that_are_a_link_out_of_the_folder_are_not_read()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Windows needs a right to make links");
        using var temporary = new TemporaryFolder();
        Directory.CreateDirectory(temporary["set"]);
        Idx.Write(temporary["set/train-images-idx3-ubyte"], [20, 2, 2], new byte[80]);
        Idx.Write(temporary["labels"], [20], new byte[20]);
        File.CreateSymbolicLink(temporary["set/train-labels-idx1-ubyte"], temporary["labels"]);
        foreach (var path in new[] { temporary["set"], temporary["set/train-images-idx3-ubyte"] })
            Assert.Contains("is a link that leads out of its folder", Assert.Throws<DataException>(() => Open(path)).Message);
    }

    [Fact]
    public void Names_that_are_not_utf8_are_counted_and_told()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("other systems refuse such names");
        using var temporary = new TemporaryFolder();
        var folder = Folder(temporary);
        Run("/bin/sh", "-c", $"cp '{folder}/a/00.png' \"$(printf '{folder}/a/caf\\351.png')\" && mkdir \"$(printf '{folder}/\\351t\\351')\"");
        var set = Open(folder);
        Run("/bin/sh", "-c", $"rm -rf '{folder}'/*");                                      // .NET cannot delete them either
        Assert.Equal((20, "2 files whose names are not UTF-8"), (Count(set), Left(set)));
    }

    [Theory]
    [InlineData("s.7z", new byte[] { 0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C, 0, 0, 0 }, "is a 7-Zip archive", "Unpack it")]
    [InlineData("s", new byte[] { 0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C, 0, 0, 0 }, "is a 7-Zip archive", "Unpack it")]
    [InlineData("s.rar", new byte[] { 1, 2 }, "is a RAR archive", "Unpack it")]
    [InlineData("s.tar.xz", new byte[] { 1, 2 }, "is packed by xz", ".tar.gz")]
    [InlineData("s.TAR.BZ2", new byte[] { 1, 2 }, "is packed by bzip2", ".tar.gz")]
    [InlineData("s.tar.zst", new byte[] { 1, 2 }, "is packed by Zstandard", ".tar.gz")]
    [InlineData("s.h5", new byte[] { 1, 2 }, "is an HDF5 file", ".npy")]
    [InlineData("s.mat", new byte[] { 1, 2 }, "is a MATLAB file", ".npy")]
    [InlineData("s.pkl", new byte[] { 1, 2 }, "which is code", ".npy")]
    [InlineData("set", new byte[] { 0x50, 0x4B, 3, 4, 0, 0 }, "is a zip archive whose name does not say so", ".zip")]
    [InlineData("x.tif", new byte[] { 1, 2 }, "is one picture, as .tif", "PNG")]
    public void A_format_that_is_not_read_is_named_with_the_way_out(string name, byte[] bytes, string what, string wayOut)
    {
        using var temporary = new TemporaryFolder();
        Put(temporary[$"set/{name}"], bytes);
        var message = Assert.Throws<DataException>(() => Open(temporary[$"set/{name}"])).Message;
        Assert.Contains(what, message);
        Assert.Contains(wayOut, message);
        if (name != "x.tif" && name != "s" && name != "set") Assert.Contains(what, Assert.Throws<DataException>(() => Open(temporary["set"])).Message);
    }

    // Written by hand, because .NET writes no encrypted zip: the flag of the entry says it.
    [Fact]
    public void A_zip_with_a_password_says_so()
    {
        using var temporary = new TemporaryFolder();
        var path = Zip(temporary, "x.zip");
        var bytes = File.ReadAllBytes(path);
        for (var i = 0; i + 10 < bytes.Length; i++)
        {
            if (bytes.AsSpan(i, 4).SequenceEqual("PK\u0003\u0004"u8)) bytes[i + 6] |= 1;
            if (bytes.AsSpan(i, 4).SequenceEqual("PK\u0001\u0002"u8)) bytes[i + 8] |= 1;
        }
        File.WriteAllBytes(path, bytes);
        var message = Assert.Throws<DataException>(() => Open(path)).Message;
        Assert.Contains("protected by a password", message);
        Assert.DoesNotContain("Get it again", message);
    }
}
