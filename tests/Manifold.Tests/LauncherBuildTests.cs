namespace Manifold.Tests;

/// <summary>The script that builds what changed and runs it, with a `dotnet` that only pretends to build.</summary>
public sealed class LauncherBuildTests : IDisposable
{
    private const string Fake = """
        #!/usr/bin/env bash
        if [ "$1" = --list-sdks ]; then echo "10.0.100 [/sdk]"; exit; fi
        project=$2
        while [ $# -gt 0 ]; do if [ "$1" = -o ]; then out=$2; fi; shift; done
        mkdir -p "$project/obj" "$project/../Manifold/obj" "$out"
        printf '#!/usr/bin/env bash\necho ran "$@"\n' >"$out/Manifold.Cli"
        chmod +x "$out/Manifold.Cli"
        """;

    private readonly TemporaryFolder folder = new();

    public LauncherBuildTests()
    {
        foreach (var source in new[] { "clone/src/Manifold/Library.cs", "clone/src/Manifold.Cli/Program.cs", "clone/Directory.Build.props", "clone/global.json", "bin/dotnet" })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder[source])!);
            File.WriteAllText(folder[source], source == "bin/dotnet" ? Fake : "");
            File.SetLastWriteTimeUtc(folder[source], DateTime.UtcNow.AddMinutes(-1));
        }
        File.Copy(Repository.File("manifold"), folder["clone/manifold"]);
        if (OperatingSystem.IsLinux()) File.SetUnixFileMode(folder["bin/dotnet"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_clone_is_built_once_whatever_folders_a_build_makes()
    {
        Assert.Equal(("ran list\n", "Building Manifold (first time only)…\n"), Start());
        Assert.Equal(("ran list\n", ""), Start());
        Directory.CreateDirectory(folder["clone/src/Manifold.Cli/bin/Release"]);        // as `dotnet test` makes it
        File.WriteAllText(folder["clone/src/Manifold.Cli/bin/Release/Manifold.Cli.dll"], "");
        Assert.Equal(("ran list\n", ""), Start());
    }

    [Fact]
    public void It_is_built_again_when_a_source_is_edited_added_moved_or_removed()
    {
        const string again = "Building Manifold (its sources changed)…\n";
        Start();

        File.SetLastWriteTimeUtc(folder["clone/src/Manifold/Library.cs"], DateTime.UtcNow.AddSeconds(2));
        Assert.Equal(again, Start().Error);
        File.SetLastWriteTimeUtc(folder["clone/src/Manifold/Library.cs"], DateTime.UtcNow.AddMinutes(-1));

        File.WriteAllText(folder["clone/src/Manifold/New.cs"], "");
        File.SetLastWriteTimeUtc(folder["clone/src/Manifold/New.cs"], DateTime.UtcNow.AddMinutes(-5));        // as a copy that keeps the time
        Assert.Equal(again, Start().Error);

        File.Move(folder["clone/src/Manifold/New.cs"], folder["clone/src/Manifold/Old.cs"]);
        Assert.Equal(again, Start().Error);

        File.Delete(folder["clone/src/Manifold/Old.cs"]);
        Assert.Equal(again, Start().Error);
        Assert.Equal("", Start().Error);
    }

    private (string Output, string Error) Start()
    {
        var result = Child.Run("bash", [folder["clone/manifold"], "list"], [("PATH", $"{folder["bin"]}:{Environment.GetEnvironmentVariable("PATH")}")]);
        Assert.True(result.ExitCode == 0, result.Error);
        return (result.Output, result.Error);
    }
}
