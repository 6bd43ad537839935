// region: train
using Manifold.Engine;
using Manifold.Evaluation;
using Manifold.Models;
using Manifold.Pictures;
using Manifold.Recipes;
using Manifold.Sampling;

Native.Load();                                                             // before any TorchSharp type is touched

using var run = TrainingRun.Open(new TrainingRequest(RecipeList.Find("vae")) { Changes = ["trainer.examples=20000"], Folder = "runs/first" });
run.Train(progress => { if (progress.ExamplesSeen % 12_800 == 0) Console.WriteLine($"{progress.ExamplesSeen:N0} examples"); });

var trained = TrainedModel.Open("runs/first", weights: "ema", TorchSharp.torch.CPU);
var vae = trained.As<IEvidenceModel>("has a likelihood");
var pictures = vae.Decode(Latents.FromSeeds([0, 1, 2, 3], vae.LatentDim));   // [4, 1, 28, 28], in [0, 1]
File.WriteAllBytes("four.png", Grid.Of(pictures, columns: 4).ToPng());
Console.WriteLine(LatentMetrics.Measure("elbo", vae, run.Data.Test!, TorchSharp.torch.CPU));
// endregion
