"""One step of the VAE with convolutions, the networks that PixelVAE uses on MNIST: 32, 32 s2, 32, 64 s2, 64, 64 s2, 64, 64 and the mirror
with transposed 4 x 4 convolutions, 32 latents, ReLU, Bernoulli pixels, analytic KL, batch 64, Adam.

Written as its users write it in eager mode. The second argument is the layout of maps: default (what a user gets) or channels_last.
"""
import sys

import torch
import torch.nn.functional as F
from torch import nn

import peer


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(32, 64 * 4 * 4)
        self.small = nn.Sequential(nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(64, 64, 4, 2, 1))
        self.large = nn.Sequential(
            nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(64, 32, 4, 2, 1),
            nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 1, 3, padding=1))

    def forward(self, z):
        return self.large(self.small(self.head(z).view(-1, 64, 4, 4))[:, :, :7, :7])


torch.manual_seed(0)
encoder = nn.Sequential(
    nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
    nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, 2, 1), nn.ReLU(),
    nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 64))
decoder = Decoder()
x = torch.bernoulli(torch.full((64, 1, 28, 28), 0.3))
if len(sys.argv) > 2 and sys.argv[2] == "channels_last":
    encoder, decoder, x = (part.to(memory_format=torch.channels_last) for part in (encoder, decoder, x))
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)


def step():
    mu, logvar = encoder(x).chunk(2, dim=1)
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    rec = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="none").sum((1, 2, 3))
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1)
    loss = (rec + kl).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


peer.serve(step)
