using System.Text.Json;
using System.Text.RegularExpressions;

namespace Manifold.Tests;

public class LicenceTests
{
    /// <summary>Packages with files that run, by what the build of the CLI says that it needs.</summary>
    [Fact]
    public void Every_package_of_a_published_folder_is_listed_with_its_version_and_licence()
    {
        using var dependencies = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Manifold.Cli.deps.json")));
        var needed = dependencies.RootElement.GetProperty("targets").EnumerateObject().SelectMany(target => target.Value.EnumerateObject())
            .Where(package => !package.Name.StartsWith("Manifold", StringComparison.Ordinal))
            .Where(package => package.Value.TryGetProperty("runtime", out _) || package.Value.TryGetProperty("native", out _))
            .Select(package => package.Name).Distinct().Order(StringComparer.Ordinal).ToList();
        Assert.True(needed.Count > 10, $"only {needed.Count} packages were found");

        var listed = Regex.Matches(File.ReadAllText(Repository.File("THIRD-PARTY-LICENSES.md")), @"^\| ([\w.]+) \| ([\d.]+) \| [^|]*(MIT|BSD)[^|]* \| [^|]+ \|$", RegexOptions.Multiline)
            .Select(row => $"{row.Groups[1].Value}/{row.Groups[2].Value}").Order(StringComparer.Ordinal).ToList();
        Assert.Equal(needed, listed);
    }

    [Fact]
    public void Every_project_records_the_hashes_of_its_packages()
    {
        var projects = Directory.GetFiles(Repository.Root, "*.csproj", SearchOption.AllDirectories).Where(path => !path.Contains("/artifacts/", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(projects);
        Assert.All(projects, path => Assert.True(File.Exists(Path.Combine(Path.GetDirectoryName(path)!, "packages.lock.json")), path));
        Assert.Contains("RestoreLockedMode=true", File.ReadAllText(Repository.File(".ci/run")));
    }
}
