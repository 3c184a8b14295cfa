"""The journal of a run as TensorBoard reads it."""

import pathlib
import tempfile

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ebm import ebm, small_run


def main():
    with tempfile.TemporaryDirectory() as folder:
        run = small_run(folder, "two-moons", 200)
        done = ebm("export", run, "--to", "tensorboard")
        events = EventAccumulator(str(pathlib.Path(done["file"]).parent))
        events.Reload()
        losses = events.Scalars("loss")
        assert [scalar.step for scalar in losses] == [50, 100, 150, 200], losses
        assert sorted(events.Tags()["scalars"]) == sorted(done["tags"])
        print(f"{done['tags']}: {[round(scalar.value, 4) for scalar in losses]}")


if __name__ == "__main__":
    main()
