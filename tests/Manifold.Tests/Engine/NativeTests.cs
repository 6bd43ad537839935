using System.Text.Json;
using System.Xml.Linq;
using Manifold.Engine;

namespace Manifold.Tests.Engine;

// `doctor` in a process of its own tells what the loader does in an environment; this process has loaded libtorch already.
public sealed partial class NativeTests : IDisposable
{
    [System.Runtime.InteropServices.LibraryImport("libc", EntryPoint = "getenv", StringMarshalling = System.Runtime.InteropServices.StringMarshalling.Utf8)]
    private static partial nint SystemVariable(string name);

    // As the native libraries see it, and not .NET's copy of it.
    [Fact]
    public void Threads_wait_shortly_unless_the_user_says_how_long()
    {
        var said = Environment.GetEnvironmentVariable("GOMP_SPINCOUNT") ?? (Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null ? "1000" : null);
        Assert.Equal(said, System.Runtime.InteropServices.Marshal.PtrToStringUTF8(SystemVariable("GOMP_SPINCOUNT")));
    }

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Loading_twice_gives_what_the_first_found() => Assert.Same(Native.Load(), Native.Load());

    [Fact]
    public void The_versions_are_those_that_the_build_restores()
    {
        Assert.Equal(Native.LibTorchVersion, XDocument.Load(Repository.File("Directory.Build.props")).Descendants("LibTorchVersion").Single().Value);
        Assert.Equal(Native.BridgeVersion, XDocument.Load(Repository.File("Directory.Packages.props")).Descendants("PackageVersion")
            .Single(p => p.Attribute("Include")?.Value == "TorchSharp").Attribute("Version")?.Value);
        Assert.Equal(Native.LibTorchVersion, Machine.LibTorchVersion);
    }

    [Fact]
    public void Without_a_folder_that_is_named_the_NuGet_cache_is_used() => Assert.Equal("NuGet cache", Origin(Doctor()));

    [Fact]
    public void A_folder_that_is_named_comes_first() =>
        Assert.Equal(Native.FolderVariable, Origin(Doctor((Native.FolderVariable, LibTorch))));

    [Fact]
    public void A_named_folder_that_does_not_exist_is_refused_though_the_NuGet_cache_has_one() =>
        Refused(Doctor((Native.FolderVariable, folder["none"])), $"{Native.FolderVariable} is {folder["none"]}, which does not exist; ");

    [Fact]
    public void A_named_folder_one_too_high_is_told_the_right_one()
    {
        Directory.CreateDirectory(folder["lib"]);
        File.WriteAllText(folder["lib/libtorch_cpu.so"], "");
        Refused(Doctor((Native.FolderVariable, folder.Path)), $"name {folder["lib"]}");
    }

    [Theory]
    [InlineData("", "shorter than an ELF header")]
    [InlineData("This is a page of a web site, saved under the name of a library by a download that went wrong.", "does not begin as")]
    public void A_libtorch_that_is_no_library_is_refused_in_a_sentence(string content, string why)
    {
        Foreign(cpu => File.WriteAllText(cpu, content));
        Refused(Doctor((Native.FolderVariable, folder.Path)), $"libtorch was found in {folder.Path} ({Native.FolderVariable}) but cannot be used: {folder["libtorch_cpu.so"]}", why);
    }

    [Fact]
    public void A_libtorch_cut_short_is_refused_in_a_sentence()
    {
        Foreign(cpu => File.WriteAllBytes(cpu, File.ReadAllBytes(Path.Combine(LibTorch, "libc10.so"))[..700_000]));
        Refused(Doctor((Native.FolderVariable, folder.Path)), "outside the file");
    }

    [Fact]
    public void A_libtorch_of_another_version_is_refused_by_the_number_of_symbols_that_it_lacks()
    {
        // Not a library that could be loaded: that it is counted shows that it was read before.
        Foreign(cpu => File.WriteAllBytes(cpu, SmallElf.Make([new("_ZN2at5emptyEv", Defined: true)])));
        var facts = Doctor((Native.FolderVariable, folder.Path));
        var missing = facts.Json!.RootElement.GetProperty("missing_symbols").GetArrayLength();
        Assert.InRange(missing, 1000, 1204);
        Refused(facts, $"The libtorch in {folder.Path} ({Native.FolderVariable}) lacks {missing} of the symbols that TorchSharp 0.107.0 needs");
    }

    [Fact]
    public void A_libtorch_without_one_of_its_parts_is_refused_by_its_name()
    {
        Foreign(cpu => File.WriteAllText(cpu, ""));
        File.Delete(folder["libc10.so"]);
        Refused(Doctor((Native.FolderVariable, folder.Path)), "has libtorch_cpu.so but no libc10.so");
    }

    [Fact]
    public void Where_there_is_none_one_sentence_says_what_was_looked_for_and_where_and_how_to_get_it()
    {
        var error = Refused(Doctor(("NUGET_PACKAGES", null), ("HOME", folder.Path)), "No libtorch_cpu.so was found");
        Assert.Contains(Native.FolderVariable, error);
        Assert.Contains(Path.Combine(AppContext.BaseDirectory, "native"), error);
        Assert.Contains(folder[".nuget/packages"], error);
        Assert.Contains("`dotnet restore`", error);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("/dev/null")]
    [InlineData("/proc")]
    public void A_home_that_is_missing_or_cannot_be_written_does_not_matter(string? home) =>
        Assert.Equal(0, Doctor(("HOME", home), ("TMPDIR", folder.Path)).ExitCode);

    [Fact]
    public void Another_libtorch_in_LD_LIBRARY_PATH_is_not_mixed_in()
    {
        File.WriteAllText(folder["libc10.so"], "not this one");
        Assert.Equal(0, Doctor(("LD_LIBRARY_PATH", folder.Path)).ExitCode);
    }

    // HOME and XDG_CACHE_HOME are unset, and somebody has made the folder beforehand whose name can be guessed.
    [Fact]
    public async Task Starts_at_once_load_nothing_from_a_folder_whose_name_others_know_and_leave_no_file()
    {
        var (temporary, planted) = (folder["temporary"], folder["planted"]);
        Directory.CreateDirectory(temporary);
        Directory.CreateDirectory(planted);
        foreach (var name in new[] { $"manifold-{Environment.UserName}", $"manifold-{PrivateFolderTests.UserNumber}" })
            if (!Path.Exists(Path.Combine(temporary, name))) File.CreateSymbolicLink(Path.Combine(temporary, name), planted);

        (string, string?)[] environment = [("HOME", null), ("XDG_CACHE_HOME", null), ("TMPDIR", temporary)];
        var starts = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => DoctorAsync(environment)));
        Assert.All(starts, start => Assert.True(start.ExitCode == 0, start.Said));
        Assert.Empty(Directory.GetFileSystemEntries(planted));
        Assert.DoesNotContain(Directory.GetFiles(temporary, "*", SearchOption.AllDirectories), file => file.Contains(".so", StringComparison.Ordinal));
    }

    public static TheoryData<string> Ways => ["memory", "folder"];

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_library_is_loaded_from_its_bytes(string way)
    {
        var library = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "libSkiaSharp.so"));
        var handle = way == "memory" ? NativeBridge.LoadFromMemory(library) : NativeBridge.LoadFromPrivateFolder(library);
        Assert.NotEqual(0, System.Runtime.InteropServices.NativeLibrary.GetExport(handle, "sk_version_get_string"));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Bytes_that_are_no_library_are_refused(string way)
    {
        byte[] page = [.. "<html>"u8];
        Assert.Throws<DllNotFoundException>(() => way == "memory" ? NativeBridge.LoadFromMemory(page) : NativeBridge.LoadFromPrivateFolder(page));
        Assert.Contains("TMPDIR", Assert.Throws<DllNotFoundException>(() => NativeBridge.Load(page)).Message);
    }

    private static string Packages => Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } cache ? cache
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private static string LibTorch => Path.Combine(Packages, "libtorch-cpu-linux-x64", Native.LibTorchVersion, "runtimes", "linux-x64", "native");

    // A folder with the smaller parts of the real libtorch and another libtorch_cpu.so.
    private void Foreign(Action<string> writeCpu)
    {
        foreach (var name in new[] { "libc10.so", "libtorch.so" }) File.Copy(Path.Combine(LibTorch, name), folder[name]);
        writeCpu(folder["libtorch_cpu.so"]);
    }

    private sealed record Facts(int ExitCode, JsonDocument? Json, string Said);

    private static Facts Doctor(params (string, string?)[] environment) => DoctorAsync(environment).GetAwaiter().GetResult();

    private static async Task<Facts> DoctorAsync(params (string, string?)[] environment)
    {
        (string, string?)[] usual = [(Native.FolderVariable, null), ("NUGET_PACKAGES", Packages)];
        var result = await Child.RunAsync(Child.Cli, ["doctor", "--json"], [.. usual, .. environment]);
        return new Facts(result.ExitCode, result.Output.StartsWith('{') ? JsonDocument.Parse(result.Output) : null, result.Output + result.Error);
    }

    private static string? Origin(Facts facts)
    {
        Assert.True(facts.ExitCode == 0, facts.Said);
        return facts.Json!.RootElement.GetProperty("origin").GetString();
    }

    private static string Refused(Facts facts, params string[] words)
    {
        Assert.True(facts.ExitCode == 1, facts.Said);
        var problem = Assert.Single(facts.Json!.RootElement.GetProperty("problems").EnumerateArray().Select(p => p.GetString()!).Distinct());
        Assert.All(words, w => Assert.Contains(w, problem));
        Assert.DoesNotContain('\n', problem);
        Assert.DoesNotContain(". ", problem);                       // one sentence
        return problem;
    }
}
