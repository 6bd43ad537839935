"""One step of the gated PixelCNN: 16 channels, 7 x 7, then five layers of 5 x 5, two gated 1 x 1 and the logits, one channel of coins, batch 64, Adam.

Written as its users write it in eager mode: a masked convolution is a full convolution whose weight is multiplied with a mask, here with weight
norm of the masked weight. The second argument is the layout of maps: default or channels_last.
"""
import sys

import torch
import torch.nn.functional as F
from torch import nn

import peer


class Masked(nn.Module):
    def __init__(self, inputs, outputs, rows, columns, kind):
        super().__init__()
        mask = torch.ones(outputs, inputs, rows, columns)
        mask[:, :, rows // 2 + 1:] = 0
        if kind != "row":
            mask[:, :, rows // 2, columns // 2 + (kind == "B"):] = 0
        self.register_buffer("mask", mask)
        self.v = nn.Parameter(torch.randn(outputs, inputs, rows, columns) * mask / mask.sum((1, 2, 3), keepdim=True).clamp(min=1).sqrt())
        self.g = nn.Parameter((self.v * mask).square().sum((1, 2, 3)).sqrt())
        self.b = nn.Parameter(torch.zeros(outputs))
        self.padding = (rows // 2, columns // 2)

    def forward(self, x):
        v = self.v * self.mask
        w = v * (self.g[:, None, None, None] / (v.square().sum((1, 2, 3), keepdim=True) + 1e-12).sqrt())
        return F.conv2d(x, w, self.b, padding=self.padding)


def gate(x):
    a, b = x.chunk(2, dim=1)
    return torch.tanh(a) * torch.sigmoid(b)


class Layer(nn.Module):
    def __init__(self, inputs, channels, kernel, first):
        super().__init__()
        self.first = first
        self.vertical = Masked(inputs, 2 * channels, kernel, kernel, "row")
        self.down = Masked(2 * channels, 2 * channels, 1, 1, "row")
        self.horizontal = Masked(inputs, 2 * channels, 1, kernel, "A" if first else "B")
        self.mix = Masked(channels, channels, 1, 1, "B")

    def forward(self, above, left):
        v = self.vertical(above)
        h = self.horizontal(left) + self.down(F.pad(v, (0, 0, 1, 0))[:, :, :-1])
        out = self.mix(gate(h))
        return gate(v), out if self.first else left + out


class Net(nn.Module):
    def __init__(self, channels=16, layers=5):
        super().__init__()
        self.layers = nn.ModuleList([Layer(2, channels, 7, True), *[Layer(channels, channels, 5, False) for _ in range(layers)]])
        self.tops = nn.ModuleList([Masked(channels, 2 * channels, 1, 1, "B"), Masked(channels, 2 * channels, 1, 1, "B")])
        self.last = Masked(channels, 1, 1, 1, "B")

    def forward(self, x):
        v = h = torch.cat([2 * x - 1, torch.ones_like(x)], 1)
        for layer in self.layers:
            v, h = layer(v, h)
        for top in self.tops:
            h = gate(top(h))
        return self.last(h)


torch.manual_seed(0)
net = Net()
x = torch.bernoulli(torch.full((64, 1, 28, 28), 0.3))
if len(sys.argv) > 2 and sys.argv[2] == "channels_last":
    net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)


def step():
    loss = F.binary_cross_entropy_with_logits(net(x), x, reduction="none").sum((1, 2, 3)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


peer.serve(step)
