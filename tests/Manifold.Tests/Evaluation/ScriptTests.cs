using System.IO.Compression;
using System.Text;
using Manifold.Data;
using Manifold.Engine;
using Manifold.Evaluation;
using TorchSharp;
using static TorchSharp.torch;

namespace Manifold.Tests.Evaluation;

/// <summary>A TorchScript file is code, and runs in a process that may die.</summary>
public sealed class ScriptTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly TemporaryFolder folder = new();
    private readonly Tensor pictures = full([2, 3, 4, 4], 0.5f);

    public void Dispose()
    {
        scope.Dispose();
        folder.Dispose();
    }

    /// <summary>As torch.jit.save lays a module out: its code as text, and itself as a pickle.</summary>
    internal static string Write(string path, string body, string arguments = "img: Tensor", string result = "Tensor")
    {
        using var zip = ZipFile.Open(path, ZipArchiveMode.Create);
        void Add(string name, byte[] bytes)
        {
            using var to = zip.CreateEntry($"net/{name}", CompressionLevel.NoCompression).Open();
            to.Write(bytes);
        }
        Add("data.pkl", [0x80, 2, .. "c__torch__\nNet\n)"u8, 0x81, .. "}X\u0008\0\0\0training"u8, 0x89, .. "sb."u8]);
        Add("code/__torch__.py", Encoding.UTF8.GetBytes($"class Net(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n  def forward(self: __torch__.Net,\n    {arguments}) -> {result}:\n    {body}\n"));
        Add("constants.pkl", [0x80, 2, .. ")."u8]);
        Add("version", "3\n"u8.ToArray());
        return path;
    }

    private Extractor Opened(string body, TimeSpan? limit = null, string result = "Tensor") => Extractor.Script(Write(folder["net.pt"], body, result: result), limit);

    private string Refusal(string body, TimeSpan? limit = null, string result = "Tensor")
    {
        using var extractor = Opened(body, limit, result);
        return Assert.Throws<MetricException>(() => extractor.Features(pictures)).Message;
    }

    [Fact]
    public void Features_are_those_of_the_same_arithmetic_here()
    {
        using var script = Opened("return torch.mean(img, [2, 3])");
        var x = rand(130, 3, 4, 4);                                                        // two batches
        Assert.Equal((x * 255).round().mean([2, 3]).data<float>().ToArray(), script.Features(x).data<float>().ToArray());
    }

    // aten::from_file with shared=True maps a file for writing, and makes it if need be.
    [Fact]
    public void A_script_writes_and_makes_no_file()
    {
        Assert.SkipUnless(ScriptLimits.HasLandlock, "This kernel has no Landlock, which keeps a script from writing files.");
        File.WriteAllBytes(folder["kept"], new byte[64]);
        foreach (var name in new[] { "kept", "made" })
        {
            File.Delete(folder["net.pt"]);
            using var script = Opened($"x = torch.from_file(\"{folder[name]}\", True, 16, dtype=6)\n    y = torch.fill_(x, 1.)\n    return torch.add(torch.mean(img, [2, 3]), torch.mean(y))");
            Assert.Contains("failed on pictures", Assert.Throws<MetricException>(() => script.Features(pictures)).Message);
        }
        Assert.Equal(new byte[64], File.ReadAllBytes(folder["kept"]));
        Assert.False(File.Exists(folder["made"]));
    }

    [Theory]
    [InlineData("return torch.div(torch.mean(img, [2, 3]), 0.)", "gives features that are NaN or infinite")]
    [InlineData("return torch.zeros([torch.size(img, 0), 10000000])", "gives 10,000,000 features for each picture; metrics take 8,192 at most")]
    [InlineData("return torch.mm(img, img)", "failed on pictures [2, 3, 4, 4] of 0 to 255")]
    [InlineData("return torch.mean(img)", "a row of features for each")]
    [InlineData("return torch.mean(img, [0, 2, 3])", "a row of features for each")]
    [InlineData("return torch.gt(torch.mean(img, [2, 3]), 1)", "of Bool; features need to be floating-point numbers")]
    [InlineData("return torch.view(img, [1, -1])", "[1, 96] for 2 pictures")]
    [InlineData("return torch.mean(torch.zeros([100000000000, 2, 3]), [1])", "failed on pictures")]
    public void What_a_script_gets_wrong_is_said(string body, string message) => Assert.Contains(message, Refusal(body));

    [Fact]
    public void Something_that_is_no_tensor_is_said() => Assert.Contains("a row of features for each", Refusal("return 1.5", result: "float"));

    [Fact]
    public void What_takes_too_long_is_ended()
    {
        const string endless = "x = img\n    while bool(1):\n      x = torch.add(x, 1)\n    return x";
        Assert.Contains("took longer than 3 s on pictures", Refusal(endless, TimeSpan.FromSeconds(3)));
    }

    // What it prints goes to the standard error; answers are counted and not searched for.
    [Fact]
    public void What_a_script_prints_is_no_answer()
    {
        using var script = Opened("print(\"features\")\n    return torch.mean(img, [2, 3])");
        Assert.Equal([2, 3], script.Features(pictures).shape);
        Assert.Equal([2, 3], script.Features(pictures).shape);
    }

    // Each of these ended the process that loaded it.
    [Theory]
    [InlineData("return torch.no_such_operator(img)")]
    [InlineData("return torch.mean(img, \"a string\")")]
    [InlineData("return torch.mean(img, [2, 3], 1, 2, 3, 4)")]
    [InlineData("return ((")]
    [InlineData("return torch.mean(nothing, [2, 3])")]
    public void Code_that_cannot_be_loaded_ends_no_process_of_ours(string body) =>
        Assert.Contains("net.pt", Assert.Throws<MetricException>(() => Opened(body)).Message);

    [Fact]
    public void Code_that_is_nested_deep_ends_no_process_of_ours()
    {
        var deep = string.Concat(Enumerable.Repeat("torch.neg(", 100_000)) + "img" + new string(')', 100_000);
        Assert.Contains("net.pt", Assert.Throws<MetricException>(() => Opened($"return {deep}")).Message);
    }

    [Fact]
    public void Mutated_files_are_refused_or_run_and_end_no_process_of_ours()
    {
        var good = File.ReadAllBytes(Write(folder["good.pt"], "return torch.mean(img, [2, 3])"));
        var refused = Mutations.Try(good, 12, bytes =>
        {
            File.WriteAllBytes(folder["bad.pt"], bytes);
            try
            {
                using var script = Extractor.Script(folder["bad.pt"], TimeSpan.FromSeconds(20));
                script.Features(pictures).Dispose();
                return true;
            }
            catch (MetricException) { return false; }
        });
        Assert.InRange(refused, 1, 12);
    }

    [Fact]
    public void The_process_ends_with_its_extractor_and_another_file_can_be_told()
    {
        using (var script = Opened("return torch.mean(img, [2, 3])")) Assert.Equal(1, Children());
        Assert.Equal(0, Children());
    }

    /// <summary>Processes of scripts that this process has.</summary>
    internal static int Children() => Directory.GetDirectories("/proc").Count(process =>
    {
        try { return File.ReadAllText(Path.Combine(process, "cmdline")).Contains($"\0{ScriptProcess.Verb}\0", StringComparison.Ordinal) && File.ReadAllText(Path.Combine(process, "stat")).Split(')')[^1].Split(' ')[2] == $"{Environment.ProcessId}"; }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return false; }
    });

    // The file that a link names is what is hashed and run; what it names later is another matter.
    [Fact]
    public void What_was_hashed_is_what_runs()
    {
        Write(folder["one.pt"], "return torch.mean(img, [2, 3])");
        File.CreateSymbolicLink(folder["link.pt"], folder["one.pt"]);
        var file = ScriptFile.Read(folder["link.pt"]);
        Assert.Equal(ScriptFile.Read(folder["one.pt"]).Hash, file.Hash);
        File.Delete(folder["one.pt"]);
        Write(folder["one.pt"], "return torch.mm(img, img)");
        using var script = Extractor.Script(file);
        Assert.Equal([2, 3], script.Features(pictures).shape);
        Assert.Equal(file.ShortHash, script.Hash);
    }

    [Fact]
    public void What_is_no_regular_file_is_refused_and_not_waited_for()
    {
        File.CreateSymbolicLink(folder["zero"], "/dev/zero");
        File.CreateSymbolicLink(folder["gone"], folder["nowhere"]);
        File.WriteAllText(folder["empty"], "");
        Assert.Equal(0, Child.Run("mkfifo", [folder["pipe"]]).ExitCode);
        foreach (var name in new[] { "zero", "empty", "pipe" }) Assert.Contains("is empty, or no regular file", Assert.Throws<MetricException>(() => ScriptFile.Read(folder[name])).Message);
        Assert.Throws<MetricException>(() => ScriptFile.Read(folder["gone"]));
    }
}
