"""The training loop, `fit`: from a model and a dataset to a history. accelerate places it on devices and processes."""

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import torch
from torch import nn

from labkit.counting import counted, named
from labkit.data.video_file import shown
from labkit.models.weights import unwrapped
from labkit.records import History
from labkit.training.batches import ClipDataset, EpochBatches, Reading, living_readers, make_loader
from labkit.training.board import board_folder, close_board, open_board, write_board
from labkit.training.checkpoint import own_random_state
from labkit.training.checks import check_numbers, fit_batch, prepare
from labkit.training.device import (
    Precision,
    accelerator_on,
    fast_convolutions,
    memory_format,
    pick_device,
    pick_precision,
    wait_for,
)
from labkit.training.failures import DivergedError, LossWatch, enough_memory, is_finite, videos_of
from labkit.training.folder import Position, RunFolder, State, described_flow, fingerprint, surroundings
from labkit.training.interrupt import TrainingInterrupted, interrupts
from labkit.training.measuring import Measurement
from labkit.training.meter import Forward, Meter
from labkit.training.progress import Progress
from labkit.training.protocol import Protocol
from labkit.training.protocols import find_protocol
from labkit.training.ranks import check_batch, check_sync_batchnorm, synced, these_processes
from labkit.training.schedule import ScheduleName, find_schedule, step
from labkit.training.settings import Settings, Statistics, check_statistics
from labkit.training.stages import Part
from labkit.training.update import Update

MINUTE = 60.0  # inside an epoch, a checkpoint this often
NOT_MEASURED = dict.fromkeys(("loss", "top1", "top5", "live_loss", "live_top1"), math.nan)
BETWEEN_EPOCHS = 10.0  # at the ends of epochs, not more often: epochs of a few clips take less than writing one


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
        training = _Training(
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


def _optimiser(part: Part, settings: Settings, device: torch.device) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        part.parameters,
        settings.lr,
        momentum=settings.momentum,
        dampening=settings.dampening,
        nesterov=settings.nesterov,
        weight_decay=settings.weight_decay,
        fused=device.type in ("cpu", "cuda"),  # one pass over the weights; several times faster than five
    )


class _Training:
    """One call of `fit`: everything that it needs, and the loop over epochs."""

    def __init__(
        self,
        part: Part,
        train: ClipDataset,
        val: ClipDataset | None,
        settings: Settings,
        recipe: Protocol,
        *,
        device: torch.device,
        workers: int,
        name: str,
        sync_batchnorm: bool,
        board: Path | None,
    ) -> None:
        self.schedule = find_schedule(settings.schedule)
        self.settings, self.recipe, self.part = settings, recipe, part
        self.train, self.val, self.workers, self.name = train, val, workers, name
        self.sync_batchnorm = sync_batchnorm
        self.crew = these_processes(device)
        check_batch(settings.batch_size, self.crew.processes)
        self.batches = EpochBatches(len(train), self.settings.batch_size, seed=settings.seed, share=self.crew)
        self.total = recipe.updates or (recipe.epochs or 1) * len(self.batches)  # updates in all
        self.epochs = math.ceil(self.total / len(self.batches))  # the last may be a part of one

        self.accelerator = accelerator_on(device, board=board)
        self.device = self.accelerator.device
        # Settings of the wrapper (the devices of DataParallel, the compiled code) are not kept.
        model = unwrapped(part.model)
        model.to(self.device).to(memory_format=memory_format(model, settings.precision))
        optimiser = _optimiser(part, settings, self.device)
        scheduler = self.schedule.build(optimiser, settings.lr, self.total)
        self.state = State(model, optimiser, scheduler, Meter(self.device, len(train.classes)))
        self.loader = make_loader(train, self.batches, workers=workers, device=self.device, seed=settings.seed)
        wrapped, optimiser = self.accelerator.prepare(part.model, optimiser)
        forward = Forward(model, train, device=self.device, precision=settings.precision, call=wrapped)
        self.watch = LossWatch(self.device, self._diverged)
        self.update = Update(
            forward,
            optimiser,
            part,
            self.state.meter,
            self.watch,
            self.accelerator,
            recipe,
            least=self.least,
            crew=self.crew,
        )
        seen = self.total * settings.batch_size
        self.measurement = Measurement(
            part.model, train, val, settings, trained_on=seen, device=self.device, workers=workers, crew=self.crew
        )
        self.keep_in(None, every=None)

    def keep_in(self, folder: Path | None, *, every: int | None) -> None:
        """Keep history and checkpoints in `folder`; nowhere, if None."""
        data = {
            "clip": asdict(self.train.spec),
            "flow": described_flow(self.train),
            "classes": list(self.train.classes),
            "training set": f"{len(self.train)} clips ({fingerprint(self.train)})",
            "validation set": None if self.val is None else f"{len(self.val)} clips ({fingerprint(self.val)})",
            # A schedule stretched to the run's length is another one when the run gets longer.
            "updates": self.total if self.schedule.needs_length else None,
            "sync_batchnorm": self.sync_batchnorm,
        }
        self.keep = RunFolder(
            folder,
            settings={**asdict(self.settings), **data},
            surroundings=surroundings(self.device, self.workers, self.recipe.accumulate, self.crew.processes),
            every=every,
            crew=self.crew,
        )

    @property
    def history(self) -> History:
        return History.of(self.state.history)

    @property
    def go_on(self) -> str:
        """How to go on after another process was lost."""
        if self.keep.path is None:
            return "No folder was given, so nothing was kept."
        return f"The last checkpoint is in {self.keep.path}: start the same command again to go on from there."

    @property
    def farewell(self) -> str:
        """One line for a run that was interrupted."""
        position = self.state.position
        where = f"{self.name}: stopped in epoch {position.epoch} of {self.epochs}, after update {position.updates}."
        if self.keep.path is None:
            return f"{where} No folder was given, so nothing was kept."
        return f"{where} To go on from there, call fit again with folder={str(self.keep.path)!r}."

    def run(self, *, resume: bool, progress: bool) -> bool:
        """Train to the end and say True, or until Ctrl-C and say False."""
        own = own_random_state(self.settings.seed)
        alone, fast = self.keep.alone(), fast_convolutions(self.device)
        with self.crew.together(self.go_on), alone, own, living_readers(), interrupts() as stop, fast:
            resumed = self.keep.start(self.state, resume=resume)
            open_board(self.accelerator, epoch=self.state.position.epoch)
            self.update.optimiser.zero_grad()  # the caller's own backward passes may have left gradients
            with self._progress(progress) as bar:
                if self.settings.trained or self.part.fixed:
                    bar.say(f"{self.name}: {self.part.describe()}")
                if resumed:
                    bar.say(f"{self.name}: resumed after update {self.state.position.updates} of {self.total}")
                while self.state.position.epoch <= self.epochs:
                    if not (self._train_epoch(bar, stop) and self._end_epoch(bar, stop)):
                        self.keep.save(self.state)
                        return False
            self.keep.save(self.state)
            close_board(self.accelerator)
        return True

    def _train_epoch(self, bar: Progress, stop: Callable[[], bool]) -> bool:
        """The rest of the epoch under way; False if it was interrupted."""
        state, position = self.state, self.state.position
        left = self.total - position.updates
        self.batches.begin(position.epoch, position.batch, position.batch + left)
        self.part.train()
        began = time.perf_counter() - position.seconds
        reading, first, trained = Reading(self.train, empty=True), position.batch, 0
        for clips, labels, rows in reading.of(self.loader):
            read = self.crew.total(len(labels))  # by all processes, for this update
            if read < self.least:
                continue
            self.crew.draw_apart(self.settings.seed, position.updates)
            with enough_memory(self._asked, self.device, advice=self._advice):
                self.update(clips, labels, rows, number=position.updates + 1, read=read)
            if self.schedule.every == "update":
                step(state.scheduler, None)
            trained += read
            position.batch = first + reading.batches
            position.updates += 1
            position.seconds = time.perf_counter() - began
            bar.done(read)
            if self.crew.anyone(stop()):
                return False
            self.keep.save_if_due(state, after=MINUTE)
        reading.check(trained)
        self.watch.look()
        wait_for(self.device)
        position.seconds = time.perf_counter() - began
        reading.warn(f"epoch {position.epoch}, training")
        return True

    @property
    def least(self) -> int:
        """The fewest clips of an update: batch normalisation compares them."""
        return min(2, self.settings.batch_size)

    def _end_epoch(self, bar: Progress, stop: Callable[[], bool]) -> bool:
        """Validate, write the epoch's rows, and go to the next; False if it was interrupted."""
        state, position = self.state, self.state.position
        if not is_finite(state.model):
            self._diverged("weights that are not finite numbers", position.updates, ())
        common = {
            "run": self.name,
            "epoch": position.epoch,
            "level": "clip",
            "lr": state.optimiser.param_groups[0]["lr"],
        }
        train = state.meter.means(self.crew.sum(state.meter.sums))
        with enough_memory(self._asked, self.device, advice=self._advice):
            measured = self.measurement.take(position.epoch, stop) if self._measures else {}
        if self.crew.anyone(stop()):
            return False
        live = {"live_loss": train["loss"], "live_top1": train["top1"], "clips": train["clips"]}
        row = {**NOT_MEASURED, **common, "split": "train", **measured.get("train", {}), **live}
        rows = [{**row, "seconds": position.seconds}]
        loss: float | None = train["loss"]
        if self.val is not None:
            loss = measured["val"]["loss"] if measured else None
            rows += [{**NOT_MEASURED, **common, "split": "val", **measured["val"]}] if measured else []
        if loss is not None and not math.isfinite(loss) and all(math.isfinite(each) for each in self._val_losses):
            said = f"the validation loss is {loss} in epoch {position.epoch}, which cannot be the best"
            warnings.warn(f"{said}: try a smaller lr", stacklevel=4)
        if self.schedule.every == "epoch":
            step(state.scheduler, loss)
        state.history += rows
        self.keep.append(rows)
        write_board(self.accelerator, rows)
        self.keep.keep_best(state)
        bar.show(now=True)
        state.position = Position(epoch=position.epoch + 1, updates=position.updates, rows=len(state.history))
        state.meter.sums.zero_()
        self.keep.save_if_due(state, after=BETWEEN_EPOCHS)
        return True

    @property
    def _val_losses(self) -> list[float]:
        return [row["loss"] for row in self.state.history if row["split"] == "val"]

    @property
    def _measures(self) -> bool:
        """Whether this epoch ends with a measurement. Without a validation set the last epoch takes statistics alone."""
        epoch = self.state.position.epoch
        return epoch == self.epochs or (self.val is not None and epoch % self.settings.val_every == 0)

    def _progress(self, shown: bool) -> Progress:
        def clips(updates: int) -> int:
            epochs, rest = divmod(updates, len(self.batches))
            return epochs * self.batches.clips_before(len(self.batches)) + self.batches.clips_before(rest)

        return Progress(
            self.state,
            name=self.name,
            epochs=self.epochs,
            total=clips(self.total),
            initial=clips(self.state.position.updates),
            shown=shown and self.crew.first,
        )

    # ------------------------------------------------------------------ failures

    @property
    def _asked(self) -> str:
        """The batch of an update, for a message."""
        channels, frames, size, _ = self.train.spec.shape
        parts = f" in {self.recipe.accumulate} parts" if self.recipe.accumulate > 1 else ""
        return f"{self.name}: a batch of {self.settings.batch_size} clips of {channels}×{frames}×{size}×{size}{parts}"

    @property
    def _advice(self) -> str:
        """The ways out where memory is short."""
        return (
            f"Give fit accumulate={2 * self.recipe.accumulate} for the same batch in smaller parts, or lower batch_size, "
            "the frames or the size of the clip, or the width of the network"
        )

    def _diverged(self, what: str, update: int, rows: Sequence[int]) -> NoReturn:
        """Raise `DivergedError`; `rows` are those of the batch, where it is known."""
        videos = videos_of(self.train, rows)
        names = named([shown(video) for video in videos], most=8)
        batch = f", in a batch of {counted(len(videos), 'video')}: {names}" if videos else ""
        where = f"{self.name}: {what} in epoch {self.state.position.epoch}, update {update}"
        message = f"{where}{batch}. {self.keep.last_good} Try a smaller lr, or clip_gradients=1"
        raise DivergedError(message, self.history, videos, self.keep.path)
