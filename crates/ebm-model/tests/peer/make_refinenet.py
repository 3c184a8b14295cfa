"""Weights, inputs, scores and gradients of NCSN's and NCSNv2's networks in PyTorch, for the tests beside this file.

    python make_refinenet.py FOLDER

writes FOLDER/ncsn.safetensors and FOLDER/ncsnv2.safetensors. Everything is computed in double precision.
"""
import json
import struct
import sys
from pathlib import Path

import torch

from refinenet import RefineNet, ladder, stirred


def save(tensors, path):
    """A safetensors file."""
    header, data = {}, b''
    for name, tensor in tensors.items():
        raw = tensor.detach().float().contiguous().numpy().tobytes()
        header[name] = {'dtype': 'F32', 'shape': list(tensor.shape), 'data_offsets': [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    Path(path).write_bytes(struct.pack('<Q', len(text)) + text + data)


def fixture(net, sigmas, classes, shape):
    """The loss is that of the papers, ½ Σ (σ s + z)², the mean over images."""
    net = net.double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(parameter.float().double())
    x, z = torch.rand(shape), torch.randn(shape)
    x, z = x.double(), z.double()
    sigma = sigmas[classes].double()
    score = net(x, classes)
    loss = 0.5 * (sigma.view(-1, 1, 1, 1) * score + z).square().sum((1, 2, 3)).mean()
    loss.backward()
    weights = {f'weights.{name}': parameter for name, parameter in net.named_parameters()}
    gradients = {f'gradients.{name}': parameter.grad for name, parameter in net.named_parameters()}
    rest = {'x': x.flatten(1), 'z': z.flatten(1), 'sigma': sigma, 'score': score.flatten(1), 'loss': loss.view(1)}
    return weights | gradients | rest


if __name__ == '__main__':
    folder = Path(sys.argv[1])
    sigmas = ladder(1.0, 0.01, 4)
    net = stirred(RefineNet(1, 3, levels=4), 5)
    save(fixture(net, sigmas, torch.tensor([0, 3, 1]), (3, 1, 12, 10)), folder / 'ncsn.safetensors')
    sigmas = ladder(50.0, 0.01, 20)
    net = stirred(RefineNet(3, 4, sigmas=sigmas), 6)
    save(fixture(net, sigmas, torch.tensor([0, 19, 8]), (3, 3, 8, 12)), folder / 'ncsnv2.safetensors')
