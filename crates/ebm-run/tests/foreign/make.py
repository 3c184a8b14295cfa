"""Small checkpoints as ermongroup/ncsn and ermongroup/ncsnv2 write them, for the test beside this folder.

    python make.py

writes, beside this file, `ncsn.pth` in the form of PyTorch before 1.6, `ncsnv2.pth` in the newer one with averages of
the weights, `evil.pth`, which asks for a call, and the scores of both networks.
"""
import os
import pickle
import sys
from pathlib import Path

import torch

here = Path(__file__).parent
sys.path.insert(0, str(here / '../../../ebm-model/tests/peer'))
from make_refinenet import save  # noqa: E402
from refinenet import RefineNet, ladder, stirred  # noqa: E402


def parallel(state):
    return type(state)((f'module.{name}', tensor) for name, tensor in state.items())


def scores(net, sigmas, classes, shape):
    with torch.no_grad():
        x = torch.rand(shape)
        score = net.double()(x.double(), classes)
    return {'x': x.flatten(1), 'sigma': sigmas[classes], 'score': score.flatten(1)}


sigmas = ladder(1.0, 0.01, 3)
net = stirred(RefineNet(1, 2, levels=3), 7)
optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
# The moments of one small parameter, so that the file stays small.
net.begin_conv.bias.grad = torch.ones(2)
optimizer.step()
states = [parallel(net.state_dict()), optimizer.state_dict()]
torch.save(states, here / 'ncsn.pth', _use_new_zipfile_serialization=False)
save(scores(net, sigmas, torch.tensor([0, 2]), (2, 1, 8, 6)), here / 'ncsn.safetensors')

sigmas = ladder(50.0, 0.01, 5)
net, averaged = (stirred(RefineNet(3, 2, sigmas=sigmas), seed) for seed in (8, 9))
shadow = {name: parameter.data for name, parameter in averaged.named_parameters()}
states = [parallel(net.state_dict()), {'state': {}, 'param_groups': [{'lr': 0.0001, 'betas': (0.9, 0.999)}]}, 3, 300, shadow]
torch.save(states, here / 'ncsnv2.pth')
save(scores(averaged, sigmas, torch.tensor([1, 4]), (2, 3, 4, 4)), here / 'ncsnv2.safetensors')


class Evil:
    def __reduce__(self):
        return os.system, ('touch called',)


torch.save([{'module.begin_conv.weight': torch.zeros(2, 1, 3, 3), 'payload': Evil()}], here / 'evil.pth')
