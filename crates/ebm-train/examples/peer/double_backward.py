"""What a training step of sliced score matching costs in PyTorch, which differentiates twice, beside plain regression
with the same network: the other side of the example `cost`, in the same run if it has been built.

  cargo build --release -p ebm-train --example cost
  python3 crates/ebm-train/examples/peer/double_backward.py [--threads N] [--cost PROGRAM]

Prints milliseconds a step, the median of 200, and the ratio to regression.
"""

import argparse
import statistics
import subprocess
import time
from pathlib import Path

import torch

BATCH = 256
WARM_UP, STEPS = 50, 200
ROOT = Path(__file__).resolve().parents[4]


def network():
    """2 -> 128 -> 128 -> 1 with SiLU."""
    layers = [torch.nn.Linear(2, 128), torch.nn.SiLU(), torch.nn.Linear(128, 128), torch.nn.SiLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(128, 1))


def energy(model, x):
    return model(x).squeeze(1)


def regression(model, x):
    """mean (E(x) - |x|)^2"""
    return (energy(model, x) - x.norm(dim=1)).square().mean()


def sliced(model, x, reduced):
    """mean of v.(ds/dx v) + (v.s)^2/2, or + |s|^2/2, with s = -dE/dx and Rademacher v (Song et al. 2019, eqs. 7 and 8)"""
    x = x.clone().requires_grad_()
    v = torch.randint(0, 2, x.shape, dtype=x.dtype) * 2 - 1
    (score,) = torch.autograd.grad(-energy(model, x).sum(), x, create_graph=True)
    along = (score * v).sum(1)
    (product,) = torch.autograd.grad(along.sum(), x, create_graph=True)
    square = score.square().sum(1) if reduced else along.square()
    return ((product * v).sum(1) + square / 2).mean()


def milliseconds(loss):
    torch.manual_seed(0)
    model, x = network(), torch.randn(BATCH, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    times = []
    for step in range(WARM_UP + STEPS):
        began = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss(model, x).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if WARM_UP <= step:
            times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--cost", type=Path, default=ROOT / "target" / "release" / "examples" / "cost")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plain = milliseconds(regression)
    print(f"PyTorch {torch.__version__}, {options.threads} threads")
    print(f"{'regression':28} {plain:7.3f} ms")
    for name, reduced in [("sliced", False), ("sliced, variance reduced", True)]:
        found = milliseconds(lambda model, x: sliced(model, x, reduced))
        print(f"{name:28} {found:7.3f} ms   {found / plain:.2f} of regression")
    if options.cost.exists():
        print("here", flush=True)
        subprocess.run([options.cost], check=True)
    else:
        print(f"{options.cost} has not been built")


if __name__ == "__main__":
    main()
