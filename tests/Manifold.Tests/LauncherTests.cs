namespace Manifold.Tests;

public sealed class LauncherTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void It_runs_from_any_folder_through_a_link_and_passes_on_arguments_and_exit_code()
    {
        File.CreateSymbolicLink(folder["mf"], Repository.File("manifold"));
        Directory.CreateDirectory(folder["a folder"]);
        var result = Child.Run(folder["mf"], ["no such verb"], folder: folder["a folder"]);

        Assert.True(result.ExitCode == 2, result.Output + result.Error);
        Assert.Contains("'no such verb'", result.Error);
    }

    [Fact]
    public void Without_dotnet_it_says_so_in_a_sentence()
    {
        foreach (var tool in new[] { "bash", "dirname", "readlink" }) File.CreateSymbolicLink(folder[tool], File.Exists($"/usr/bin/{tool}") ? $"/usr/bin/{tool}" : $"/bin/{tool}");
        var result = Child.Run(Repository.File("manifold"), ["doctor"], [("PATH", folder.Path)]);
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith("manifold: Manifold needs the .NET SDK 10, and there is no `dotnet` in PATH", result.Error);
    }

    [Fact]
    public void An_older_SDK_is_refused_by_its_number()
    {
        File.WriteAllText(folder["dotnet"], "#!/bin/sh\necho '8.0.100 [/usr/share/dotnet/sdk]'\n");
        File.SetUnixFileMode(folder["dotnet"], UnixFileMode.UserRead | UnixFileMode.UserExecute);
        File.Copy(Repository.File("manifold"), folder["manifold"]);      // a copy of its own has no build, so it needs one
        var result = Child.Run(folder["manifold"], ["doctor"], [("PATH", $"{folder.Path}:{Environment.GetEnvironmentVariable("PATH")}")]);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("the newest that `dotnet --list-sdks` shows is 8", result.Error);
    }
}
