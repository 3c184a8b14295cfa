"""Whether an exported network gives the scores that the program computed.

    python check.py FOLDER

FOLDER has network.py, config.json, weights.safetensors, and expected.json with rows y, levels sigma and scores.
Prints the largest error in a share of the largest score of its row; ends with 1 if it is 1e-5 or more.
"""
import importlib.util
import json
import pathlib
import sys

import torch

sys.dont_write_bytecode = True
folder = pathlib.Path(sys.argv[1])
spec = importlib.util.spec_from_file_location('network', folder / 'network.py')
network = importlib.util.module_from_spec(spec)
spec.loader.exec_module(network)
expected = json.loads((folder / 'expected.json').read_text())
with torch.no_grad():
    found = network.load().score(torch.tensor(expected['y']), torch.tensor(expected['sigma']))
score = torch.tensor(expected['score'])
error = ((found - score).abs().amax(1) / score.abs().amax(1)).max().item()
print(f'{error:.2e}')
sys.exit(0 if error < 1e-5 else 1)
