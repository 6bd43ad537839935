#:property PublishAot=false
#:property RuntimeIdentifier=
#:property AllowUnsafeBlocks=false
#:property RestorePackagesWithLockFile=false

// The work on Manifold itself, one command each:
//
//   dotnet run dev.cs -- check                          build with warnings as errors, format, tests; what CI runs
//   dotnet run dev.cs -- golden                         train small and compare with golden/
//   dotnet run dev.cs -- docs [--write]                 the code in the documents is the code in samples/
//   dotnet run dev.cs -- bench [--only NAME] [--json]   how fast it is

using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

Environment.CurrentDirectory = Path.GetDirectoryName(Here())!;

return args switch
{
    ["check"] => Run("bash", ".ci/run"),
    ["golden", .. var rest] => RunProject("tests/Manifold.Golden", ["test", "-c", "Release", "tests/Manifold.Golden", .. rest]),
    ["docs"] => Docs(write: false),
    ["docs", "--write"] => Docs(write: true),
    ["bench", .. var rest] => RunProject("bench/Manifold.Bench", ["run", "-c", "Release", "--project", "bench/Manifold.Bench", "--", .. rest]),
    _ => Usage(),
};

static string Here([CallerFilePath] string file = "") => file;

static int Usage()
{
    Console.Error.WriteLine("usage: dotnet run dev.cs -- check | golden | docs [--write] | bench [--only NAME] [--json]");
    return 2;
}

static int RunProject(string project, string[] arguments)
{
    if (Directory.Exists(project)) return Run("dotnet", arguments);
    Console.Error.WriteLine($"There is no {project} yet.");
    return 1;
}

static int Run(string program, params string[] arguments)
{
    using var process = Process.Start(program, arguments);
    process.WaitForExit();
    return process.ExitCode;
}

// In a document:                        In samples/First.cs:
//   <!-- samples/First.cs#sample -->      // region: sample
//   ```csharp                             var x = model.Sample(16);
//   var x = model.Sample(16);             // endregion
//   ```
static int Docs(bool write)
{
    var wrong = new List<string>();
    var blocks = 0;
    var documents = Files(".", "README.md", SearchOption.TopDirectoryOnly).Concat(Files("docs", "*.md")).ToArray();
    foreach (var document in documents)
    {
        var text = File.ReadAllText(document);
        var after = Regex.Replace(text, @"(?m)^(?:<!-- *(?<source>[^#\s]+)#(?<region>[\w-]+) *-->\n)?```csharp\n(?<code>(?s:.*?))^```$", block =>
        {
            blocks++;
            var line = text.AsSpan(0, block.Index).Count('\n') + 1;
            var (source, region) = (block.Groups["source"].Value, block.Groups["region"].Value);
            if (source == "") return Wrong(block, $"{document}:{line}: this code is from no sample; put `<!-- samples/FILE.cs#REGION -->` on the line before.");
            if (!File.Exists(source)) return Wrong(block, $"{document}:{line}: there is no {source}.");
            if (Region(source, region) is not { } code) return Wrong(block, $"{document}:{line}: {source} has no region {region}; it has {string.Join(", ", Regions(source))}.");
            if (code == block.Groups["code"].Value) return block.Value;
            if (!write) return Wrong(block, $"{document}:{line}: this is not the region {region} of {source}; `dotnet run dev.cs -- docs --write` copies it here.");
            return $"<!-- {source}#{region} -->\n```csharp\n{code}```";
        });
        if (write && after != text) File.WriteAllText(document, after);
    }

    // The regions are only as good as the programs that they are cut from.
    var programs = Files("samples", "*.csproj");
    foreach (var program in programs)
        if (Run("dotnet", "build", program, "-nologo", "-v", "quiet") != 0) wrong.Add($"{program} does not build.");

    foreach (var line in wrong) Console.Error.WriteLine(line);
    Console.WriteLine($"{blocks} pieces of code in {documents.Length} documents, {programs.Length} programs built, {wrong.Count} wrong");
    return wrong.Count == 0 ? 0 : 1;

    string Wrong(Match block, string what)
    {
        wrong.Add(what);
        return block.Value;
    }
}

static string[] Files(string folder, string pattern, SearchOption depth = SearchOption.AllDirectories) =>
    Directory.Exists(folder) ? [.. Directory.GetFiles(folder, pattern, depth).Order(StringComparer.Ordinal)] : [];

static IEnumerable<string> Regions(string source) =>
    File.ReadLines(source).Select(line => Regex.Match(line, @"^\s*// region: ([\w-]+)\s*$")).Where(m => m.Success).Select(m => m.Groups[1].Value);

// The lines of a region without the indentation that they share, regions inside it left out; null if there is none of this name.
static string? Region(string source, string name)
{
    var lines = File.ReadLines(source).SkipWhile(line => line.Trim() != $"// region: {name}").Skip(1).ToList();
    var depth = 1;
    var end = lines.FindIndex(line => (depth += Regex.IsMatch(line, @"^\s*// region: ") ? 1 : line.Trim() == "// endregion" ? -1 : 0) == 0);
    if (end < 0) return null;

    var code = lines[..end].Where(line => !Regex.IsMatch(line, @"^\s*// (region: |endregion\s*$)")).ToList();
    var margin = code.Where(line => line.Trim() != "").Select(line => line.Length - line.TrimStart().Length).DefaultIfEmpty(0).Min();
    return string.Concat(code.Select(line => (line.Length >= margin ? line[margin..] : "") + "\n"));
}
