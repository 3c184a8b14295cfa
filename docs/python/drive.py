"""Trains by subprocess and reads the progress while it goes; needs no package."""

import json
import pathlib
import subprocess
import tempfile

from ebm import command


def main():
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        words = command("train", "two-moons", "--steps", 200, "--set", "record.picture_samples=0",
                        "--out", run, "--quiet", "--json")
        losses = []
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as training:
            for line in training.stdout:
                event = json.loads(line)
                if event["event"] == "progress":
                    losses.append(event["loss"])
                    print(f"step {event['step']}: loss {event['loss']:.4f}")
        assert training.returncode == 0, training.returncode
        assert event["event"] == "done" and event["step"] == 200, event
        assert len(losses) == 4, losses
        print(f"done in {event['seconds']:.1f} s: {event['model']}")


if __name__ == "__main__":
    main()
