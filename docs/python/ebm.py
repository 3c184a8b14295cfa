"""Runs the program `ebm`: from EBM, the PATH, or target/release."""

import json
import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
BUILT = HERE.parent.parent / "target" / "release" / "ebm"
PROGRAM = os.environ.get("EBM") or shutil.which("ebm") or str(BUILT)

# Verbs that compute, and so take a backend; the numbers are then those of any build.
COMPUTING = {"train", "sample", "eval", "energy", "restore", "interpolate"}


def command(*words):
    """The command line of a verb and its arguments."""
    words = [str(word) for word in words]
    backend = ["--backend", "flex"] if words[0] in COMPUTING else []
    return [PROGRAM, *words, *backend]


def ebm(*words):
    """Runs a command and returns its last line of JSON."""
    done = subprocess.run([*command(*words), "--json"], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def small_run(folder, preset="two-moons", steps=200, *more):
    """Trains for a few seconds and returns the run's folder."""
    run = pathlib.Path(folder) / "run"
    ebm("train", preset, "--steps", steps, "--set", "record.picture_samples=0", "--quiet", "--out", run, *more)
    return run
