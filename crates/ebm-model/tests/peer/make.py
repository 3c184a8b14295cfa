"""Weights, inputs and outputs of the reference network in PyTorch, for the test beside this file.

    python make.py FOLDER_OF_ncsn_torch.py WIDTH OUT.safetensors

Every weight is random, also those that start at zero. WIDTH 32 is the reference network; the file in the
repository has WIDTH 8.
"""
import sys

import torch
from safetensors.torch import save_file

folder, width, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.path.insert(0, folder)
import ncsn_torch  # noqa: E402

torch.manual_seed(3)
net = ncsn_torch.Net(width)
with torch.no_grad():
    for name, parameter in net.named_parameters():
        if name != 'freq':
            centre = 1.0 if name.endswith(('n1.weight', 'n2.weight', 'norm.weight')) else 0.0
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 16
            parameter.copy_(centre + torch.randn_like(parameter) / fan_in ** 0.5)
    x = torch.randn(4, 1, 28, 28) * 2
    sigma = torch.tensor([0.02, 0.3, 2.0, 10.0])
    denoised, score = net.denoise(x, sigma), net(x, sigma)

tensors = {f'weights.{name}': tensor for name, tensor in net.state_dict().items()}
tensors |= {'x': x.flatten(1), 'sigma': sigma, 'denoised': denoised.flatten(1), 'score': score.flatten(1)}
save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, out)
