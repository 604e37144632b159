"""One training loop for NumPy models and torch twins.

`fit` draws the batches and keeps the books; what happens in a step is a function that is given:

    step = numpy_step(model, CrossEntropyLoss(), SGD(model.parameters, 0.1))
    history = fit(step, (x_train, y_train), epochs=5, batch_size=100, rng=rng)
"""

import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dlkit import checkpoint as files
from dlkit.check import check_generator, check_number, not_finite, short

LOOK_AT_TENSORS_EVERY = 50  # reading a loss on a GPU waits for the GPU, so it is done rarely


@dataclass
class History:
    """What a training left behind."""

    step_losses: list[float] = field(default_factory=list)  # one per batch
    losses: list[float] = field(default_factory=list)  # mean of each finished epoch
    validation: list[Any] = field(default_factory=list)  # what `validate` returned, per epoch
    seconds: float = 0.0
    stopped: str = ""  # why training ended early, in a sentence; empty if it did not

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self.losses)

    def __repr__(self) -> str:
        last = f", last loss {self.losses[-1]:.4g}" if self.losses else ""
        why = f", stopped: {self.stopped}" if self.stopped else ""
        return f"History({self.epochs} epochs{last}, {self.seconds:.1f} s{why})"


class Diverged(RuntimeWarning):
    """The loss is no longer a number, so training was stopped."""


class Checkpoint:
    """Where `fit` saves its state, and what belongs to it besides batches and history.

    `parts` are objects with `state_dict()` and `load_state_dict()`: models, optimisers, torch
    modules. A file at `path` is taken up by `fit`, which goes on from there bit by bit as if it
    had never stopped. Saved after each epoch, and every `every_steps` steps if given.
    """

    def __init__(self, path: str | os.PathLike, *, every_steps: int | None = None, **parts: Any):
        if not parts:
            raise ValueError(
                "parts must name what is to be saved: model=model, optimiser=optimiser"
            )
        for name, part in parts.items():
            if not (hasattr(part, "state_dict") and hasattr(part, "load_state_dict")):
                raise ValueError(f"{name} must have state_dict and load_state_dict, got {part!r}")
        if every_steps is not None:
            check_number("every_steps", every_steps, low=1, whole=True)
        self.path, self.every_steps, self.parts = Path(path), every_steps, parts

    def save(self, **progress: Any) -> None:
        """Write the parts and the loop's own state, replacing the file in one move."""
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        files.save(self.path, {"parts": parts, **progress})

    def load(self) -> dict[str, Any] | None:
        """Bring the parts back and return the loop's state; None if there is no file yet."""
        if not self.path.exists():
            return None
        state = files.load(self.path)
        saved = state.pop("parts")
        if saved.keys() != self.parts.keys():
            raise ValueError(f"{self.path} holds {sorted(saved)}, expected {sorted(self.parts)}")
        for name, part in self.parts.items():
            part.load_state_dict(_as_loaded_by(part, saved[name]))
        return state


def fit(
    step: Callable[..., Any],
    data: Sequence[Any],
    *,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    validate: Callable[[], Any] | None = None,
    until: Callable[[History], bool] | None = None,
    checkpoint: Checkpoint | None = None,
    progress: bool = True,
) -> History:
    """Train for `epochs` passes over `data` in mini-batches and return the history.

    `data` is a tuple of arrays or tensors of one length N ≥ 1; each pass shuffles them together
    and calls `step(*batch)`, which returns the loss as a number or a tensor with one entry. The
    last batch is smaller when `batch_size` does not divide N. `validate()` is called after each
    epoch; training ends early once `until(history)` is true.

    An interrupt (the stop button, Ctrl-C) returns the history so far; without the `progress` bar,
    as in a loop over many trainings, it stops that loop, too. A loss that is NaN or infinite stops
    training with a `Diverged` warning. With a `checkpoint` whose file exists, training goes on
    from there. Raises `ValueError` for empty data, different lengths, NaN in an array (to look into
    a tensor would be to wait for its device), or a checkpoint of another run.
    """
    _check_callable("step", step, "numpy_step(model, loss, optimiser)")
    for name, call in (("validate", validate), ("until", until)):
        if call is not None:
            _check_callable(name, call, "a function")
    if not isinstance(checkpoint, Checkpoint | None):
        raise ValueError(f"checkpoint must be a Checkpoint(path, …), got {checkpoint!r}")
    length = _common_length(data)
    check_number("epochs", epochs, low=0, whole=True)
    batch_size = int(check_number("batch_size", batch_size, low=1, whole=True))
    check_generator("rng", rng)
    run = {"examples": length, "batch_size": batch_size}
    history, first_batch = History(), 0
    order_rng = batch_rng = rng.bit_generator.state

    if checkpoint and (state := checkpoint.load()):
        if state["run"] != run:
            raise ValueError(f"{checkpoint.path} is of another run: {state['run']}, this is {run}")
        history, first_batch = History(**state["history"]), state["batch"]
        rng.bit_generator.state, batch_rng = state["order_rng"], state["rng"]

    def save(batch: int) -> None:
        if checkpoint:
            book = asdict(history) | {"seconds": spent + time.perf_counter() - started}
            now = rng.bit_generator.state
            order = order_rng if batch else now  # a new epoch draws its own order
            checkpoint.save(run=run, batch=batch, order_rng=order, rng=now, history=book)

    spent, started = history.seconds, time.perf_counter()
    starts = range(0, length, batch_size)
    every_steps = checkpoint.every_steps if checkpoint else None
    unread: list[Any] = []  # losses that may still be tensors on a GPU
    bar = _bar(epochs, history.epochs) if progress else None
    try:
        while history.epochs < epochs and not history.stopped:
            order_rng = rng.bit_generator.state
            order = _index_for(data[0], rng.permutation(length))
            if first_batch:  # taken up in the middle of an epoch
                rng.bit_generator.state = batch_rng
            finite = True
            for batch in range(first_batch, len(starts)):
                chosen = order[starts[batch] : starts[batch] + batch_size]
                unread.append(step(*(_examples(array, chosen) for array in data)))
                save_now = every_steps and (batch + 1) % every_steps == 0
                look_now = isinstance(unread[-1], float) or len(unread) == LOOK_AT_TENSORS_EVERY
                if look_now or save_now:
                    finite = _read(unread, history)
                    if not finite:
                        break
                if save_now and batch + 1 < len(starts):
                    save(batch + 1)
            first_batch = 0
            if not (finite and _read(unread, history)):
                history.stopped = _diverged(history, len(starts))
                warnings.warn(history.stopped, Diverged, stacklevel=2)
                break
            history.losses.append(float(np.mean(history.step_losses[-len(starts) :])))
            if validate:
                history.validation.append(validate())
            if bar is not None:
                bar.set_postfix(loss=f"{history.losses[-1]:.4g}", refresh=False)
                bar.update()
            if until and until(history):
                history.stopped = f"the condition held after epoch {history.epochs}"
            save(0)
    except KeyboardInterrupt:
        if not progress:  # the next training of a loop, or a claim, would take this one as whole
            raise
        _read(unread, history)
        history.stopped = f"interrupted in epoch {history.epochs + 1}; what was learned is kept"
    finally:
        history.seconds = spent + time.perf_counter() - started
        if bar is not None:
            bar.close()
    return history


def numpy_step(model: Any, loss: Any, optimiser: Any) -> Callable[..., float]:
    """One step of a NumPy model: forward, backward, update; a model in use learns again."""
    _check_part("model", model, "backward_parameters", "a net such as mlp(…)")
    _check_part("loss", loss, "backward", "a loss such as CrossEntropyLoss()")
    _check_part("optimiser", optimiser, "step", "an optimiser such as SGD(model.parameters, 0.1)")

    def step(x: np.ndarray, target: np.ndarray) -> float:
        if not model.training:
            model.train()
        value = loss.forward(model.forward(x), target)
        model.backward_parameters(loss.backward())
        optimiser.step(model.gradients)
        return value

    return step


def torch_step(module: Any, loss: Any, optimiser: Any) -> Callable[..., Any]:
    """One step of a torch twin; the loss stays on its device, so nothing waits for it."""
    _check_part("module", module, "named_parameters", "a module of torch")
    _check_part("loss", loss, "__call__", "a function such as torch.nn.CrossEntropyLoss()")
    _check_part("optimiser", optimiser, "zero_grad", "one of torch.optim")

    def step(x: Any, target: Any) -> Any:
        if not module.training:
            module.train()
        optimiser.zero_grad()
        value = loss(module(x), target)
        value.backward()
        optimiser.step()
        return value.detach()

    return step


def _check_callable(name: str, value: Any, wanted: str) -> None:
    """A model can be called, too, but is no step; a number that was measured is no function."""
    if not callable(value) or hasattr(value, "parameters"):
        raise ValueError(f"{name} must be {wanted}, got {short(value)}")


def _check_part(name: str, part: Any, method: str, wanted: str) -> None:
    """Not every object is the part that a step needs, and a class is not its object."""
    if isinstance(part, type) or not hasattr(part, method):
        raise ValueError(f"{name} must be {wanted}, got {short(part)}")


def _common_length(data: Sequence[Any]) -> int:
    """The number of examples, after the checks that would be too dear in every step."""
    if not isinstance(data, tuple | list) or not all(hasattr(array, "shape") for array in data):
        raise ValueError(
            f"data must be a tuple of arrays or tensors, (x, y) or (x,), got {short(data)}"
        )
    lengths = [len(array) for array in data]
    if not lengths or min(lengths) == 0 or len(set(lengths)) > 1:
        raise ValueError(f"data must be arrays of one length, at least 1, got lengths {lengths}")
    for number, array in enumerate(data):
        if isinstance(array, np.ndarray) and (where := not_finite(array)) is not None:
            raise ValueError(f"data[{number}] must be finite, but entry {where} is not")
    return lengths[0]


def _index_for(array: Any, order: np.ndarray) -> Any:
    """`order` as an index into `array`: as it is for NumPy, else a tensor where the data lives."""
    if isinstance(array, np.ndarray):
        return order
    torch = sys.modules["torch"]  # loaded already, or there would be no tensor
    return torch.from_numpy(order).to(array.device)


def _examples(array: Any, chosen: Any) -> Any:
    """The chosen rows of an array or a tensor.

    NumPy's `take` is faster than its brackets, but copies all of an array first that does not lie
    in one piece, such as every second row of another.
    """
    if isinstance(array, np.ndarray) and array.flags.c_contiguous:
        return array.take(chosen, axis=0)
    return array[chosen]


def _read(unread: list[Any], history: History) -> bool:
    """Move losses into the history as numbers; False if one of them is not finite."""
    try:
        losses = [float(loss) for loss in unread]
    except (TypeError, ValueError):
        raise ValueError(f"step must return the loss as one number, got {unread[-1]!r}") from None
    history.step_losses += losses
    unread.clear()
    return all(map(math.isfinite, losses))


def _diverged(history: History, batches: int) -> str:
    """Say at which step the loss was lost, and what to try."""
    first = next(i for i, loss in enumerate(history.step_losses) if not math.isfinite(loss))
    value = history.step_losses[first]
    return (
        f"the loss became {value} at step {first + 1} (epoch {first // batches + 1}): try a "
        "smaller learning rate, smaller initial weights, or inputs scaled to about -1 … 1"
    )


def _as_loaded_by(part: Any, state: Any) -> Any:
    """The arrays of `state` as tensors, if `part` is torch's."""
    if not any(base.__module__.startswith("torch.") for base in type(part).__mro__):
        return state
    torch = sys.modules["torch"]
    if isinstance(state, dict):
        return {key: _as_loaded_by(part, value) for key, value in state.items()}
    if isinstance(state, list):
        return [_as_loaded_by(part, value) for value in state]
    return torch.from_numpy(state.copy()) if isinstance(state, np.ndarray) else state


def _bar(epochs: int, done: int) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=epochs, initial=done, unit="epoch", desc="training")
