"""The reference run for a few steps in PyTorch, its peak of memory being what is looked at: FILE.gz STEPS."""

import gzip
import sys

import numpy
import torch

import networks

pixels = numpy.frombuffer(gzip.open(sys.argv[1]).read(), numpy.uint8, offset=16).reshape(-1, 784)
model, optimiser = networks.reference()
average = {name: tensor.clone() for name, tensor in model.state_dict().items()}
for step in range(int(sys.argv[2])):
    rows = torch.from_numpy(pixels[numpy.random.default_rng(step).integers(0, len(pixels), 64)]).float()
    y = 2 * (rows * (255 / 256) + torch.rand_like(rows)) / 256 - 1
    networks.reference_step(model, optimiser, y)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            average[name].lerp_(tensor, 1 - min(0.999, (1 + step) / (10 + step)))
torch.save(average, sys.argv[3])
