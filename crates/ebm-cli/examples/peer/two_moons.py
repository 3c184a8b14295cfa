#!/usr/bin/env python3
"""Two half circles by each training method, beside ebmkit (PyTorch): processor time of training, and how good 4,000
samples are. Ours are the presets as they are; ebmkit has the same energy 2 -> 128 -> 128 -> 1, batches of 256 points,
and the settings of its examples.

  cargo build --release -p ebm-cli
  python3 crates/ebm-cli/examples/peer/two_moons.py [--method ssm …] [--rounds N] [--steps N]

Needs PyTorch, NumPy and ebmkit. Rounds of theirs and of ours alternate, with as many threads; a ratio above 1 is in our
favour. Processor time is that of all threads, and of our whole process, from its start to its last file.
mmd2: squared distance of means under the kernel exp(-|x-y|²/(2·0.3²)), unbiased, 2,000 against 2,000 points.
w1: sliced Wasserstein distance over 200 directions, 4,000 against 4,000 points.
"""

import argparse
import contextlib
import io
import os
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[4]
METHODS = ["ssm", "dsm", "nce", "ncsn", "cd", "pcd"]


def moons(n, seed):
    """The density of the dataset two-moons."""
    random = np.random.default_rng(seed)
    angle, is_upper = np.pi * random.random(n), random.random(n) < 0.5
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], 1)
    points = np.where(is_upper[:, None], upper, lower) + 0.1 * random.standard_normal((n, 2)) - [0.5, 0.25]
    return points.astype(np.float32)


def mmd2(x, y, width=0.3):
    x, y = x[:2000].astype(float), y[:2000].astype(float)
    kernel = lambda a, b: np.exp(-np.square(a[:, None] - b[None]).sum(2) / (2 * width**2))
    within = lambda a: (kernel(a, a).sum() - len(a)) / (len(a) * (len(a) - 1))
    return within(x) + within(y) - 2 * kernel(x, y).mean()


def w1(x, y):
    directions = np.random.default_rng(0).standard_normal((200, 2))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.abs(np.sort(x @ directions.T, 0) - np.sort(y @ directions.T, 0)).mean()


def theirs(method, steps):
    """Processor seconds of training, and samples, of ebmkit."""
    import ebm

    torch.manual_seed(0)
    data = torch.tensor(moons(65_536, 1))
    langevin = lambda: ebm.LangevinDynamics(step_size=1e-2, steps=60)
    sigmas = ebm.geometric_sigmas(2.0, 0.05, 12)
    is_noisy = method == "ncsn"
    kind = ebm.nets.NoiseConditionalMLPEnergy if is_noisy else ebm.nets.MLPEnergy
    network = kind(dim=2, hidden=(128, 128))
    losses = {
        "cd": lambda: ebm.ContrastiveDivergence(langevin(), energy_reg=0.1),
        "pcd": lambda: ebm.ContrastiveDivergence(
            langevin(), buffer=ebm.ReplayBuffer(8192, (2,)), energy_reg=0.1
        ),
        "nce": lambda: ebm.NoiseContrastiveEstimation(noise_ratio=4),
        "ssm": lambda: ebm.SlicedScoreMatching(),
        "dsm": lambda: ebm.DenoisingScoreMatching(0.1),
        "ncsn": lambda: ebm.MultiSigmaDenoisingScoreMatching(sigmas),
    }
    trainer = ebm.Trainer(network, losses[method](), lr=1e-3, device="cpu")
    began = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        trainer.fit(data, steps=steps, batch_size=256)
    seconds = time.process_time() - began
    if is_noisy:
        sampler = ebm.AnnealedLangevinDynamics(sigmas, step_size=5e-3, steps_per_sigma=100)
    else:
        sampler = ebm.LangevinDynamics(step_size=1e-2, steps=500)
    return seconds, sampler.sample(network, torch.randn(4000, 2)).detach().numpy()


def ours(program, method, seed, threads):
    """The same of ours."""
    environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as folder:
        run, samples = f"{folder}/run", f"{folder}/samples.npy"
        quiet = ["--set", "record.picture_samples=0", "--quiet", "--backend", "flex"]
        train = [program, "train", f"two-moons-{method}", "--seed", str(seed), "--out", run, *quiet]
        spent = lambda: resource.getrusage(resource.RUSAGE_CHILDREN)
        before = spent()
        subprocess.run(train, check=True, env=environment, capture_output=True)
        after = spent()
        draw = [program, "sample", run, "--n", "4000", "--backend", "flex", "--out", samples]
        subprocess.run(draw, check=True, env=environment, capture_output=True)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return seconds, np.load(samples).reshape(-1, 2).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", action="append", choices=METHODS, help="default: all of them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6000, help="steps of ebmkit")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ebm", type=Path, default=ROOT / "target" / "release" / "ebm", help="our program")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    test = moons(4000, 2)
    fresh = moons(4000, 99)
    print(f"{options.threads} threads; a fresh sample of the truth: mmd2 {mmd2(fresh, test):.4f}, w1 {w1(fresh, test):.3f}")
    print("method   ebmkit s   ours s   ratio      mmd2 of theirs, ours         w1 of theirs, ours", flush=True)
    for method in options.method or METHODS:
        rounds = []
        for seed in range(options.rounds):
            rounds.append((theirs(method, options.steps), ours(options.ebm, method, seed, options.threads)))
        middle = statistics.median
        a, b = (middle(pair[side][0] for pair in rounds) for side in (0, 1))
        ratio = middle(pair[0][0] / pair[1][0] for pair in rounds)
        figures = [middle(of(pair[side][1], test) for pair in rounds) for of in (mmd2, w1) for side in (0, 1)]
        print(
            f"{method:6} {a:10.1f} {b:8.1f} {ratio:7.2f} {figures[0]:18.4f} {figures[1]:9.4f}"
            f" {figures[2]:18.3f} {figures[3]:9.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
