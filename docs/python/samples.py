"""Samples of a trained network as a NumPy array."""

import pathlib
import tempfile

import numpy

from ebm import ebm, small_run


def main():
    with tempfile.TemporaryDirectory() as folder:
        run = small_run(folder, "two-moons", 300)
        path = pathlib.Path(folder) / "new.npy"
        ebm("sample", run, "--n", 500, "--out", path)
        x = numpy.load(path)
        assert x.shape == (500, 2) and numpy.isfinite(x).all(), x.shape
        print(f"{x.shape} {x.dtype}, mean {x.mean(axis=0)}, deviation {x.std(axis=0)}")


if __name__ == "__main__":
    main()
