#!/usr/bin/env python3
"""Our times beside PyTorch's, in one run: blocks of theirs and of ours alternate, and a ratio above 1 is in our favour.

  cargo build --release -p ebm-cli --bin ebm --example peer
  python3 crates/ebm-cli/examples/peer/compare.py [--only TEXT] [--mnist DIR] [--growth]

Needs PyTorch and numpy. Both sides use as many threads. glibc gives large freed blocks back to the kernel, and
PyTorch's operations then pay for their pages anew; so this program starts itself again with an allocator that keeps
them, which is PyTorch's better side (--untuned leaves it as a user has it). The rows `first sample` and `memory` are
of whole processes with the allocator that they come with.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TUNED = {
    "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TOP_PAD_": str(256 << 20),
}
HERE = Path(__file__).resolve().parent
# Seconds of sleep between blocks, in which the threads of the side before come to rest.
PAUSE = 0.005


def arguments():
    target = os.environ.get("CARGO_TARGET_DIR", HERE.parents[3] / "target")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], help="operations whose name holds this text")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="length of a block")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--programs", type=Path, default=Path(target) / "release", help="where ebm lies")
    parser.add_argument("--mnist", type=Path, help="the folder of MNIST's files, for the row `memory`")
    parser.add_argument("--instructions", choices=["avx2", "scalar"], help="what our kernels may use at most")
    parser.add_argument("--growth", action="store_true", help="the network also in other sizes, ten minutes")
    parser.add_argument("--untuned", action="store_true", help="leave PyTorch's allocator alone")
    return parser.parse_args()


def plain_environment(options):
    """The environment for processes that are neither tuned nor use more threads than they may."""
    threads = str(options.threads)
    kept = {name: value for name, value in os.environ.items() if name not in TUNED}
    limit = {"EBM_SIMD": options.instructions} if options.instructions else {}
    return kept | limit | {"RAYON_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}


class Ours:
    """The process that answers for our half."""

    def __init__(self, options):
        command = [options.programs / "examples" / "peer"]
        command += [options.instructions] if options.instructions else []
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=plain_environment(options)
        )

    def ask(self, description, seconds):
        print(json.dumps(dict(operation=description, seconds=seconds)), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"our half ended at {description}")
        return float(answer)


def block(function, seconds):
    """The median time of a call, of calls that fill `seconds`."""
    times, began = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - began < seconds:
        call = time.perf_counter()
        function()
        times.append(time.perf_counter() - call)
    return statistics.median(times)


def paired(theirs, ours, rounds):
    """[(theirs, ours)] of each round."""
    pairs = []
    for _ in range(rounds):
        time.sleep(PAUSE)
        first = theirs()
        time.sleep(PAUSE)
        pairs.append((first, ours()))
    return pairs


def report(name, pairs, unit="us", scale=1e6):
    theirs, ours = (statistics.median(side) * scale for side in zip(*pairs))
    ratios = sorted(theirs / ours for theirs, ours in pairs)
    middle = statistics.median(ratios)
    print(f"{name:42} {theirs:11.1f} {ours:11.1f} {unit:3} {middle:7.2f}   {ratios[0]:.2f} .. {ratios[-1]:.2f}", flush=True)


def wanted(options, name):
    return not options.only or any(text in name for text in options.only)


def operations(options):
    import torch

    import operations as peer

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    ours = None
    with torch.no_grad():
        for name, description in peer.all_operations():
            if not wanted(options, name):
                continue
            ours = ours or Ours(options)
            function = peer.prepare(description)
            block(function, 0.05)
            ours.ask(description, 0.05)
            pairs = paired(
                lambda: block(function, options.seconds),
                lambda: ours.ask(description, options.seconds),
                options.rounds,
            )
            report(name, pairs)


def network(options, batch, width, rounds, names):
    """A network of the reference's kind: PyTorch's in this process, ours by `ebm bench`."""
    if not any(wanted(options, name) for name in names):
        return
    import torch

    import networks

    torch.set_num_threads(options.threads)
    model, optimiser = networks.reference(width)
    y, sigma = torch.rand(batch, 784) * 2 - 1, torch.ones(batch)

    def score():
        with torch.no_grad():
            model(y, sigma)

    def median(function):
        """Of fifteen calls after three, or of as many as fit into six seconds, but three."""
        times, began = [], time.perf_counter()
        while len(times) < 6 or len(times) < 18 and time.perf_counter() - began < 6:
            call = time.perf_counter()
            function()
            times.append(time.perf_counter() - call)
        return statistics.median(times[3:])

    def theirs():
        step = median(lambda: networks.reference_step(model, optimiser, y))
        return step, median(score)

    def ours():
        command = [options.programs / "ebm", "bench", "--json", "--backend", "flex"]
        command += ["--batch-size", str(batch), "--width", str(width)]
        output = subprocess.run(command, check=True, capture_output=True, env=plain_environment(options)).stdout
        speed = json.loads(output)
        return batch / speed["train_images_per_second"], batch / speed["score_images_per_second"]

    pairs = paired(theirs, ours, rounds)
    for i, name in enumerate(names):
        report(name, [(theirs[i], ours[i]) for theirs, ours in pairs], "ms", 1e3)


def reference(options):
    """The reference network itself."""
    names = ["reference training step, batch 64", "reference score, batch 64"]
    network(options, 64, 32, options.rounds, names)


def growth(options):
    """The same at other sizes of batch and of network."""
    for width in (32, 64, 128) if options.growth else ():
        for batch in (16, 64, 256):
            size = f"batch {batch}, width {width}"
            network(options, batch, width, min(3, options.rounds), [f"training step, {size}", f"score, {size}"])


def run(command, options, folder):
    """Seconds and peak of resident memory in MB of a whole process."""
    began = time.perf_counter()
    with open(folder / "output", "w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=plain_environment(options), cwd=HERE)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit((folder / "output").read_text())
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def first_sample(options, folder):
    """From the start of a process to one sample of a trained two-moons model."""
    name = "first sample, two moons"
    if not wanted(options, name):
        return
    weights, ours = folder / "moons.pt", [options.programs / "ebm"]
    run([sys.executable, "first_sample.py", weights], options, folder)
    backend = ["--backend", "flex"]
    run([*ours, "train", "two-moons", "--steps", "200", "--out", folder / "moons", *backend], options, folder)
    sample = [*ours, "sample", folder / "moons", "--n", "1", "--sampler", "heun", "--out", folder / "ours.npy", *backend]
    pairs = paired(
        lambda: run([sys.executable, "first_sample.py", weights, folder / "theirs.npy"], options, folder)[0],
        lambda: run(sample, options, folder)[0],
        options.rounds,
    )
    report(name, pairs, "ms", 1e3)


def memory(options, folder):
    """The peak of resident memory of the reference run."""
    name = "peak memory of the reference run, MB"
    if not wanted(options, name) or options.mnist is None:
        return
    steps, images = "60", options.mnist / "train-images-idx3-ubyte.gz"
    theirs = [sys.executable, "train_reference.py", images, steps, folder / "theirs.pt"]
    ours = [options.programs / "ebm", "train", "mnist-reference", "--data", options.mnist, "--steps", steps]
    ours += ["--backend", "flex", "--out"]
    pairs = [
        (run(theirs, options, folder)[1], run([*ours, folder / f"run-{i}"], options, folder)[1])
        for i in range(min(2, options.rounds))
    ]
    report(name, pairs, "MB", 1)


def main():
    options = arguments()
    if not options.untuned and any(os.environ.get(name) != value for name, value in TUNED.items()):
        threads = str(options.threads)
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | TUNED | {"OMP_NUM_THREADS": threads})
    options.programs = options.programs.resolve()
    options.mnist = options.mnist and options.mnist.resolve()
    print(f"{'medians of ' + str(options.rounds) + ' rounds':42} {'PyTorch':>11} {'ours':>11} {'':3} {'ratio':>7}   of rounds")
    # Before PyTorch is loaded: a new process inherits the peak of the one that starts it.
    with tempfile.TemporaryDirectory() as folder:
        first_sample(options, Path(folder))
        memory(options, Path(folder))
    reference(options)
    growth(options)
    operations(options)


if __name__ == "__main__":
    main()
