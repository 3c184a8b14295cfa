"""A score at every noise level by the RefineNet of NCSN or NCSNv2, in PyTorch.

    model = load()                      # config.json and weights.safetensors beside this file
    model.score(y, sigma)               # y [n, dim], pixels from -1 to 1; sigma [n]; the result [n, dim]
    model.denoise(y, sigma)             # E[y0 | y]

Noise levels are of pixels from -1 to 1: twice those of the papers, whose pixels are from 0 to 1.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

FUNCTIONS = {'elu': F.elu, 'silu': F.silu, 'softplus': F.softplus, 'tanh': torch.tanh}


class Norm(nn.Module):
    """Instance normalisation++ with a row of numbers for each class."""

    def __init__(self, channels, classes):
        super().__init__()
        self.gain, self.lift, self.bias = (nn.Parameter(torch.zeros(classes, channels)) for _ in range(3))

    def forward(self, x, level):
        gain, lift, bias = (t[level][:, :, None, None] for t in (self.gain, self.lift, self.bias))
        means = x.mean((2, 3), keepdim=True)
        spread = means.var(1, keepdim=True)
        means = (means - means.mean(1, keepdim=True)) / (spread + 1e-5).sqrt()
        return gain * (F.instance_norm(x) + lift * means) + bias


def conv(inputs, outputs, size=3, dilation=1, bias=True):
    return nn.Conv2d(inputs, outputs, size, padding=dilation * (size // 2), dilation=dilation, bias=bias)


class Block(nn.Module):
    def __init__(self, inputs, outputs, down, dilation, classes, sigma):
        super().__init__()
        self.sigma, self.halving = sigma, down and dilation == 1
        self.first_norm, self.second_norm = Norm(inputs, classes), Norm(inputs, classes)
        self.first, self.second = conv(inputs, inputs, 3, dilation), conv(inputs, outputs, 3, dilation)
        self.shortcut = conv(inputs, outputs, 1 if self.halving else 3, dilation) if down else nn.Identity()

    def forward(self, x, level):
        h = self.first(self.sigma(self.first_norm(x, level)))
        y = self.shortcut(x) + self.second(self.sigma(self.second_norm(h, level)))
        return F.avg_pool2d(y, 2) if self.halving else y


class Layered(nn.Module):
    def __init__(self, inputs, outputs, classes, bias=False):
        super().__init__()
        if classes:
            self.norm = Norm(inputs, classes)
        self.convolution = conv(inputs, outputs, bias=bias)

    def normal(self, x, level):
        return self.norm(x, level) if hasattr(self, 'norm') else x


class Refinement(nn.Module):
    def __init__(self, inputs, outputs, first, last, classes, sigma):
        super().__init__()
        self.sigma, n = sigma, 1 if first else 2
        self.pool = F.avg_pool2d if classes else F.max_pool2d

        def units(width, count):
            return nn.ModuleList(
                nn.ModuleList(Layered(width, width, classes) for _ in range(2)) for _ in range(count))

        self.adapt = nn.ModuleList(units(inputs, 2) for _ in range(n))
        self.merge = nn.ModuleList(Layered(inputs, outputs, classes, True) for _ in range(0 if first else n))
        self.chain = nn.ModuleList(Layered(outputs, outputs, classes) for _ in range(2))
        self.out = units(outputs, 3 if last else 1)

    def units(self, units, x, level):
        for unit in units:
            h = x
            for layer in unit:
                h = layer.convolution(self.sigma(layer.normal(h, level)))
            x = x + h
        return x

    def forward(self, xs, level):
        hs = [self.units(units, x, level) for units, x in zip(self.adapt, xs)]
        if len(self.merge):
            ways = [layer.convolution(layer.normal(h, level)) for layer, h in zip(self.merge, hs)]
            sides = xs[0].shape[2:]
            hs = [F.interpolate(way, size=sides, mode='bilinear', align_corners=True) for way in ways]
        x = path = self.sigma(sum(hs))
        for layer in self.chain:
            path = layer.convolution(self.pool(layer.normal(path, level), 5, stride=1, padding=2))
            x = x + path
        return self.units(self.out, x, level)


class RefineNet(nn.Module):
    def __init__(self, config):
        super().__init__()
        classes, features, self.sigma = config.get('levels'), config['features'], FUNCTIONS[config['activation']]
        self.image, wide = [config[side] for side in ('channels', 'height', 'width')], 2 * features

        def stage(inputs, outputs, down, dilation):
            return nn.ModuleList([
                Block(inputs, outputs, down, dilation, classes or 1, self.sigma),
                Block(outputs, outputs, False, dilation, classes or 1, self.sigma)])

        self.begin, self.end = conv(self.image[0], features), conv(features, self.image[0])
        self.stages = nn.ModuleList([
            stage(features, features, False, 1), stage(features, wide, True, 1),
            stage(wide, wide, True, 2), stage(wide, wide, True, 4)])
        widths = [(wide, wide), (wide, wide), (wide, features), (features, features)]
        self.refinements = nn.ModuleList(
            Refinement(a, b, i == 0, i == 3, classes, self.sigma) for i, (a, b) in enumerate(widths))
        self.norm = Norm(features, classes or 1)

    def forward(self, y, level):
        _, height, width = self.image
        top, left = height % 2 // 2, width % 2 // 2
        x = F.pad(y.view(-1, *self.image), (left, width % 2 - left, top, height % 2 - top))
        h, features = self.begin(x), []
        for stage in self.stages:
            for block in stage:
                h = block(h, level)
            features.append(h)
        h = self.refinements[0]([features.pop()], level)
        for refinement in self.refinements[1:]:
            h = refinement([features.pop(), h], level)
        h = self.end(self.sigma(self.norm(h, level)))
        return h[:, :, top:top + height, left:left + width].flatten(1)


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.network, self.config = RefineNet(config), config

    def score(self, y, sigma):
        config = self.config
        if 'levels' not in config:
            return self.network(y, torch.zeros_like(sigma).long()) / sigma[:, None]
        last = config['levels'] - 1
        place = (sigma.log() - math.log(config['top'])) * last / math.log(config['bottom'] / config['top'])
        level = place.round().clamp(0, last).long()
        return self.network(y, level) * (0.5 if config['pixels'] == 'unit' else 1.0)

    def denoise(self, y, sigma):
        return y + sigma[:, None] ** 2 * self.score(y, sigma)
