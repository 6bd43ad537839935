using System.Formats.Tar;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Manifold.Data;

namespace Manifold.Tests.Data;

public class DataStoreTests
{
    private static readonly byte[] content = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * i >> 5))];

    /// <summary>A home on this machine, with the faults of real ones.</summary>
    private sealed class Home : IDisposable
    {
        private readonly HttpListener listener = new();
        private readonly Task serving;

        public Home(Func<string, byte[]?> files, bool knowsRanges = true, int? breaksOffAfter = null, string? redirect = null, TimeSpan? trickle = null)
        {
            using (var probe = new TcpListener(IPAddress.Loopback, 0)) { probe.Start(); Address = new Uri($"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}/set/"); }
            listener.Prefixes.Add(Address.ToString());
            listener.Start();
            serving = Task.Run(async () =>
            {
                while (listener.IsListening)
                {
                    HttpListenerContext context;
                    try { context = await listener.GetContextAsync(); }
                    catch (Exception e) when (e is HttpListenerException or ObjectDisposedException) { return; }
                    if (redirect is not null && context.Request.Url!.Query.Length == 0) Redirect(context, redirect);
                    else if (trickle is { } pause) Trickle(context, content, pause);
                    else Serve(context, files(context.Request.Url!.Segments[^1]), knowsRanges, breaksOffAfter);
                }
            });
        }

        public Uri Address { get; }
        public List<string?> Ranges { get; } = [];

        private void Redirect(HttpListenerContext context, string to)
        {
            Ranges.Add(context.Request.Headers["Range"]);
            context.Response.StatusCode = 302;
            context.Response.Headers["Location"] = to;
            context.Response.Close();
        }

        // A few bytes again and again: it is never silent.
        private static void Trickle(HttpListenerContext context, byte[] file, TimeSpan pause)
        {
            try
            {
                context.Response.ContentLength64 = file.Length;
                for (var at = 0; at < 500; at++)
                {
                    context.Response.OutputStream.Write(file, at, 1);
                    context.Response.OutputStream.Flush();
                    Thread.Sleep(pause);
                }
                context.Response.Abort();
            }
            catch (Exception e) when (e is HttpListenerException or IOException or ObjectDisposedException) { }   // the other end had enough
        }

        private void Serve(HttpListenerContext context, byte[]? file, bool knowsRanges, int? breaksOffAfter)
        {
            Ranges.Add(context.Request.Headers["Range"]);
            var response = context.Response;
            if (file is null) { response.StatusCode = 404; response.Close(); return; }
            var from = 0;
            if (knowsRanges && context.Request.Headers["Range"] is { } range)
            {
                from = int.Parse(range["bytes=".Length..].TrimEnd('-'));
                response.StatusCode = 206;
                response.Headers["Content-Range"] = $"bytes {from}-{file.Length - 1}/{file.Length}";
            }
            try
            {
                response.ContentLength64 = file.Length - from;
                response.OutputStream.Write(file, from, Math.Min(breaksOffAfter ?? int.MaxValue, file.Length - from));
                if (breaksOffAfter is null) response.Close(); else response.Abort();
            }
            catch (Exception e) when (e is HttpListenerException or IOException or ObjectDisposedException) { }   // the other end had enough
        }

        public void Dispose()
        {
            listener.Close();
            serving.Wait();
        }
    }

    private static CatalogueFile File_(byte[] bytes, params Uri[] homes) => new("file", bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)), homes);

    private static async Task<DataException?> Fetch(CatalogueFile file, string folder, TimeSpan? stall = null, TimeProvider? clock = null)
    {
        using var download = new Download(stall ?? TimeSpan.FromSeconds(20), clock: clock);
        try { await download.Fetch(file, folder); return null; }
        catch (DataException e) { return e; }
    }

    [Fact]
    public async Task A_file_is_fetched_whole_and_not_again()
    {
        using var folder = new TemporaryFolder();
        using var home = new Home(_ => content);
        Assert.Null(await Fetch(File_(content, home.Address), folder.Path));
        Assert.Null(await Fetch(File_(content, home.Address), folder.Path));
        Assert.Equal(content, File.ReadAllBytes(folder["file"]));
        Assert.Single(home.Ranges);
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public async Task A_fetch_that_breaks_off_goes_on_where_it_stopped()
    {
        using var folder = new TemporaryFolder();
        using (var broken = new Home(_ => content, breaksOffAfter: 100_000))
            Assert.Contains("could not be fetched", (await Fetch(File_(content, broken.Address), folder.Path))!.Message);
        Assert.False(File.Exists(folder["file"]));
        var here = new FileInfo(folder["file.part"]).Length;
        Assert.InRange(here, 1, content.Length - 1);

        using var home = new Home(_ => content);
        Assert.Null(await Fetch(File_(content, home.Address), folder.Path));
        Assert.Equal(content, File.ReadAllBytes(folder["file"]));
        Assert.Equal([$"bytes={here}-"], home.Ranges);
    }

    [Fact]
    public async Task A_home_that_knows_no_ranges_begins_again()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["file.part"], content[..1000]);
        using var home = new Home(_ => content, knowsRanges: false);
        Assert.Null(await Fetch(File_(content, home.Address), folder.Path));
        Assert.Equal(content, File.ReadAllBytes(folder["file"]));
    }

    [Fact]
    public async Task What_is_wrong_is_never_put_in_place_and_the_next_home_is_tried()
    {
        using var folder = new TemporaryFolder();
        var forged = (byte[])content.Clone();
        forged[^1] ^= 1;
        using Home wrong = new(_ => forged), longer = new(_ => [.. content, 0]), absent = new(_ => null), right = new(_ => content);

        var error = await Fetch(File_(content, wrong.Address, longer.Address, absent.Address), folder.Path);
        Assert.Contains("SHA-256", error!.Message);
        Assert.Contains("more than the 300,000 bytes", error.Message);
        Assert.Contains("404", error.Message);
        Assert.False(File.Exists(folder["file"]));

        File.WriteAllBytes(folder["file"], forged);          // a bad file that is there already is replaced only by the good one
        Assert.Null(await Fetch(File_(content, wrong.Address, absent.Address, right.Address), folder.Path));
        Assert.Equal(content, File.ReadAllBytes(folder["file"]));
    }

    [Fact]
    public async Task A_part_that_does_not_belong_to_the_file_is_fetched_anew()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["file.part"], new byte[1000]);
        using var home = new Home(_ => content);
        Assert.Contains("SHA-256", (await Fetch(File_(content, home.Address), folder.Path))!.Message);   // gone on with, found wrong, thrown away
        Assert.Null(await Fetch(File_(content, home.Address), folder.Path));
    }

    [Fact]
    public async Task Without_a_network_the_message_says_so_and_what_to_do()
    {
        using var folder = new TemporaryFolder();
        Uri closed;
        using (var home = new Home(_ => content)) closed = home.Address;
        var message = (await Fetch(File_(content, closed), folder.Path))!.Message;
        Assert.Contains("refused", message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains($"put the file in {folder.Path} yourself", message);
    }

    [Fact]
    public async Task A_home_that_falls_silent_is_given_up()
    {
        using var folder = new TemporaryFolder();
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var address = new Uri($"http://127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}/");
        Assert.Contains("said nothing", (await Fetch(File_(content, address), folder.Path, TimeSpan.FromMilliseconds(200)))!.Message);
    }

    // A second goes by whenever the time is asked for, and no timer runs out, however busy the machine is.
    private sealed class SecondsByLook : TimeProvider
    {
        private long seconds;

        public override long TimestampFrequency => 1;
        public override long GetTimestamp() => Interlocked.Increment(ref seconds);
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => new Never();

        private sealed class Never : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;
            public void Dispose() { }
            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }

    [Fact]
    public async Task A_home_that_trickles_is_given_up_and_what_came_is_kept()
    {
        using var folder = new TemporaryFolder();
        using Home slow = new(_ => content, trickle: TimeSpan.FromMilliseconds(5)), right = new(_ => content);
        Assert.Contains("fewer than 1,000 a second", (await Fetch(File_(content, slow.Address), folder.Path, clock: new SecondsByLook()))!.Message);
        Assert.InRange(new FileInfo(folder["file.part"]).Length, 1, 1_000);
        Assert.Null(await Fetch(File_(content, slow.Address, right.Address), folder.Path, clock: new SecondsByLook()));     // the next home goes on with it
        Assert.Equal(content, File.ReadAllBytes(folder["file"]));
        Assert.StartsWith("bytes=", Assert.Single(right.Ranges));
    }

    [Theory]
    [InlineData("file:///etc/hostname", "from http to file")]
    [InlineData("ftp://127.0.0.1/file", "from http to ftp")]
    [InlineData("data:text/plain,hello", "from http to data")]
    [InlineData("javascript:alert(1)", "from http to javascript")]
    [InlineData("/set/file", "redirects more than 10 times")]
    [InlineData("http://:0:0/", "302")]
    public async Task Redirects_that_are_not_followed_are_said(string to, string said)
    {
        using var folder = new TemporaryFolder();
        using var home = new Home(_ => content, redirect: to);
        Assert.Contains(said, (await Fetch(File_(content, home.Address), folder.Path))!.Message);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public async Task Redirects_are_followed_and_ranges_go_with_them()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["file.part"], content[..1000]);
        using var home = new Home(_ => content, redirect: "/set/other?moved");
        Assert.Null(await Fetch(File_(content, home.Address), folder.Path));
        Assert.Equal(content, File.ReadAllBytes(folder["file"]));
        Assert.Equal(["bytes=1000-", "bytes=1000-"], home.Ranges);
    }

    [Theory]
    [InlineData("http://a/x", "http://b/y", true), InlineData("http://a/x", "https://b/y", true), InlineData("https://a/x", "https://b/y", true), InlineData("https://a/x", "http://a/x", false)]
    public void From_https_only_https_is_followed(string from, string to, bool isFollowed)
    {
        if (isFollowed) Assert.Equal(to, Download.Followed(new Uri(from), new Uri(to)).ToString());
        else Assert.Contains("from https to http", Assert.Throws<InvalidDataException>(() => Download.Followed(new Uri(from), new Uri(to))).Message);
    }

    [Fact]
    public async Task Members_are_taken_out_of_an_archive_and_it_goes()
    {
        using var folder = new TemporaryFolder();
        var records = new byte[20 * 3073];
        using var archive = new MemoryStream();
        using (var gzip = new GZipStream(archive, CompressionLevel.Fastest, leaveOpen: true))
        using (var tar = new TarWriter(gzip))
            foreach (var name in new[] { "batches/data_batch_1.bin", "batches/test_batch.bin", "batches/readme.html" })
                tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(records) });
        using var home = new Home(_ => archive.ToArray());
        var file = File_(archive.ToArray(), home.Address) with { Members = new Dictionary<string, long> { ["data_batch_1.bin"] = records.Length, ["test_batch.bin"] = records.Length } };
        var store = new DataStore(folder.Path);

        await store.Get(new CatalogueSet("tiny", "", "", [file]), stop: TestContext.Current.CancellationToken);
        await store.Get(new CatalogueSet("tiny", "", "", [file]), stop: TestContext.Current.CancellationToken);
        Assert.Equal(["data_batch_1.bin", "test_batch.bin"], Directory.GetFiles(folder["tiny"]).Select(Path.GetFileName).Order());
        Assert.Equal(20, DataSet.Open(new DataSettings { Set = "tiny" }, folder.Path).Test!.Count);
        Assert.Single(home.Ranges);
    }

    [Fact]
    public void Verify_tells_whole_files_from_wrong_and_missing_ones()
    {
        using var folder = new TemporaryFolder();
        var store = new DataStore(folder.Path);
        Assert.All(store.Verify("mnist"), line => Assert.Equal("missing", line.Verdict));
        Directory.CreateDirectory(folder["mnist"]);
        File.WriteAllBytes(folder["mnist/train-labels-idx1-ubyte.gz"], [1, 2, 3]);
        File.WriteAllBytes(folder["mnist/t10k-labels-idx1-ubyte.gz"], new byte[4542]);
        var verdicts = store.Verify("mnist").ToList();
        Assert.Contains(verdicts, line => line is { Verdict: "wrong" } && line.What.Contains("has 3 bytes, not 28,881"));
        Assert.Contains(verdicts, line => line is { Verdict: "wrong" } && line.What.Contains("t10k-labels-idx1-ubyte.gz has SHA-256"));
        Assert.Contains(verdicts, line => line is { Verdict: "missing", What: "train-images-idx3-ubyte.gz" });
    }

    [Fact]
    public void Pictures_are_imported_whole_and_found_by_name()
    {
        using var folder = new TemporaryFolder();
        var store = new DataStore(folder["store"]);
        Idx.Write(folder["my-images.idx"], [12, 4, 4], [.. Enumerable.Range(0, 192).Select(i => (byte)i)]);
        Idx.Write(folder["my-labels.idx"], [12], new byte[12]);

        var imported = store.Import(folder["my-images.idx"], "mine");
        Assert.Contains("mine", DataSet.Names(folder["store"]));
        Assert.Equal(imported.Fingerprint, DataSet.Open(new DataSettings { Set = "mine" }, folder["store"]).Fingerprint);
        Assert.Contains("already", Assert.Throws<DataException>(() => store.Import(folder["my-images.idx"], "mine")).Message);

        File.WriteAllText(folder["broken.idx"], "no");
        Assert.Throws<DataException>(() => store.Import(folder["broken.idx"], "broken"));
        Assert.Throws<DataException>(() => store.Import(folder["my-images.idx"], "../mine"));
        Assert.Equal(["mine"], Directory.GetFileSystemEntries(folder["store"]).Select(Path.GetFileName));
    }

    private static string Pictures(TemporaryFolder folder)
    {
        Directory.CreateDirectory(folder["pets/a"]);
        for (var i = 0; i < 20; i++) File.WriteAllBytes(folder[$"pets/a/{i}.png"], new Manifold.Pictures.Picture(2, 2, 1, [(byte)i, 1, 2, 3]).ToPng());
        return folder["pets"];
    }

    [Fact]
    public void An_import_copies_what_the_set_is_read_from_and_follows_no_link()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Windows needs a right to make links");
        using var folder = new TemporaryFolder();
        var pets = Pictures(folder);
        File.CreateSymbolicLink(Path.Combine(pets, "README.txt"), "/gone/README.txt");
        File.CreateSymbolicLink(Path.Combine(pets, "passwd"), "/etc/passwd");
        Directory.CreateSymbolicLink(Path.Combine(pets, "again"), ".");
        Directory.CreateDirectory(Path.Combine(pets, ".git"));
        File.WriteAllText(Path.Combine(pets, "LICENSE"), "free");
        new DataStore(folder["store"]).Import(pets, "pets");
        Assert.Equal(["LICENSE", "a"], Directory.GetFileSystemEntries(folder["store/pets"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    // An import may neither take a name that can never be opened, nor one under which something unfinished lies.
    [Theory]
    [InlineData("foo.part"), InlineData("FOO.PART"), InlineData(".part"), InlineData("bundled"), InlineData("ring"), InlineData("swiss-roll"), InlineData("stacked-mnist")]
    public void Names_that_cannot_be_opened_are_refused(string name)
    {
        using var folder = new TemporaryFolder();
        Assert.Contains($"\"{name}\"", Assert.Throws<DataException>(() => new DataStore(folder["store"]).Import(Pictures(folder), name)).Message);
        Assert.False(Directory.Exists(folder["store"]));
    }

    [Fact]
    public void An_import_deletes_no_folder_of_a_like_name()
    {
        using var folder = new TemporaryFolder();
        var pets = Pictures(folder);
        Directory.CreateDirectory(folder["store/foo.part"]);
        File.WriteAllText(folder["store/foo.part/mine"], "kept");
        new DataStore(folder["store"]).Import(pets, "foo");
        Assert.Equal("kept", File.ReadAllText(folder["store/foo.part/mine"]));
        Assert.Equal(["foo", "foo.part"], Directory.GetFileSystemEntries(folder["store"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    // import has no option for a size, so it may not advise one without saying whose it is.
    [Fact]
    public void Pictures_of_several_sizes_are_not_imported_and_the_way_out_is_of_train()
    {
        using var folder = new TemporaryFolder();
        var pets = Pictures(folder);
        File.WriteAllBytes(folder["pets/a/large.png"], new Manifold.Pictures.Picture(3, 3, 1, new byte[9]).ToPng());
        var message = Assert.Throws<DataException>(() => new DataStore(folder["store"]).Import(pets, "pets")).Message;
        Assert.Contains("several sizes", message);
        Assert.Contains($"./manifold train RECIPE --data {pets} --set data.size=64", message);
    }

    // The store's own folder cannot take the file under its name, so the copy fails half-way.
    [Fact]
    public void An_import_that_fails_leaves_nothing_behind()
    {
        using var folder = new TemporaryFolder();
        var pets = Pictures(folder);
        var store = new DataStore(folder["store"]);
        Directory.CreateDirectory(folder["store"]);
        File.WriteAllText(folder["store/pets"], "a file of that name");
        Assert.Contains("could not be written", Assert.Throws<DataException>(() => store.Import(pets, "pets")).Message);
        Assert.Equal(["pets"], Directory.GetFileSystemEntries(folder["store"]).Select(Path.GetFileName));
    }

    [Fact]
    public void What_a_stopped_import_left_is_no_set()
    {
        using var folder = new TemporaryFolder();
        Directory.Move(Pictures(folder), folder["pets.part"]);
        Directory.CreateDirectory(folder[".cache"]);
        File.Copy(folder["pets.part/a/1.png"], folder[".cache/1.png"]);
        Assert.DoesNotContain(DataSet.Names(folder.Path), name => name is "pets.part" or ".cache");
    }

    [Fact]
    public void Verify_tells_what_became_which_split()
    {
        using var folder = new TemporaryFolder();
        Pictures(folder);
        File.WriteAllBytes(folder["pets/a/x.png"], []);
        Assert.Equal(["20 pictures of 1x2x2, fingerprint", "train 18: nine tenths of a/", "validation 2: a tenth of it, drawn by a fixed seed", "no test split", "left out 1: files that are empty or not regular (a/x.png)"],
            new DataStore(folder.Path).Verify("pets").Select(line => line.What.Contains("fingerprint") ? line.What[..line.What.LastIndexOf(' ')] : line.What));
    }
}
