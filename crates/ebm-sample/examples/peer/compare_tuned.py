#!/usr/bin/env python3
"""Kernels with their own tuning, ours beside BlackJAX's: effective samples per evaluation of the score and per second.

  pip install "jax[cpu]" blackjax numpy optax
  cargo build --release -p ebm-sample --example blackjax-tuned
  python3 crates/ebm-sample/examples/peer/compare_tuned.py [--only TEXT] [--german FILE.csv]

Each side tunes its kernel by itself from N(0, I) and draws from 16 chains in single precision; neither JAX's compilation
nor the tuning counts in the seconds, and every draw that is kept is brought to the host within them.
BlackJAX's MCLMC and adjusted MCLMC tune one chain, its NUTS each chain by window adaptation of one, and ChEES all chains, as
its documentation does. The effective sample size is the smallest of all coordinates, of x and of x², by our
diagnostics for both sides, and the worse of the two counts. An evaluation is one of the gradient in one chain.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHAINS = 16

# Draws, steps from one to the next, and steps of tuning, of both sides.
KERNELS = {
    "mclmc": dict(draws=5000, thin=1, warm=3000),
    "mamclmc": dict(draws=2000, thin=1, warm=1500),
    "chees": dict(draws=2000, thin=1, warm=1500),
    "nuts": dict(draws=2000, thin=1, warm=1000),
}


def arguments():
    target = os.environ.get("CARGO_TARGET_DIR", HERE.parents[3] / "target")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], help="cases whose name holds this text")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--programs", type=Path, default=Path(target) / "release", help="where our examples lie")
    parser.add_argument("--german", type=Path, help="german_credit_numeric.csv, whose last column is the class, 1 or 2")
    return parser.parse_args()


def laws(options):
    """Each law as what our half reads, dimensions, and a log density."""
    import jax
    import jax.numpy as jnp
    import numpy

    from compare import german

    dim = 100
    variances = 1000.0 ** (numpy.arange(dim) / (dim - 1) - 0.5)
    axes = numpy.diag(variances)
    pairs = numpy.diag(0.5 * (variances + variances[::-1]))
    pairs += numpy.fliplr(numpy.diag(0.5 * numpy.abs(variances - variances[::-1])))
    found = {}
    for name, covariance in (("axes", axes), ("pairs", pairs)):
        precision = jnp.asarray(numpy.linalg.inv(covariance), dtype=jnp.float32)
        density = (lambda matrix: lambda x: -0.5 * x @ matrix @ x)(precision)
        found[name] = ("normal", covariance.astype("<f4"), dim, density)
    if options.german:
        rows = german(options.german)
        data = jnp.asarray(rows)
        density = lambda w: -jnp.sum(jax.nn.softplus(data @ w)) - 0.5 * w @ w
        found["german"] = ("logistic", rows.astype("<f4"), rows.shape[1], density)
    return found


def tuned(kernel, density, dim, warm, seed):
    """A step of BlackJAX's tuned kernel, (key, state) to (state, evaluations), and 16 states; what it came to."""
    import blackjax
    import jax
    import jax.numpy as jnp

    key, start_key, tune_key, init_key = jax.random.split(jax.random.key(seed), 4)
    start = jax.random.normal(start_key, (CHAINS, dim))
    share = 0.3  # of num_steps is spent on tuning
    if kernel == "mclmc":
        first = blackjax.mcmc.mclmc.init(position=start[0], logdensity_fn=density, rng_key=init_key)
        state, numbers, *_ = blackjax.mclmc_find_L_and_step_size(
            mclmc_kernel=blackjax.mcmc.mclmc.build_kernel(),
            logdensity_fn=density,
            num_steps=int(warm / share),
            state=first,
            rng_key=tune_key,
        )
        algorithm = blackjax.mclmc(
            density, L=numbers.L, step_size=numbers.step_size, inverse_mass_matrix=numbers.inverse_mass_matrix
        )
        states = jax.vmap(algorithm.init)(
            jnp.repeat(state.position[None], CHAINS, 0), jax.random.split(init_key, CHAINS)
        )
        # the minimal norm, two gradients a step
        step = lambda key, state: (algorithm.step(key, state)[0], 2.0)
        return step, states, f"h {numbers.step_size / dim**0.5:.3f}, l {numbers.L / dim**0.5:.3f}"
    if kernel == "mamclmc":
        dynamic = blackjax.mcmc.adjusted_mclmc_dynamic
        build = dynamic.build_kernel(
            integration_steps_fn=lambda key, mean: jnp.clip(
                jnp.ceil(jax.random.uniform(key) * dynamic.rescale(mean)), min=1
            ).astype("int32")
        )
        state, numbers, *_ = blackjax.adjusted_mclmc_find_L_and_step_size(
            mclmc_kernel=build,
            logdensity_fn=density,
            num_steps=int(warm / share),
            state=dynamic.init(start[0], density, init_key),
            rng_key=tune_key,
            target=0.9,
        )
        states = jax.vmap(lambda k: dynamic.init(state.position, density, k))(jax.random.split(init_key, CHAINS))

        def step(key, state):
            state, info = build(
                key,
                state,
                density,
                numbers.step_size,
                inverse_mass_matrix=numbers.inverse_mass_matrix,
                integration_steps_params=(numbers.L / numbers.step_size,),
            )
            return state, 2.0 * info.num_integration_steps

        return step, states, f"h {numbers.step_size / dim**0.5:.3f}, mean {numbers.L / dim**0.5:.3f}"
    if kernel == "chees":
        import optax

        warmup = blackjax.chees_adaptation(density, CHAINS)
        (states, numbers), _ = warmup.run(tune_key, start, 0.05, optax.adam(0.025), warm)
        algorithm = blackjax.dynamic_hmc(density, **numbers)

        def step(key, state):
            state, info = algorithm.step(key, state)
            return state, info.num_integration_steps

        return step, states, f"step {numbers['step_size']:.3f}"
    warmup = blackjax.window_adaptation(blackjax.nuts, density)
    (state, numbers), _ = warmup.run(tune_key, start[0], num_steps=warm)
    algorithm = blackjax.nuts(density, **numbers)
    states = jax.vmap(algorithm.init)(jnp.repeat(state.position[None], CHAINS, 0))

    def step(key, state):
        state, info = algorithm.step(key, state)
        return state, info.num_integration_steps

    return step, states, f"step {numbers['step_size']:.3f}"


def theirs(kernel, density, dim, seed, ours, scratch):
    import jax
    import numpy

    draws, thin, warm = (KERNELS[kernel][key] for key in ("draws", "thin", "warm"))
    step, states, about = tuned(kernel, density, dim, warm, seed)

    def advance(key, states, n):
        def one(states, key):
            def inner(carry, key):
                states, count = carry
                states, n = jax.vmap(step)(jax.random.split(key, CHAINS), states)
                return (states, count + jax.numpy.sum(n)), None

            (states, count), _ = jax.lax.scan(inner, (states, 0.0), jax.random.split(key, thin))
            return states, (states.position, count)

        return jax.lax.scan(one, states, jax.random.split(key, n))

    advance = jax.jit(advance, static_argnums=2)
    key = jax.random.key(seed + 100)
    states, _ = jax.block_until_ready(advance(key, states, draws))
    began = time.perf_counter()
    states, (positions, counts) = advance(jax.random.key(seed + 200), states, draws)
    positions = numpy.asarray(jax.block_until_ready(positions))
    seconds = time.perf_counter() - began
    positions.astype("<f4").tofile(scratch)
    answer = ours.ask(count=str(scratch), shape=[draws, CHAINS, dim])
    return dict(answer, seconds=seconds, evaluations=float(numpy.sum(counts, dtype=float)), about=about)


def main():
    sys.path.insert(0, str(HERE))
    from compare import Ours

    class Tuned(Ours):
        program = "blackjax-tuned"

    options = arguments()
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen=true intra_op_parallelism_threads={options.threads}"
    os.environ["JAX_PLATFORMS"] = "cpu"
    ours = Tuned(options)
    print("                 ESS of 1,000 evaluations            ESS a second")
    print("case             BlackJAX       ours   ratio     BlackJAX       ours   ratio   tuned to")
    for law, (kind, numbers, dim, density) in laws(options).items():
        for kernel, lengths in KERNELS.items():
            name = f"{law}-{kernel}"
            if options.only and not any(text in name for text in options.only):
                continue
            pairs = []
            with tempfile.TemporaryDirectory() as folder:
                scratch, file = Path(folder) / "draws", Path(folder) / "law"
                numbers.tofile(file)
                for seed in range(options.rounds):
                    case = dict(law=kind, file=str(file), chains=CHAINS, dim=dim, seed=seed, **lengths)
                    mine = None if kernel == "nuts" else ours.ask(run=dict(case, sampler=dict(kind=kernel)))
                    pairs.append((theirs(kernel, density, dim, seed, ours, scratch), mine))
            ess = lambda side: min(side["ess"], side["ess_of_squares"])
            median = lambda side, over, factor=1.0: statistics.median(
                factor * ess(pair[side]) / pair[side][over] for pair in pairs
            )
            a, b = median(0, "evaluations", 1000.0), median(0, "seconds")
            about = pairs[-1][0]["about"]
            if kernel == "nuts":
                print(f"{name:15} {a:9.3f} {'':10} {'':7} {b:12.0f} {'':10} {'':7}   {about}")
            else:
                c, d, last = median(1, "evaluations", 1000.0), median(1, "seconds"), pairs[-1][1]
                mine = f"h {last['step_size']:.3f}, {last['trajectory']:.3f}"
                print(f"{name:15} {a:9.3f} {c:10.3f} {c / a:7.2f} {b:12.0f} {d:10.0f} {d / b:7.2f}   {about} | {mine}")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
