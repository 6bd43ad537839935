"""One step of PixelCNN++: 24 filters, a block at each of three sizes, 32 x 32 in colour, a mixture of ten logistics, batch 16, Adam.

Written as its users write it in eager mode (weight norm by hand, as every port does, without its start from the data). The second argument is
the layout of maps: default or channels_last.
"""
import sys

import torch
import torch.nn.functional as F
from torch import nn

import peer


def elu(x):
    return F.elu(torch.cat([x, -x], 1))


class Conv(nn.Module):
    def __init__(self, inputs, outputs, rows, columns, sides, scale=0):
        super().__init__()
        self.rows, self.columns, self.sides, self.scale = rows, columns, sides, scale
        self.v = nn.Parameter(torch.randn(*((inputs, outputs) if scale > 0 else (outputs, inputs)), rows, columns) * 0.05)
        self.g = nn.Parameter(torch.ones(outputs))
        self.b = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        axes, shape = ((0, 2, 3), (1, -1, 1, 1)) if self.scale > 0 else ((1, 2, 3), (-1, 1, 1, 1))
        w = self.v * (self.g.view(shape) / (self.v.square().sum(axes, keepdim=True) + 1e-12).sqrt())
        if self.scale > 0:
            y = F.conv_transpose2d(x, w, self.b, stride=2)
            first = (self.columns - 1) // 2 if self.sides else 0
            return y[:, :, :2 * x.shape[2], first:first + 2 * x.shape[3]]
        before = (self.columns - 1) // 2 if self.sides else self.columns - 1
        return F.conv2d(F.pad(x, (before, self.columns - 1 - before, self.rows - 1, 0)), w, self.b, stride=2 if self.scale < 0 else 1)


class Block(nn.Module):
    def __init__(self, f, sides, others):
        super().__init__()
        self.first, self.second = Conv(2 * f, f, 2, 3 if sides else 2, sides), Conv(2 * f, 2 * f, 2, 3 if sides else 2, sides)
        self.beside = Conv(2 * f * others, f, 1, 1, sides) if others else None

    def forward(self, x, *others):
        h = self.first(elu(x))
        if others:
            h = h + self.beside(torch.cat([elu(o) for o in others], 1))
        a, b = self.second(F.dropout(elu(h), 0.5, self.training)).chunk(2, dim=1)
        return x + a * torch.sigmoid(b)


class Net(nn.Module):
    def __init__(self, f=24, blocks=1, sizes=3, components=10):
        super().__init__()
        self.sizes = sizes
        self.rows, self.above, self.left = Conv(4, f, 2, 3, True), Conv(4, f, 1, 3, True), Conv(4, f, 2, 1, False)
        self.down = nn.ModuleList([nn.ModuleList([nn.ModuleList([Block(f, True, 0), Block(f, False, 1)]) for _ in range(blocks)]) for _ in range(sizes)])
        self.up = nn.ModuleList([nn.ModuleList([nn.ModuleList([Block(f, True, 1), Block(f, False, 2)]) for _ in range(blocks + (s > 0))]) for s in range(sizes)])
        self.halve = nn.ModuleList([nn.ModuleList([Conv(f, f, 2, 3, True, -1), Conv(f, f, 2, 2, False, -1)]) for _ in range(sizes - 1)])
        self.doubled = nn.ModuleList([nn.ModuleList([Conv(f, f, 2, 3, True, 1), Conv(f, f, 2, 2, False, 1)]) for _ in range(sizes - 1)])
        self.last = Conv(f, 10 * components, 1, 1, False)

    def forward(self, x):
        x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
        u = F.pad(self.rows(x), (0, 0, 1, 0))[:, :, :-1]
        l = F.pad(self.above(x), (0, 0, 1, 0))[:, :, :-1] + F.pad(self.left(x), (1, 0))[:, :, :, :-1]
        kept = [(u, l)]
        for s in range(self.sizes):
            for of_u, of_l in self.down[s]:
                u = of_u(u)
                l = of_l(l, u)
                kept.append((u, l))
            if s + 1 < self.sizes:
                u, l = self.halve[s][0](u), self.halve[s][1](l)
                kept.append((u, l))
        u, l = kept.pop()
        for s in range(self.sizes):
            for of_u, of_l in self.up[s]:
                mirror_u, mirror_l = kept.pop()
                u = of_u(u, mirror_u)
                l = of_l(l, u, mirror_l)
            if s + 1 < self.sizes:
                u, l = self.doubled[s][0](u), self.doubled[s][1](l)
        return self.last(F.elu(l))


def loss_of(x, out, k=10):
    """The published loss, in PyTorch's layout; x on [-1, 1]."""
    b, _, h, w = out.shape
    logits, rest = out[:, :k], out[:, k:].view(b, 3, 3 * k, h, w)
    means, scales, coeffs = rest[:, :, :k], rest[:, :, k:2 * k].clamp(min=-7), torch.tanh(rest[:, :, 2 * k:])
    x = x.unsqueeze(2)
    m1 = means[:, 1] + coeffs[:, 0] * x[:, 0]
    m2 = means[:, 2] + coeffs[:, 1] * x[:, 0] + coeffs[:, 2] * x[:, 1]
    centred = x - torch.stack([means[:, 0], m1, m2], 1)
    inverse = torch.exp(-scales)
    plus, minus = inverse * (centred + 1 / 255), inverse * (centred - 1 / 255)
    delta = torch.sigmoid(plus) - torch.sigmoid(minus)
    middle = inverse * centred
    density = middle - scales - 2 * F.softplus(middle)
    inner = torch.where(delta > 1e-5, torch.log(delta.clamp(min=1e-12)), density - 4.848)
    each = torch.where(x < -0.999, plus - F.softplus(plus), torch.where(x > 0.999, -F.softplus(minus), inner))
    return -torch.logsumexp(each.sum(1) + F.log_softmax(logits, 1), 1).sum((1, 2))


torch.manual_seed(0)
net = Net()
x = torch.randint(0, 256, (16, 3, 32, 32)).float() / 127.5 - 1
if len(sys.argv) > 2 and sys.argv[2] == "channels_last":
    net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)


def step():
    loss = loss_of(x, net(x)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


peer.serve(step)
