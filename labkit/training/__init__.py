"""Training and evaluation: `fit` trains a network and gives a `History`, `evaluate` gives `Predictions`."""

from labkit.training.device import pick_device
from labkit.training.evaluate import evaluate
from labkit.training.launch import launch
from labkit.training.loop import fit
from labkit.training.protocols import find_protocol
from labkit.training.schedule import learning_rates

__all__ = ["evaluate", "find_protocol", "fit", "launch", "learning_rates", "pick_device"]
