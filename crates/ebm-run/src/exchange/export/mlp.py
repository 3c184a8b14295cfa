"""A score at every noise level by a multilayer perceptron, in PyTorch.

    model = load()                      # config.json and weights.safetensors beside this file
    model.score(y, sigma)               # y [n, dim] in the units of training; sigma [n]; the result [n, dim]
    model.denoise(y, sigma)             # E[y0 | y]
"""
import torch
from torch import nn
from torch.nn import functional as F


class Embedding(nn.Module):
    def __init__(self, frequencies, width):
        super().__init__()
        self.register_buffer('frequencies', torch.zeros(frequencies))
        if width:
            self.hidden, self.out = nn.Linear(2 * frequencies, width), nn.Linear(width, width)

    def forward(self, c):
        waves = c[:, None] * self.frequencies
        waves = torch.cat([waves.sin(), waves.cos()], 1)
        return F.silu(self.out(F.silu(self.hidden(waves)))) if hasattr(self, 'out') else waves


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        dim, hidden, layers = config['dim'], config['hidden'], range(config['layers'])
        frequencies, width = config['frequencies'], config['embedding']
        self.embedding = Embedding(frequencies, width)
        self.input, self.output = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.hidden = nn.ModuleList(nn.Linear(hidden, hidden) for _ in layers)
        self.levels = nn.ModuleList(nn.Linear(width or 2 * frequencies, hidden) for _ in layers)

    def forward(self, x, c):
        e, h = self.embedding(c), self.input(x)
        for hidden, level in zip(self.hidden, self.levels):
            h = h + F.silu(hidden(h) + level(e))
        return self.output(F.silu(h))


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.network, self.sigma_data = Mlp(config), config['sigma_data']

    def score(self, y, sigma):
        variance, sigma = sigma[:, None] ** 2 + self.sigma_data ** 2, sigma[:, None]
        f = self.network(y / variance.sqrt(), sigma[:, 0].log() / 4)
        return f * self.sigma_data / (sigma * variance.sqrt()) - y / variance

    def denoise(self, y, sigma):
        return y + sigma[:, None] ** 2 * self.score(y, sigma)
