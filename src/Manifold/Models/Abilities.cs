using Manifold.Data;
using static TorchSharp.torch;

namespace Manifold.Models;

/// <summary>A model that makes a picture of a code z.</summary>
public interface IDecoder
{
    PictureShape Shape { get; }

    /// <summary>D, the size of z.</summary>
    long LatentDim { get; }

    /// <summary>Pictures in [0, 1], [B, C, H, W], of codes [B, D]: the mean, where the model gives a distribution.</summary>
    Tensor Decode(Tensor z);
}

/// <summary>A model that finds the code of a picture.</summary>
public interface IEncoder
{
    /// <summary>Codes [B, D] of pictures [B, C, H, W] in [0, 1]: the posterior's mean and the log of its variance.</summary>
    (Tensor Mu, Tensor Logvar) Encode(Tensor x);
}

/// <summary>A latent-variable model whose likelihood is bounded through its posterior.</summary>
public interface IEvidenceModel : IDecoder, IEncoder
{
    /// <summary>The ELBO of each example by one sample of z and the analytic KL.</summary>
    ElboTerms Elbo(Batch batch);

    /// <summary>log w_k = log p(x, z_k) - log q(z_k | x) of K samples of z for each example, [K, B], nats.</summary>
    Tensor LogWeights(Batch batch, int k);
}
