"""One step of DCGAN at 64 x 64 in colour, 64 maps next to the picture, batch 32: an update of D and one of G, Adam for each.

Written as its users write it in eager mode: fakes are detached for D, and D's weights are frozen while G learns, so that their gradients are
not worked out. Arguments after the threads: the layout of maps (default or channels_last), and the game: non_saturating, or wasserstein_gp
with a gradient penalty of weight 10 and layer norms for batch norms in D.
"""
import sys

import torch
import torch.nn.functional as F
from torch import nn

import peer

layout = sys.argv[2] if len(sys.argv) > 2 else "default"
game = sys.argv[3] if len(sys.argv) > 3 else "non_saturating"
gp = game == "wasserstein_gp"
torch.manual_seed(0)
width, latent, batch = 64, 100, 32
widths = [width * 8, width * 4, width * 2, width]


def norm(c):
    return nn.GroupNorm(1, c) if gp else nn.BatchNorm2d(c)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.seed = nn.Linear(latent, widths[0] * 16, bias=False)
        layers = []
        for i, c in enumerate(widths):
            last = i == len(widths) - 1
            layers += [nn.BatchNorm2d(c), nn.ReLU(True), nn.ConvTranspose2d(c, 3 if last else widths[i + 1], 4, 2, 1, bias=last)]
        self.body = nn.Sequential(*layers, nn.Tanh())

    def forward(self, z):
        return self.body(self.seed(z).view(-1, widths[0], 4, 4))


layers = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
for a, b in zip(widths[::-1][:-1], widths[::-1][1:]):
    layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False), norm(b), nn.LeakyReLU(0.2, True)]
G, D = Generator(), nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[0] * 16, 1))
for m in [*G.modules(), *D.modules()]:
    if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(m.weight, 0, 0.02)
x = torch.rand(batch, 3, 64, 64) * 2 - 1
if layout == "channels_last":
    G, D, x = (part.to(memory_format=torch.channels_last) for part in (G, D, x))
forG, forD = torch.optim.Adam(G.parameters(), 2e-4, (0.5, 0.999)), torch.optim.Adam(D.parameters(), 2e-4, (0.5, 0.999))


def step():
    with torch.no_grad():
        fake = G(torch.randn(batch, latent))
    real_score, fake_score = D(x), D(fake)
    if gp:
        loss = fake_score.mean() - real_score.mean() + 0.001 * real_score.square().mean()
        t = torch.rand(batch, 1, 1, 1)
        at = (t * x + (1 - t) * fake).requires_grad_()
        slope = torch.autograd.grad(D(at).sum(), at, create_graph=True)[0]
        loss = loss + 10 * (slope.flatten(1).norm(2, 1) - 1).square().mean()
    else:
        loss = F.softplus(-real_score).mean() + F.softplus(fake_score).mean()
    forD.zero_grad()
    loss.backward()
    forD.step()

    D.requires_grad_(False)
    score = D(G(torch.randn(batch, latent)))
    loss = -score.mean() if gp else F.softplus(-score).mean()
    forG.zero_grad()
    loss.backward()
    forG.step()
    D.requires_grad_(True)


peer.serve(step)
