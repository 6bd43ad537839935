using TorchSharp;
var f = Manifold.Engine.Native.Find();
var sw = System.Diagnostics.Stopwatch.StartNew();
Console.WriteLine($"{f} missing: {string.Join("\n", Manifold.Engine.Native.MissingSymbols(f))} {sw.ElapsedMilliseconds} ms");
Console.WriteLine(Manifold.Engine.Native.Load());
P.Go();
static class P { public static void Go() { torch.manual_seed(0); Console.WriteLine(torch.randn(4).ToString(TorchSharp.TensorStringStyle.Julia)); Console.WriteLine(torch.__version__); } }
