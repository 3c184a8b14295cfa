"""DDPM++ and NCSN++ in PyTorch, with the names of parts that the network of this crate has.

    python song_unet.py ddpmpp|ncsnpp OUT.safetensors    weights, inputs, outputs and gradients of a narrow network
    python song_unet.py count                            the numbers of parameters of the papers' networks

Every weight of a narrow network is random, also those that start at zero. The loss is the mean of the squared
differences of denoised and clean pictures.
"""
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

PAPER = dict(channels=3, stem=128, widths=[256] * 3, blocks=[4] * 3, groups=32, embedding=512, attention=[1], heads=1,
             scale=math.sqrt(0.5))
KINDS = {
    'ddpmpp': dict(frequencies=64, fourier=False, residual=False, taps=[1, 1]),
    'ncsnpp': dict(frequencies=128, fourier=True, residual=True, taps=[1, 3, 3, 1]),
}
NARROW = dict(channels=2, stem=4, widths=[4, 8], blocks=[2, 1], embedding=8, frequencies=3, heads=2)


def kernel(taps, channels):
    row = torch.tensor(taps, dtype=torch.float32)
    square = torch.outer(row, row) / row.sum() ** 2
    return square.expand(channels, 1, *square.shape)


def halve(x, taps, padding):
    return F.conv2d(x, kernel(taps, x.shape[1]), stride=2, padding=padding, groups=x.shape[1])


def double(x, taps):
    reach = (len(taps) - 1) // 2
    return F.conv_transpose2d(x, 4 * kernel(taps, x.shape[1]), stride=2, padding=reach, groups=x.shape[1])


def norm(c, channels):
    return nn.GroupNorm(min(c['groups'], max(channels // 4, 1)), channels, eps=1e-6)


class Attention(nn.Module):
    def __init__(self, c, channels):
        super().__init__()
        self.heads = c['heads']
        self.norm = norm(c, channels)
        self.query, self.key, self.value, self.out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x):
        batch, channels, height, width = x.shape

        def split(part):
            rows = part(self.norm(x)).reshape(batch, self.heads, channels // self.heads, height * width)
            return rows.transpose(2, 3)

        read = F.scaled_dot_product_attention(split(self.query), split(self.key), split(self.value))
        return self.out(read.transpose(2, 3).reshape(x.shape))


class Block(nn.Module):
    def __init__(self, c, inputs, outputs, attends=False, way=None):
        super().__init__()
        self.c, self.way = c, way
        self.first_norm, self.second_norm = norm(c, inputs), norm(c, outputs)
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.shift = nn.Linear(c['embedding'], outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs or way else None
        self.attention = Attention(c, outputs) if attends else None

    def resample(self, x):
        taps = self.c['taps']
        if self.way == 'down':
            return halve(x, taps, (len(taps) - 1) // 2)
        return double(x, taps) if self.way == 'up' else x

    def forward(self, x, e):
        h = self.first(self.resample(F.silu(self.first_norm(x)))) + self.shift(e)[:, :, None, None]
        h = self.second(F.silu(self.second_norm(h)))
        x = self.resample(x)
        y = (h + (x if self.skip is None else self.skip(x))) * self.c['scale']
        return y if self.attention is None else (y + self.attention(y)) * self.c['scale']


class Net(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        widths, blocks, width = c['widths'], c['blocks'], c['stem']
        n = c['frequencies']
        series = torch.tensor([1e-4 ** (i / (n - 1)) for i in range(n)])
        self.embedding = nn.Module()
        self.embedding.register_buffer('frequencies', 32 * math.pi * torch.randn(n) if c['fourier'] else series)
        self.embedding.hidden = nn.Linear(2 * n, c['embedding'])
        self.embedding.out = nn.Linear(c['embedding'], c['embedding'])
        self.stem = nn.Conv2d(c['channels'], width, 3, padding=1)
        skips, picture = [width], c['channels']
        self.encoder = nn.ModuleList()
        for level, count in enumerate(blocks):
            part = nn.Module()
            if level:
                part.down = nn.Module()
                part.down.block = Block(c, width, width, way='down')
                if c['residual']:
                    reach = (len(c['taps']) - 1) // 2
                    part.down.image = nn.Conv2d(picture, width, 3, padding=1 + reach)
                    picture = width
                skips.append(width)
            part.blocks = nn.ModuleList()
            for _ in range(count):
                part.blocks.append(Block(c, width, widths[level], attends=level in c['attention']))
                width = widths[level]
                skips.append(width)
            self.encoder.append(part)
        self.middle = nn.ModuleList([Block(c, width, width, attends=True), Block(c, width, width)])
        self.decoder = nn.ModuleList()
        for level in reversed(range(len(blocks))):
            part = nn.Module()
            if level + 1 < len(blocks):
                part.up = Block(c, width, width, way='up')
            part.blocks = nn.ModuleList()
            for k in range(blocks[level] + 1):
                attends = k == blocks[level] and level in c['attention']
                part.blocks.append(Block(c, width + skips.pop(), widths[level], attends=attends))
                width = widths[level]
            self.decoder.append(part)
        self.norm = norm(c, width)
        self.out = nn.Conv2d(width, c['channels'], 3, padding=1)

    def forward(self, x, noise):
        angles = noise[:, None] * self.embedding.frequencies
        e = torch.cat([angles.sin(), angles.cos()], dim=1)
        e = F.silu(self.embedding.out(F.silu(self.embedding.hidden(e))))
        picture, h = x, self.stem(x)
        skips = [h]
        for part in self.encoder:
            if hasattr(part, 'down'):
                h = part.down.block(h, e)
                if self.c['residual']:
                    picture = h = (h + halve(part.down.image(picture), self.c['taps'], 0)) / math.sqrt(2)
                skips.append(h)
            for block in part.blocks:
                h = block(h, e)
                skips.append(h)
        for block in self.middle:
            h = block(h, e)
        for part in self.decoder:
            if hasattr(part, 'up'):
                h = part.up(h, e)
            for block in part.blocks:
                h = block(torch.cat([h, skips.pop()], dim=1), e)
        return self.out(F.silu(self.norm(h)))

    def denoise(self, x, sigma, data=0.5):
        variance = sigma[:, None, None, None] ** 2 + data ** 2
        f = self(x / variance.sqrt(), sigma.log() / 4)
        return x * data ** 2 / variance + f * sigma[:, None, None, None] * data / variance.sqrt()


def main():
    torch.manual_seed(3)
    if sys.argv[1] == 'count':
        for kind, shape in KINDS.items():
            net = Net(PAPER | shape)
            print(kind, sum(parameter.numel() for parameter in net.parameters()))
        return
    from safetensors.torch import save_file
    net = Net(PAPER | KINDS[sys.argv[1]] | NARROW)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            centre = 1.0 if 'norm.weight' in name else 0.0
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 16
            parameter.copy_(centre + torch.randn_like(parameter) / fan_in ** 0.5)
    sigma = torch.tensor([0.02, 0.3, 2.0, 10.0])
    clean = torch.randn(4, 2, 8, 6) / 2
    x = clean + torch.randn(4, 2, 8, 6) * sigma[:, None, None, None]
    denoised = net.denoise(x, sigma)
    (denoised - clean).square().mean().backward()
    tensors = {f'weights.{name}': tensor for name, tensor in net.state_dict().items()}
    tensors |= {f'gradients.{name}': parameter.grad for name, parameter in net.named_parameters()}
    tensors |= {'x': x.flatten(1), 'sigma': sigma, 'clean': clean.flatten(1), 'denoised': denoised.flatten(1)}
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, sys.argv[2])


main()
