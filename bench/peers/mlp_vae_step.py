"""One step of the VAE with an MLP each way: 784-400-40 and 20-400-784, ReLU, Bernoulli pixels, analytic KL, batch 128, Adam.

Written as its users write it in eager mode. The second argument is Adam's implementation: default (what a user gets), fused or foreach.
"""
import sys

import torch
import torch.nn.functional as F
from torch import nn

import peer

torch.manual_seed(0)
encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
parameters = [*encoder.parameters(), *decoder.parameters()]
kind = sys.argv[2] if len(sys.argv) > 2 else "default"
optimizer = torch.optim.Adam(parameters, lr=1e-3, **({} if kind == "default" else {kind: True}))
x = torch.bernoulli(torch.full((128, 784), 0.3))


def step():
    mu, logvar = encoder(x).chunk(2, dim=1)
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    rec = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="none").sum(1)
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1)
    loss = (rec + kl).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


peer.serve(step)
