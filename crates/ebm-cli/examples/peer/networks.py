"""The networks of the comparison in PyTorch, from DESIGN's formulas: what our program trains, layer for layer."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class NoiseEmbedding(nn.Module):
    """SiLU(W2 SiLU(W1 [sin(c w), cos(c w)])), w geometric from 1 to 100: [batch] -> [batch, width]."""

    def __init__(self, frequencies, width):
        super().__init__()
        self.register_buffer("frequencies", torch.logspace(0, 2, frequencies))
        self.hidden = nn.Linear(2 * frequencies, width)
        self.out = nn.Linear(width, width)

    def forward(self, c):
        angles = torch.outer(c, self.frequencies)
        waves = torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)
        return F.silu(self.out(F.silu(self.hidden(waves))))


class ResidualBlock(nn.Module):
    """skip(x) + second(SiLU(norm(first(SiLU(norm(x)))) (1 + scale) + shift))."""

    def __init__(self, inputs, outputs, embedding, groups):
        super().__init__()
        self.first_norm = nn.GroupNorm(groups, inputs)
        self.first = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * outputs)
        self.second_norm = nn.GroupNorm(groups, outputs)
        self.second = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, kernel_size=1) if inputs != outputs else None
        for zero in (self.modulation.weight, self.modulation.bias, self.second.weight, self.second.bias):
            nn.init.zeros_(zero)

    def forward(self, x, embedding):
        c = self.first(F.silu(self.first_norm(x)))
        scale, shift = self.modulation(embedding).unsqueeze(-1).unsqueeze(-1).chunk(2, dim=1)
        residual = self.second(F.silu(self.second_norm(c) * (1 + scale) + shift))
        return residual + (x if self.skip is None else self.skip(x))


class UNet(nn.Module):
    """The reference network f(y, c) for 28x28 images, [batch, 784] -> [batch, 784]."""

    def __init__(self, width=32, embedding=128, groups=8):
        super().__init__()
        block = lambda inputs, outputs: ResidualBlock(inputs, outputs, embedding, groups)
        self.embedding = NoiseEmbedding(32, embedding)
        self.stem = nn.Conv2d(4, width, kernel_size=3, padding=1)
        self.fine = block(width, width)
        self.halve = nn.Conv2d(width, 2 * width, kernel_size=3, stride=2, padding=1)
        self.middle = nn.ModuleList(block(2 * width, 2 * width) for _ in range(3))
        self.spread = nn.ConvTranspose2d(2 * width, width, kernel_size=2, stride=2)
        self.last = block(2 * width, width)
        self.norm = nn.GroupNorm(groups, width)
        self.out = nn.Conv2d(width, 4, kernel_size=3, padding=1)
        nn.init.zeros_(self.out.weight)

    def forward(self, y, c):
        e = self.embedding(c)
        fine = self.fine(self.stem(F.pixel_unshuffle(y.view(-1, 1, 28, 28), 2)), e)
        h = self.halve(fine)
        for block in self.middle:
            h = block(h, e)
        h = self.last(torch.cat([self.spread(h), fine], dim=1), e)
        return F.pixel_shuffle(self.out(F.silu(self.norm(h))), 2).flatten(1)


class Mlp(nn.Module):
    """h <- h + SiLU(A h + B e) on points: the network of the preset two-moons."""

    def __init__(self, dim=2, hidden=128, layers=3, embedding=64, frequencies=16):
        super().__init__()
        self.embedding = NoiseEmbedding(frequencies, embedding)
        self.input = nn.Linear(dim, hidden)
        self.hidden = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(layers))
        self.levels = nn.ModuleList(nn.Linear(embedding, hidden) for _ in range(layers))
        self.output = nn.Linear(hidden, dim)

    def forward(self, x, c):
        e, h = self.embedding(c), self.input(x)
        for hidden, level in zip(self.hidden, self.levels):
            h = h + F.silu(hidden(h) + level(e))
        return self.output(F.silu(h))


class Preconditioned(nn.Module):
    """A network in EDM's form: denoised(y, sigma), and the score (denoised - y) / sigma^2."""

    def __init__(self, network, sigma_data):
        super().__init__()
        self.network, self.sigma_data = network, sigma_data

    def denoised(self, y, sigma):
        sigma, data = sigma.unsqueeze(1), self.sigma_data
        total = torch.sqrt(sigma * sigma + data * data)
        f = self.network(y / total, torch.log(sigma.squeeze(1)) / 4)
        return (data / total) ** 2 * y + sigma * data / total * f

    def forward(self, y, sigma):
        return (self.denoised(y, sigma) - y) / sigma.unsqueeze(1) ** 2


class PlaneScore(nn.Sequential):
    """A score on points in the plane, 2 -> hidden -> hidden -> 2."""

    def __init__(self, hidden=128):
        super().__init__(
            nn.Linear(2, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 2)
        )


def reference(width=32):
    """The reference network, or one of another width, and its optimiser."""
    model = Preconditioned(UNet(width), sigma_data=0.5)
    return model, torch.optim.Adam(model.parameters(), lr=1e-3)


def reference_step(model, optimiser, y):
    """Denoising at random levels with EDM's weights, clipping, Adam; returns the loss."""
    sigma = torch.exp(torch.randn(len(y)) * 1.2 - 1.2)
    column, data = sigma.unsqueeze(1), model.sigma_data
    error = model.denoised(y + column * torch.randn_like(y), sigma) - y
    loss = (((column**2 + data**2) / (column * data) ** 2) * error**2).mean()
    return update(model, optimiser, loss)


def plane_step(model, optimiser, x, sigma=0.1):
    """Denoising score matching at one level, clipping, Adam; returns the loss."""
    z = torch.randn_like(x)
    loss = ((sigma * model(x + sigma * z) + z) ** 2).mean()
    return update(model, optimiser, loss)


def update(model, optimiser, loss):
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return loss.detach()


def heun(model, dim, levels=30, top=10.0, bottom=0.01, power=7):
    """One sample along the probability flow by Heun's method on EDM's levels."""
    ramp = torch.linspace(top ** (1 / power), bottom ** (1 / power), levels) ** power
    sigmas = torch.cat([ramp, torch.zeros(1)])
    y = top * torch.randn(1, dim)
    for sigma, after in zip(sigmas[:-1], sigmas[1:]):
        slope = (y - model.denoised(y, sigma.expand(1))) / sigma
        step = y + (after - sigma) * slope
        if after > 0:
            slope = (slope + (step - model.denoised(step, after.expand(1))) / after) / 2
            step = y + (after - sigma) * slope
        y = step
    return y
