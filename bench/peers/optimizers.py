"""A training step of one of three networks under Adam: mlp, conv, small. Arguments: threads, network, implementation of Adam."""
import sys

import torch
from torch import nn

import peer

torch.manual_seed(0)
name = sys.argv[2]
if name == "mlp":
    network = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 20), nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    x = torch.rand(128, 784)
elif name == "conv":
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(3136, 10))
    x = torch.rand(64, 1, 28, 28)
else:
    network = nn.Sequential(*[nn.Linear(8, 8) for _ in range(100)])
    x = torch.rand(16, 8)
kind = sys.argv[3] if len(sys.argv) > 3 else "default"
optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, **({} if kind == "default" else {kind: True}))


def step():
    loss = network(x).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


peer.serve(step)
