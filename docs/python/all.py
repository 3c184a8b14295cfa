"""Runs the scripts whose packages are there; the exit code is 1 if one fails."""

import importlib.util
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

SCRIPTS = {
    "drive.py": [],
    "samples.py": ["numpy"],
    "draws.py": ["arviz", "zarr", "xarray"],
    "weights.py": ["torch"],
    "frame.py": ["pandas", "numpy"],
    "curves.py": ["tensorboard"],
}


def main():
    failed = []
    for script, packages in SCRIPTS.items():
        missing = [package for package in packages if importlib.util.find_spec(package) is None]
        if missing:
            print(f"{script}: skipped, without {', '.join(missing)}", flush=True)
            continue
        print(f"{script}:", flush=True)
        if subprocess.run([sys.executable, HERE / script], cwd=HERE).returncode != 0:
            failed.append(script)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
