"""A network as a module of torch.nn, with its weights."""

import pathlib
import sys
import tempfile

import torch

from ebm import ebm, small_run


def main():
    with tempfile.TemporaryDirectory() as folder:
        run = small_run(folder, "two-moons", 300)
        network = pathlib.Path(folder) / "network"
        ebm("export", run, "--to", network)
        sys.path.insert(0, str(network))
        import network as exported

        model = exported.load()
        y, sigma = torch.zeros(3, 2), torch.ones(3)
        with torch.no_grad():
            score = model.score(y, sigma)
        assert score.shape == (3, 2) and torch.isfinite(score).all(), score
        n = sum(parameter.numel() for parameter in model.parameters())
        print(f"torch {torch.__version__}: {n} parameters, score at the origin {score[0].tolist()}")


if __name__ == "__main__":
    main()
