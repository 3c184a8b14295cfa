"""A score at every noise level by a U-Net, in PyTorch.

    model = load()                      # config.json and weights.safetensors beside this file
    model.score(y, sigma)               # y [n, dim], pixels from -1 to 1; sigma [n]; the result [n, dim]
    model.denoise(y, sigma)             # E[y0 | y]
"""
import torch
from torch import nn
from torch.nn import functional as F


class Embedding(nn.Module):
    def __init__(self, frequencies, width):
        super().__init__()
        self.register_buffer('frequencies', torch.zeros(frequencies))
        self.hidden, self.out = nn.Linear(2 * frequencies, width), nn.Linear(width, width)

    def forward(self, c):
        waves = c[:, None] * self.frequencies
        return F.silu(self.out(F.silu(self.hidden(torch.cat([waves.sin(), waves.cos()], 1)))))


class Block(nn.Module):
    def __init__(self, inputs, outputs, embedding, groups):
        super().__init__()
        self.first_norm, self.second_norm = nn.GroupNorm(groups, inputs), nn.GroupNorm(groups, outputs)
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x, e):
        scale, shift = self.modulation(e)[:, :, None, None].chunk(2, 1)
        h = self.first(F.silu(self.first_norm(x)))
        return self.skip(x) + self.second(F.silu(self.second_norm(h) * (1 + scale) + shift))


class Down(nn.Module):
    def __init__(self, blocks, width, coarser):
        super().__init__()
        self.blocks, self.halve = blocks, nn.Conv2d(width, coarser, 3, stride=2, padding=1)


class Up(nn.Module):
    def __init__(self, blocks, coarser, width):
        super().__init__()
        self.double, self.blocks = nn.ConvTranspose2d(coarser, width, 2, stride=2), blocks


class UNet(nn.Module):
    def __init__(self, config):
        super().__init__()
        widths, n, self.patch = config['widths'], config['blocks'], config['patch']
        self.image = [config[side] for side in ('channels', 'height', 'width')]
        squares, last = self.image[0] * self.patch ** 2, len(widths) - 1
        self.step = self.patch << last

        def blocks(inputs, outputs, count):
            each = [(inputs if i == 0 else outputs, outputs) for i in range(count)]
            return nn.ModuleList(Block(a, b, config['embedding'], config['groups']) for a, b in each)

        self.embedding = Embedding(config['frequencies'], config['embedding'])
        self.stem = nn.Conv2d(squares, widths[0], 3, padding=1)
        self.encoder = nn.ModuleList(
            Down(blocks(widths[i], widths[i], n[i]), widths[i], widths[i + 1]) for i in range(last))
        self.middle = blocks(widths[last], widths[last], n[last])
        self.decoder = nn.ModuleList(
            Up(blocks(2 * widths[i], widths[i], n[i]), widths[i + 1], widths[i]) for i in reversed(range(last)))
        self.norm = nn.GroupNorm(config['groups'], widths[0])
        self.out = nn.Conv2d(widths[0], squares, 3, padding=1)

    def forward(self, x, c):
        _, height, width = self.image
        missing = [-side % self.step for side in (height, width)]
        top, left = (count // 2 for count in missing)
        x = F.pad(x.view(-1, *self.image), (left, missing[1] - left, top, missing[0] - top))
        e, skips = self.embedding(c), []
        h = self.stem(F.pixel_unshuffle(x, self.patch))
        for down in self.encoder:
            for block in down.blocks:
                h = block(h, e)
            skips.append(h)
            h = down.halve(h)
        for block in self.middle:
            h = block(h, e)
        for up in self.decoder:
            # By its name in the weights, since an attribute of this name is a method of every module.
            h = torch.cat([up._modules['double'](h), skips.pop()], 1)
            for block in up.blocks:
                h = block(h, e)
        h = F.pixel_shuffle(self.out(F.silu(self.norm(h))), self.patch)
        return h[:, :, top:top + height, left:left + width].flatten(1)


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.network, self.sigma_data, self.bounds = UNet(config), config['sigma_data'], config.get('bounds')

    def score(self, y, sigma):
        variance, sigma = sigma[:, None] ** 2 + self.sigma_data ** 2, sigma[:, None]
        f = self.network(y / variance.sqrt(), sigma[:, 0].log() / 4)
        score = f * self.sigma_data / (sigma * variance.sqrt()) - y / variance
        if self.bounds is None:
            return score
        # The mean of the clean point lies between the bounds.
        return ((y + sigma ** 2 * score).clamp(*self.bounds) - y) / sigma ** 2

    def denoise(self, y, sigma):
        return y + sigma[:, None] ** 2 * self.score(y, sigma)
