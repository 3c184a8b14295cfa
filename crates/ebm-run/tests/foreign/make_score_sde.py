"""Small checkpoints as yang-song/score_sde_pytorch writes them, for the test beside this folder.

    python make_score_sde.py

writes, beside this file, `ncsnpp.pth` and `ddpmpp.pth`, with a list of averages, the state of the optimiser and in it a
learning rate of NumPy, and the scores of the averages. Scores are computed in double precision, and are of pixels from
0 to 1.
"""
import math
import sys
from pathlib import Path

import numpy
import torch

from score_sde import Net

here = Path(__file__).parent
sys.path.insert(0, str(here / '../../../ebm-model/tests/peer'))
from make_refinenet import save  # noqa: E402


def stirred(net, seed):
    """Every weight is random, also those that start at zero."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            module = name.rsplit('.', 1)[0]
            is_norm = isinstance(net.get_submodule(module), torch.nn.GroupNorm)
            fan_in = parameter[0].numel() if 1 < parameter.dim() else 4
            noise = torch.randn_like(parameter) / fan_in ** 0.5
            parameter.copy_(1 + noise if is_norm and name.endswith('weight') else noise)
    return net


def write(name, net, averaged, step):
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=2e-4)
    # The moments of one small parameter, so that the file stays small.
    net.all_modules[-1].bias.grad = torch.ones_like(net.all_modules[-1].bias)
    optimizer.step()
    optimizer.param_groups[0]['lr'] = 2e-4 * numpy.minimum(step / 5000, 1.0)
    averages = [p.detach().clone() for p in averaged.parameters() if p.requires_grad]
    state = {
        'optimizer': optimizer.state_dict(),
        'model': torch.nn.DataParallel(net).state_dict(),
        'ema': {'decay': 0.999, 'num_updates': step, 'shadow_params': averages},
        'step': step,
    }
    torch.save(state, here / f'{name}.pth')
    # What is in no average.
    for fixed, own in zip(averaged.parameters(), net.parameters()):
        if not fixed.requires_grad:
            fixed.data.copy_(own)
    return averaged.double()


def exploding(net, x, sigma):
    """The network of pixels from 0 to 1 is the score."""
    return net(x, sigma)


def preserving(net, x, sigma):
    """Of pixels y from −1 to 1 with noise 2σ; the network has √ᾱ y at the time at which (1 − ᾱ)/ᾱ is that squared."""
    y, square = 2 * x - 1, (2 * sigma) ** 2
    time = (torch.sqrt(0.01 + 39.8 * square.log1p()) - 0.1) / 19.9
    log_mean = -0.25 * time ** 2 * 19.9 - 0.5 * time * 0.1
    mean, deviation = log_mean.exp(), (1 - (2 * log_mean).exp()).sqrt()
    of_batch = (slice(None), None, None, None)
    score = -net(mean[of_batch] * y, 999 * time) / deviation[of_batch]
    return 2 * mean[of_batch] * score


@torch.no_grad()
def scores(rule, net, sigma, shape):
    sigma = torch.tensor(sigma, dtype=torch.float64)
    x = (0.5 + torch.randn(shape) * sigma[:, None, None, None]).float().double()
    return {'x': x.flatten(1), 'sigma': sigma, 'score': rule(net, x, sigma).flatten(1)}


if __name__ == '__main__':
    nets = [stirred(Net(3, 4, [1, 1, 2], 1, [1], True), seed) for seed in (10, 11)]
    save(scores(exploding, write('ncsnpp', *nets, 700), [0.25, 1.5], (2, 3, 4, 8)), here / 'ncsnpp.safetensors')
    nets = [stirred(Net(1, 6, [1, 1], 2, [1], False), seed) for seed in (12, 13)]
    save(scores(preserving, write('ddpmpp', *nets, 900), [0.03125, 0.125], (2, 1, 8, 8)), here / 'ddpmpp.safetensors')
