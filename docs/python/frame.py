"""The energies of the rows of a data frame: odd rows have high ones."""

import pathlib
import tempfile

import numpy
import pandas

from ebm import ebm


def main():
    generator = numpy.random.default_rng(1)
    ordinary = pandas.DataFrame({"height": generator.normal(170, 8, 1000)})
    ordinary["weight"] = 0.9 * ordinary["height"] - 85 + generator.normal(0, 5, 1000)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        ordinary.to_csv(folder / "ordinary.csv", index=False)
        run = folder / "run"
        ebm("train", "table", "--data", folder / "ordinary.csv", "--steps", 600, "--set", "model=mlp-energy",
            "--set", "objective=sliced", "--set", "sample.sampler=mala", "--set", "record.picture_samples=0",
            "--quiet", "--out", run)
        frame = pandas.concat([ordinary.head(20), pandas.DataFrame({"height": [170.0], "weight": [170.0]})])
        frame = frame.reset_index(drop=True)
        frame.to_csv(folder / "rows.csv", index=False)
        ebm("energy", run, "--data", folder / "rows.csv", "--out", folder / "energies.csv")
        frame["energy"] = pandas.read_csv(folder / "energies.csv").set_index("row")["energy"]
        print(frame.sort_values("energy", ascending=False).head(3).to_string())
        assert frame["energy"].idxmax() == 20, frame


if __name__ == "__main__":
    main()
