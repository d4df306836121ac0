"""The loop of a training: epoch by epoch, with what is measured and kept at the end of each. accelerate places it on devices."""

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import torch

from labkit.counting import counted, named
from labkit.data.video_file import shown
from labkit.models.weights import unwrapped
from labkit.records import History
from labkit.training.batches import ClipDataset, EpochBatches, Reading, living_readers, make_loader
from labkit.training.board import close_board, open_board, write_board
from labkit.training.checkpoint import own_random_state
from labkit.training.device import accelerator_on, fast_convolutions, memory_format, wait_for
from labkit.training.failures import DivergedError, LossWatch, enough_memory, is_finite, videos_of
from labkit.training.folder import Position, RunFolder, State, described_flow, fingerprint, surroundings
from labkit.training.interrupt import interrupts
from labkit.training.measuring import Measurement
from labkit.training.meter import Forward, Meter
from labkit.training.progress import Progress
from labkit.training.protocol import Protocol
from labkit.training.ranks import check_batch, these_processes
from labkit.training.schedule import find_schedule, step
from labkit.training.settings import Settings
from labkit.training.stages import Part
from labkit.training.update import Update

MINUTE = 60.0  # inside an epoch, a checkpoint this often
NOT_MEASURED = dict.fromkeys(("loss", "top1", "top5", "live_loss", "live_top1"), math.nan)
BETWEEN_EPOCHS = 10.0  # at the ends of epochs, not more often: epochs of a few clips take less than writing one


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


class Training:
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
        self._place(device, board)
        seen = self.total * settings.batch_size
        self.measurement = Measurement(
            part.model, train, val, settings, trained_on=seen, device=self.device, workers=workers, crew=self.crew
        )
        self.keep_in(None, every=None)

    def _place(self, device: torch.device, board: Path | None) -> None:
        """Put the network, its optimiser and its batches on the device."""
        part, train, settings = self.part, self.train, self.settings
        self.accelerator = accelerator_on(device, board=board)
        self.device = self.accelerator.device
        # Settings of the wrapper (the devices of DataParallel, the compiled code) are not kept.
        model = unwrapped(part.model)
        model.to(self.device).to(memory_format=memory_format(model, settings.precision))
        optimiser = _optimiser(part, settings, self.device)
        scheduler = self.schedule.build(optimiser, settings.lr, self.total)
        self.state = State(model, optimiser, scheduler, Meter(self.device, len(train.classes)))
        self.loader = make_loader(train, self.batches, workers=self.workers, device=self.device, seed=settings.seed)
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
            self.recipe,
            least=self.least,
            crew=self.crew,
        )

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
        """The rows of the epochs so far."""
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
