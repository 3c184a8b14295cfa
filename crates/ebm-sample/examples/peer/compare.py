#!/usr/bin/env python3
"""Our kernels beside BlackJAX's, in one run: effective samples per second, and a ratio above 1 is in our favour.

  pip install "jax[cpu]" blackjax numpy
  cargo build --release -p ebm-sample --example blackjax
  python3 crates/ebm-sample/examples/peer/compare.py [--only TEXT] [--german FILE.csv]

Both sides start at the same points and have the same step sizes, leapfrog steps, chains and draws, in single precision;
one chain on plain numbers (`slices`) is in double precision on our side. Each side warms up and draws a block
untimed, so that neither JAX's compilation counts nor what either takes of memory for the first time; every draw is
kept and brought to the host within the time. The effective sample size is the smallest of all coordinates' bulks,
told by our diagnostics for both. Blocks of theirs and of ours alternate.
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

HERE = Path(__file__).resolve().parent
WARM = 100

# What both sides do: the law, the kernel, chains, draws, step size (ours: η of x + η s + √(2η) z, ε of a leapfrog step),
# leapfrog steps; `slices` has one chain on plain numbers.
CASES = {
    "gaussian-mala": dict(law="gaussian", kernel="mala", chains=1000, draws=300, step_size=0.13, leapfrog=1),
    "gaussian-hmc": dict(law="gaussian", kernel="hmc", chains=1000, draws=100, step_size=0.35, leapfrog=5),
    "german-mala": dict(law="german", kernel="mala", chains=1000, draws=300, step_size=1.2e-3, leapfrog=1),
    "german-hmc": dict(law="german", kernel="hmc", chains=1000, draws=100, step_size=0.04, leapfrog=6),
    "slices-mala": dict(law="banana", kernel="mala", chains=1, draws=1_000_000, step_size=0.5, leapfrog=1),
    "slices-hmc": dict(law="banana", kernel="hmc", chains=1, draws=1_000_000, step_size=0.7, leapfrog=10),
}
DIM = {"gaussian": 100, "german": 25, "banana": 2}


def arguments():
    target = os.environ.get("CARGO_TARGET_DIR", HERE.parents[3] / "target")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], help="cases whose name holds this text")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--programs", type=Path, default=Path(target) / "release", help="where our examples lie")
    parser.add_argument("--german", type=Path, help="german_credit_numeric.csv, whose last column is the class, 1 or 2")
    return parser.parse_args()


class Ours:
    """The process that answers for our half, and that counts effective samples for both."""

    program = "blackjax"

    def __init__(self, options):
        environment = os.environ | {"RAYON_NUM_THREADS": str(options.threads)}
        command = [options.programs / "examples" / self.program]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self, **question):
        print(json.dumps(question), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"our half ended at {question}")
        return json.loads(answer)


def german(path):
    """Signed rows (1 - 2y) [standardised features, 1], so that the density is that of Σ -softplus(row · w) - ½|w|²."""
    import numpy

    # Some commas of the file are blanks.
    lines = path.read_text().splitlines()[1:]
    table = numpy.array([line.replace(",", " ").split() for line in lines], dtype=float)
    x, y = table[:, :-1], table[:, -1] == 2
    x = numpy.column_stack([(x - x.mean(0)) / x.std(0), numpy.ones(len(x))])
    return (x * (1 - 2 * y)[:, None]).astype("float32")


def covariance(dim):
    """0.5 to the distance of the coordinates; its eigenvalues lie between 1/3 and 3."""
    import numpy

    place = numpy.arange(dim)
    return 0.5 ** numpy.abs(place[:, None] - place)


def log_density(law, rows):
    import jax
    import jax.numpy as jnp
    import numpy

    if law == "gaussian":
        precision = jnp.asarray(numpy.linalg.inv(covariance(DIM[law])), dtype=jnp.float32)
        return lambda x: -0.5 * x @ precision @ x
    if law == "german":
        rows = jnp.asarray(rows)
        return lambda w: -jnp.sum(jax.nn.softplus(rows @ w)) - 0.5 * w @ w
    return lambda x: -0.5 * (x[0] ** 2 / 100 + (x[1] - 0.03 * (x[0] ** 2 - 100)) ** 2)


def starts(case, rows):
    """`[chains, dim]`, near the bulk."""
    import numpy

    random = numpy.random.default_rng(1)
    z = random.normal(size=(case["chains"], DIM[case["law"]]))
    if case["law"] == "gaussian":
        z = z @ numpy.linalg.cholesky(covariance(DIM["gaussian"])).T
    if case["law"] == "german":
        z = 0.1 * z
    return z.astype("float32")


class Theirs:
    """BlackJAX's kernel, compiled."""

    def __init__(self, case, start, rows):
        import blackjax
        import jax
        import jax.numpy as jnp

        density, step_size = log_density(case["law"], rows), case["step_size"]
        if case["kernel"] == "mala":
            kernel = blackjax.mala(density, step_size)
        else:
            unit = jnp.ones(DIM[case["law"]])
            kernel = blackjax.hmc(density, step_size, unit, case["leapfrog"])
        many = case["chains"] > 1

        def run(key, state, n):
            def step(state, key):
                if many:
                    state, info = jax.vmap(kernel.step)(jax.random.split(key, case["chains"]), state)
                else:
                    state, info = kernel.step(key, state)
                return state, (state.position, info.acceptance_rate)

            return jax.lax.scan(step, state, jax.random.split(key, n))

        self.run = jax.jit(run, static_argnums=2)
        start = jnp.asarray(start)
        self.state = jax.vmap(kernel.init)(start) if many else kernel.init(start[0])
        self.key = jax.random.key(2)
        self.draws = case["draws"]
        self.shape = (case["draws"], case["chains"], DIM[case["law"]])
        self.advance(WARM)
        self.advance(self.draws)

    def advance(self, n):
        import jax
        import numpy

        self.key, key = jax.random.split(self.key)
        began = time.perf_counter()
        self.state, (positions, acceptance) = self.run(key, self.state, n)
        positions = numpy.asarray(jax.block_until_ready(positions))
        return time.perf_counter() - began, positions, float(acceptance.mean())

    def block(self, ours, scratch):
        seconds, positions, acceptance = self.advance(self.draws)
        positions.astype("<f4").tofile(scratch)
        ess = ours.ask(count=str(scratch), shape=self.shape)["ess"]
        return dict(seconds=seconds, ess=ess, acceptance=acceptance)


def main():
    options = arguments()
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen=true intra_op_parallelism_threads={options.threads}"
    os.environ["JAX_PLATFORMS"] = "cpu"
    ours = Ours(options)
    rows = german(options.german) if options.german else None
    print(f"{'':15} {'ESS/s of BlackJAX':>18} {'of ours':>12} {'ratio':>7}   {'least .. most':14} acceptance, ESS of a block")
    for name, case in CASES.items():
        if options.only and not any(text in name for text in options.only):
            continue
        if case["law"] == "german" and rows is None:
            print(f"{name:15} needs --german FILE.csv")
            continue
        with tempfile.TemporaryDirectory() as folder:
            scratch = Path(folder) / "draws"
            start = starts(case, rows)
            start.tofile(scratch)
            question = dict(case, start=str(scratch), dim=DIM[case["law"]], warm=WARM)
            if case["law"] == "german":
                rows.tofile(Path(folder) / "rows")
                question |= dict(rows=str(Path(folder) / "rows"))
            ours.ask(prepare=question)
            ours.ask(draw=case["draws"])
            theirs = Theirs(case, start, rows)
            pairs = [(theirs.block(ours, scratch), ours.ask(draw=case["draws"])) for _ in range(options.rounds)]
        rate = lambda block: block["ess"] / block["seconds"]
        ratios = sorted(rate(b) / rate(a) for a, b in pairs)
        left, right = (statistics.median(map(rate, side)) for side in zip(*pairs))
        notes = [f"{side['acceptance']:.3f}, {side['ess']:.0f} in {side['seconds']:.2f} s" for side in pairs[-1]]
        middle = statistics.median(ratios)
        print(f"{name:15} {left:18.0f} {right:12.0f} {middle:7.2f}   {ratios[0]:.2f} .. {ratios[-1]:.2f}    {' | '.join(notes)}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
