"""Run as a script: `python open_and_fit.py ROOT WHAT...` opens the dataset at ROOT, does that, and prints what came of it."""

import json
import sys

from tiny_training import tiny_model

from labkit.clip import ClipSpec
from labkit.data import processes
from labkit.data.datasets import open_dataset
from labkit.training import fit

SPEC = ClipSpec(frames=4, size=16)


def main(root: str, what: list[str]) -> None:
    if "pool" in what:  # from the second file on, processes do the work
        processes.TRIAL_SECONDS = processes.WORTH_SECONDS = -1.0
    workers = 0 if "here" in what else 2
    data = open_dataset("folder", root, spec=SPEC, cached="cached" in what, workers=workers, progress=False)
    print(json.dumps({"videos": len(data.table), "report": data.report[["path", "reason"]].to_numpy().tolist()}))
    if "fit" in what:
        options = {"epochs": 1, "batch_size": 6, "device": "cpu", "progress": False, "workers": workers}
        history = fit(tiny_model(clip=SPEC), data, folder=f"{root}-run", **options)
        print(json.dumps({"clips": int(history.table["clips"].iloc[-1])}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
