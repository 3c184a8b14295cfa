"""NCSN++ and DDPM++ in PyTorch, with the modules, names and numbers of yang-song/score_sde_pytorch."""
import math

import torch
from torch import nn
from torch.nn import functional as F

TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64)


def filtered(x):
    """Every channel by the filter along both axes, without zeros around it."""
    kernel = (torch.outer(TAPS, TAPS) / TAPS.sum() ** 2).to(x)
    channels = x.shape[1]
    return F.conv2d(x, kernel.expand(channels, 1, 4, 4), groups=channels)


def halve(x, fir):
    return filtered(F.pad(x, (1, 1, 1, 1)))[:, :, ::2, ::2] if fir else F.avg_pool2d(x, 2)


def double(x, fir):
    if not fir:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    batch, channels, height, width = x.shape
    spread = x.new_zeros(batch, channels, 2 * height, 2 * width)
    spread[:, :, ::2, ::2] = x
    return 4 * filtered(F.pad(spread, (2, 1, 2, 1)))


def norm(channels):
    return nn.GroupNorm(min(channels // 4, 32), channels, eps=1e-6)


class Fourier(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.W = nn.Parameter(torch.randn(n), requires_grad=False)

    def forward(self, c):
        angles = 2 * math.pi * c[:, None] * self.W
        return torch.cat([angles.sin(), angles.cos()], 1)


class Pixelwise(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.W = nn.Parameter(torch.randn(channels, channels))
        self.b = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        return torch.einsum('nchw,cd->ndhw', x, self.W) + self.b[:, None, None]


class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.GroupNorm_0 = norm(channels)
        for k in range(4):
            setattr(self, f'NIN_{k}', Pixelwise(channels))

    def forward(self, x):
        h = self.GroupNorm_0(x)
        q, k, v = (part(h).flatten(2) for part in (self.NIN_0, self.NIN_1, self.NIN_2))
        weights = (q.transpose(1, 2) @ k / math.sqrt(x.shape[1])).softmax(2)
        read = (v @ weights.transpose(1, 2)).view(x.shape)
        return (x + self.NIN_3(read)) / math.sqrt(2)


class Picture(nn.Module):
    """A halved picture, read by a convolution of stride two behind the filter."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.Conv2d_0 = nn.Conv2d(inputs, outputs, 3, stride=2)

    def forward(self, x):
        return self.Conv2d_0(filtered(F.pad(x, (2, 2, 2, 2))))


class Block(nn.Module):
    def __init__(self, inputs, outputs, embedding, fir, way=None):
        super().__init__()
        self.fir, self.way = fir, way
        self.GroupNorm_0 = norm(inputs)
        self.Conv_0 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.Dense_0 = nn.Linear(embedding, outputs)
        self.GroupNorm_1 = norm(outputs)
        self.Conv_1 = nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs or way:
            self.Conv_2 = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x, e):
        h = F.silu(self.GroupNorm_0(x))
        if self.way:
            x, h = self.way(x, self.fir), self.way(h, self.fir)
        h = self.Conv_0(h) + self.Dense_0(F.silu(e))[:, :, None, None]
        h = self.Conv_1(F.silu(self.GroupNorm_1(h)))
        return ((self.Conv_2(x) if hasattr(self, 'Conv_2') else x) + h) / math.sqrt(2)


class Net(nn.Module):
    """The modules in the order of their use; NCSN++ with Fourier features and a residual input, or DDPM++."""

    def __init__(self, channels, nf, multiples, n, attends, ncsnpp):
        super().__init__()
        self.nf, self.levels, self.n, self.attends, self.ncsnpp = nf, len(multiples), n, attends, ncsnpp
        self.register_buffer('sigmas', torch.logspace(math.log10(50), -2, 10, dtype=torch.float64))
        modules = [Fourier(nf)] if ncsnpp else []
        modules += [nn.Linear(2 * nf if ncsnpp else nf, 4 * nf), nn.Linear(4 * nf, 4 * nf)]
        modules += [nn.Conv2d(channels, nf, 3, padding=1)]

        def block(inputs, outputs, way=None):
            modules.append(Block(inputs, outputs, 4 * nf, ncsnpp, way))
            return outputs

        width, picture, skips = nf, channels, [nf]
        for level, multiple in enumerate(multiples):
            for _ in range(n):
                width = block(width, multiple * nf)
                if level in attends:
                    modules.append(Attention(width))
                skips.append(width)
            if level + 1 < self.levels:
                block(width, width, halve)
                if ncsnpp:
                    modules.append(Picture(picture, width))
                    picture = width
                skips.append(width)
        block(width, width)
        modules.append(Attention(width))
        block(width, width)
        for level in reversed(range(self.levels)):
            for _ in range(n + 1):
                width = block(width + skips.pop(), multiples[level] * nf)
            if level in attends:
                modules.append(Attention(width))
            if level:
                block(width, width, double)
        modules += [norm(width), nn.Conv2d(width, channels, 3, padding=1)]
        self.all_modules = nn.ModuleList(modules)

    def embed(self, c, modules):
        if self.ncsnpp:
            e = next(modules)(c.log())
        else:
            half = self.nf // 2
            angles = c[:, None] * torch.exp(torch.arange(half).to(c) * (-math.log(10000) / (half - 1)))
            e = torch.cat([angles.sin(), angles.cos()], 1)
        hidden, out = next(modules), next(modules)
        return out(F.silu(hidden(e)))

    def forward(self, x, c):
        """Of pixels from 0 to 1 and the level of NCSN++, or of pixels from −1 to 1 and 999 times the time of DDPM++."""
        modules = iter(self.all_modules)
        e = self.embed(c, modules)
        x = 2 * x - 1 if self.ncsnpp else x
        picture, h = x, next(modules)(x)
        skips = [h]
        for level in range(self.levels):
            for _ in range(self.n):
                h = next(modules)(h, e)
                h = next(modules)(h) if level in self.attends else h
                skips.append(h)
            if level + 1 < self.levels:
                h = next(modules)(h, e)
                if self.ncsnpp:
                    picture = h = (next(modules)(picture) + h) / math.sqrt(2)
                skips.append(h)
        h = next(modules)(h, e)
        h = next(modules)(h)
        h = next(modules)(h, e)
        for level in reversed(range(self.levels)):
            for _ in range(self.n + 1):
                h = next(modules)(torch.cat([h, skips.pop()], 1), e)
            h = next(modules)(h) if level in self.attends else h
            h = next(modules)(h, e) if level else h
        h = F.silu(next(modules)(h))
        h = next(modules)(h)
        return h / c[:, None, None, None] if self.ncsnpp else h
