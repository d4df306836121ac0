"""The entry to training, `fit`: from a model and a dataset to a history. `labkit.training.epochs` is its loop."""

from pathlib import Path

from torch import nn

from labkit.records import History
from labkit.training.batches import ClipDataset
from labkit.training.board import board_folder
from labkit.training.checks import check_numbers, fit_batch, prepare
from labkit.training.device import Precision, pick_device, pick_precision
from labkit.training.epochs import Training
from labkit.training.interrupt import TrainingInterrupted
from labkit.training.protocol import Protocol
from labkit.training.protocols import find_protocol
from labkit.training.ranks import check_sync_batchnorm, synced
from labkit.training.schedule import ScheduleName
from labkit.training.settings import Settings, Statistics, check_statistics


def fit(
    model: nn.Module,
    train: ClipDataset,
    val: ClipDataset | None = None,
    *,
    protocol: str | Protocol | None = None,
    epochs: int | None = None,
    updates: int | None = None,
    batch_size: int | None = None,
    accumulate: int | None = None,
    lr: float | None = None,
    momentum: float | None = None,
    dampening: float | None = None,
    nesterov: bool | None = None,
    weight_decay: float | None = None,
    schedule: ScheduleName | None = None,
    label_smoothing: float | None = None,
    clip_gradients: float | None = None,
    trained: str | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: Precision = "auto",
    workers: int = 0,
    folder: str | Path | None = None,
    resume: bool = True,
    checkpoint_every: int | None = None,
    name: str = "run",
    progress: bool = True,
    val_every: int = 1,
    statistics: Statistics = "fresh",
    sync_batchnorm: bool = False,
    tensorboard: bool | None = None,
) -> History:
    """Train `model` in place by stochastic gradient descent on the cross-entropy, and return its `History`.

    **How.** `protocol` names the defaults: a row of `labkit.training.protocols.PROTOCOLS`, such as "hara_finetune". A
    keyword that is given takes the place of the protocol's value. Without a protocol the defaults are those of Hara et
    al. 2018 from scratch (section 3.3 and the published code), with a batch of 32, which fits a laptop: SGD with momentum
    0.9, dampening 0.9 (0 with `nesterov`), weight decay 1e-3, learning rate 0.1 divided by 10 when the validation loss
    has not fallen for 10 epochs. `schedule` is a row of `labkit.training.schedule.SCHEDULES`; without a validation set, a
    plateau is judged by the training loss. `accumulate` is the number of parts in which a batch goes through the network,
    where memory is short; `clip_gradients` is the largest norm of all gradients together; `label_smoothing` is a share of
    each answer.

    **Which layers.** `trained` says that the model has learnt before, and which part of it is trained now: "all", a stage
    such as "layer4" and what follows, or "head", the classifier. The other layers are frozen, with their batch norms
    (`labkit.training.stages`). Where the classes differ, the model gets a new classifier, and a warning says so.

    **How long.** Train for `epochs`, or for a number of `updates` (the last epoch may then be a part of one). The order of
    the clips is a function of (seed, epoch); `seed` also starts dropout. The caller's random state is left as it was.

    **What is measured.** Each epoch adds a row for `train`, with the loss and accuracy that were counted while the weights
    changed (`live_loss`, `live_top1`). Every `val_every` epochs and at the end, validation clips and training clips are
    measured alike, in evaluation mode (`labkit.training.measuring`): a row for `val`, and `loss`, `top1`, `top5` in that
    of `train`. The training clips are then cut as the validation clips are; of a large set as many are measured as there
    are validation clips, at least 512. All are at clip level. `statistics="fresh"` takes the batch norms' statistics anew
    before it measures, and at the end; "running" leaves them as torch does, which lag behind the weights where an epoch
    has few updates. The weights are the same with both, unless a plateau looks at the validation loss.

    **What is kept.** With a `folder`, `history.jsonl`, `checkpoint.safetensors` and `best.safetensors` (the weights of the
    best validation accuracy) are kept there, and a run that was stopped goes on from its last checkpoint, inside an epoch
    too. On a CPU with the same threads it then gives the same bits as a run without a stop (all but the column
    `seconds`). A checkpoint is written at the ends of epochs and once a minute, or every `checkpoint_every` updates, and
    at the end. Ctrl-C writes one too and raises `TrainingInterrupted`, a `KeyboardInterrupt`.

    A video that has gone bad since it was indexed is left out of its batches, with a warning at the epoch's end that
    counts its clips; with a dataset of `on_error="raise"`, training ends with `VideoError`. A model in `nn.DataParallel`
    or from `torch.compile` is trained as it is; its files are those of the model inside.

    Started by `torchrun` or `labkit.training.launch`, several processes train one network: `batch_size` counts the clips
    of all of them, and only the first touches the folder (`docs/processes.md`). `sync_batchnorm` then lets batch norms
    compare the clips of all processes, on GPUs alone. `tensorboard` writes the history's numbers to `folder/tensorboard`
    too; by default it does so under `labkit run --tensorboard` alone.

    Raises `ValueError` for arguments that do not fit each other, `CheckpointError` for a checkpoint that does not,
    `FolderInUseError` where another training is at work in the folder, `DivergedError` where the loss becomes NaN or
    infinite, `TooLittleMemoryError` where a batch does not fit the device, `ReaderDiedError` where a worker that reads
    clips has died, and `ProcessLostError` where another process has ended.
    """
    given = {
        "epochs": epochs,
        "updates": updates,
        "batch_size": batch_size,
        "accumulate": accumulate,
        "lr": lr,
        "momentum": momentum,
        "dampening": dampening,
        "nesterov": nesterov,
        "weight_decay": weight_decay,
        "schedule": schedule,
        "label_smoothing": label_smoothing,
        "clip_gradients": clip_gradients,
        "trained": trained,
    }
    recipe = find_protocol(protocol, **{name: value for name, value in given.items() if value is not None})
    check_numbers(epochs=recipe.epochs, updates=recipe.updates, val_every=val_every, checkpoint_every=checkpoint_every)
    check_statistics(statistics)
    check_sync_batchnorm(sync_batchnorm, pick_device(device))
    board = board_folder(tensorboard, folder, name)
    part = prepare(model, train, val, recipe, seed=seed)
    settings = Settings.of(
        recipe,
        batch_size=fit_batch(recipe.batch_size, len(train)),
        seed=seed,
        precision=pick_precision(precision, pick_device(device)),
        val_every=val_every,
        statistics=statistics,
    )
    with part.frozen(), synced(model, sync_batchnorm):
        training = Training(
            part,
            train,
            val,
            settings,
            recipe,
            device=pick_device(device),
            workers=workers,
            name=name,
            sync_batchnorm=sync_batchnorm,
            board=board,
        )
        training.keep_in(None if folder is None else Path(folder), every=checkpoint_every)
        if training.run(resume=resume, progress=progress):
            return training.history
    raise TrainingInterrupted(training.farewell, training.history, training.keep.path)
