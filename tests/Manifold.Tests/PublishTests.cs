namespace Manifold.Tests;

public sealed class PublishTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_published_folder_runs_where_there_is_no_NuGet_cache()
    {
        Publish();
        Directory.CreateDirectory(folder["home"]);
        var result = Child.Run(folder["manifold/manifold"], ["doctor"], Bare, folder: "/");

        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        Assert.Contains($"from {folder["manifold/native"]} (application)", result.Output);
        string[] licences = ["LICENSE", "THIRD-PARTY-LICENSES.md", "licenses/SkiaSharp-THIRD-PARTY-NOTICES.txt", "licenses/Fashion-MNIST-LICENSE.txt", "native/LICENSE-LIBTORCH.txt"];
        Assert.All(licences, name => Assert.True(new FileInfo(folder[$"manifold/{name}"]) is { Exists: true, Length: > 500 }, name));
    }

    [Fact]
    public void Without_libtorch_it_is_small_and_runs_with_one_that_is_named()
    {
        Publish("-p:BundleLibTorch=false");
        Assert.InRange(Directory.EnumerateFiles(folder["manifold"], "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length), 1, 25_000_000);

        var libtorch = Manifold.Engine.Native.Load().LibTorch;
        Assert.Equal(1, Child.Run(folder["manifold/manifold"], ["doctor"], Bare).ExitCode);
        Assert.Equal(0, Child.Run(folder["manifold/manifold"], ["doctor"], [.. Bare, ("MANIFOLD_LIBTORCH", libtorch)]).ExitCode);
    }

    // What the tests were built with; hard links spare copying half a gigabyte.
    private void Publish(params string[] more)
    {
#if DEBUG
        const string configuration = "Debug";
#else
        const string configuration = "Release";
#endif
        string[] arguments =
        [
            "publish", Repository.File("src/Manifold.Cli"), "--no-build", "-c", configuration, "-o", folder["manifold"], "-nodeReuse:false",
            "-p:CreateHardLinksForPublishFilesIfPossible=true", .. more,
        ];
        var result = Child.Run("dotnet", arguments, folder: Repository.Root);
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
    }

    private (string, string?)[] Bare => [("HOME", folder["home"]), ("NUGET_PACKAGES", null), ("MANIFOLD_LIBTORCH", null), ("XDG_CACHE_HOME", null)];
}
