"""What a person waits for in PyTorch from the start of a process to a first sample: FILE.pt FILE.npy.

With FILE.pt alone it writes the weights of a new network there.
"""

import sys

import numpy
import torch

import networks

model = networks.Preconditioned(networks.Mlp(), sigma_data=1.0)
if len(sys.argv) < 3:
    torch.save(model.state_dict(), sys.argv[1])
    sys.exit()
model.load_state_dict(torch.load(sys.argv[1]))
with torch.no_grad():
    numpy.save(sys.argv[2], networks.heun(model, dim=2).numpy())
