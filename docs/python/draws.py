"""Draws of chains into ArviZ, and its R-hat beside ours."""

import pathlib
import tempfile

import arviz
import xarray
import zarr

from ebm import ebm


def read(path):
    """An InferenceData of ArviZ 0, which reads only what zarr 2 opens, or a DataTree of ArviZ 1."""
    if arviz.__version__.startswith("0.") and not zarr.__version__.startswith("2."):
        return arviz.InferenceData.from_datatree(xarray.open_datatree(path, engine="zarr"))
    return arviz.from_zarr(str(path))


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "draws.zarr"
        done = ebm("sample", "correlated", "--sampler", "hmc", "--chains", 4, "--draws", 500, "--out", path)
        data = read(path)
        posterior = data["posterior"]
        names = list(posterior.data_vars)
        sizes = posterior[names[0]].sizes
        assert (sizes["chain"], sizes["draw"]) == (4, 500), sizes
        assert "diverging" in data["sample_stats"].data_vars
        found = arviz.rhat(data)
        found = found["posterior"] if "posterior" in getattr(found, "children", {}) else found
        theirs = [float(found[name]) for name in names]
        ours = [coordinate["r_hat"] for coordinate in done["coordinates"]]
        print(f"arviz {arviz.__version__}: R-hat {theirs}, ours {ours}")
        assert max(abs(a - b) for a, b in zip(theirs, ours, strict=True)) < 1e-3, (theirs, ours)


if __name__ == "__main__":
    main()
