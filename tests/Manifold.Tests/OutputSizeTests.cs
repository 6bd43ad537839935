namespace Manifold.Tests;

public class OutputSizeTests
{
    // libtorch is 480 MB and must not be copied into every application.
    [Fact]
    public void The_command_line_tools_output_is_under_25_MB()
    {
        var output = AppContext.BaseDirectory.Replace(Path.Combine("tests", "Manifold.Tests"), Path.Combine("src", "Manifold.Cli"));
        Assert.True(File.Exists(Path.Combine(output, "Manifold.Cli.dll")), $"{output} holds no build of the CLI.");
        Assert.InRange(Directory.EnumerateFiles(output, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length), 1, 25_000_000);
    }
}
