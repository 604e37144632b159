"""The loop: what it learns, how it stops, and that it goes on as if it had never stopped."""

import subprocess
import sys
import textwrap
import time
import tracemalloc

import numpy as np
import pytest
import torch

from dlkit.models.dense import mlp
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import SGD, Adam
from dlkit.parity import optimiser_twin, to_torch
from dlkit.train import (
    LOOK_AT_TENSORS_EVERY,
    Checkpoint,
    Diverged,
    fit,
    numpy_step,
    torch_step,
)

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, 103)
X = (RNG.normal(size=(103, 5)) + 2 * np.eye(3, 5)[Y]).astype(np.float32)


def setting(make=lambda p: Adam(p, 0.01)):
    model = mlp((5, 8, 3), rng=np.random.default_rng(1))
    optimiser = make(model.parameters)
    return model, optimiser, numpy_step(model, CrossEntropyLoss(), optimiser)


def run(step, epochs=4, **options):
    options = {"batch_size": 10, "rng": np.random.default_rng(2), "progress": False} | options
    return fit(step, (X, Y), epochs=epochs, **options)


def same(one, two):
    return all(np.array_equal(one[name], two[name]) for name in one)


def test_it_learns_and_keeps_the_books():
    model, _, step = setting()
    history = run(step, epochs=20, validate=lambda: float((model(X).argmax(1) == Y).mean()))
    assert history.losses[-1] < history.losses[0] / 2
    assert history.epochs == len(history.validation) == 20
    assert len(history.step_losses) == 20 * 11
    assert history.validation[-1] > 0.8
    assert history.losses[3] == pytest.approx(np.mean(history.step_losses[33:44]))
    assert history.seconds > 0
    assert history.stopped == ""


def test_every_example_is_shown_once_an_epoch():
    seen = []
    fit(
        lambda i: seen.extend(i) or 0.0,
        (np.arange(7),),
        epochs=2,
        batch_size=6 / 2,
        rng=np.random.default_rng(0),
        progress=False,
    )
    assert sorted(seen[:7]) == sorted(seen[7:]) == list(range(7))
    assert seen[:7] != seen[7:]


def test_a_part_of_an_array_is_not_copied_whole_for_a_batch():
    """Every second picture, the left half of each, steps first: none of them lies in one piece."""
    whole = np.arange(4000 * 40 * 2, dtype=np.int64).reshape(4000, 40, 2)
    for part in (whole[::2], whole[:, :20], whole.transpose(1, 0, 2), np.asfortranarray(whole)):
        seen = []
        tracemalloc.start()
        fit(
            lambda x, seen=seen: seen.append(x) or 0.0,
            (part,),
            epochs=1,
            batch_size=len(part),
            rng=np.random.default_rng(0),
            progress=False,
        )
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        order = np.random.default_rng(0).permutation(len(part))
        np.testing.assert_array_equal(seen[0], part[order])
        assert most < 1.5 * part.nbytes  # the batch itself, which is all of it here, and no more


def test_one_loop_serves_both_twins():
    model, optimiser, step = setting(lambda p: SGD(p, 0.1, momentum=0.9))
    twin = to_torch(model, "cpu")
    twin_step = torch_step(twin, torch.nn.CrossEntropyLoss(), optimiser_twin(optimiser, twin))
    ours = run(step)
    theirs = fit(
        twin_step,
        (torch.from_numpy(X), torch.from_numpy(Y)),
        epochs=4,
        batch_size=10,
        rng=np.random.default_rng(2),
        progress=False,
    )
    np.testing.assert_allclose(ours.step_losses, theirs.step_losses, rtol=1e-4)


def test_a_loss_that_is_no_number_stops_training_with_advice():
    _, _, step = setting()
    calls = 0

    def breaking(x, y):
        nonlocal calls
        calls += 1
        return step(x, y) if calls < 15 else float("nan")

    with pytest.warns(Diverged, match=r"nan at step 15 \(epoch 2\): try a smaller learning rate"):
        history = run(breaking)
    assert calls == 15
    assert history.epochs == 1
    assert "smaller learning rate" in history.stopped


def test_a_huge_learning_rate_is_survived():
    _, _, step = setting(lambda p: SGD(p, 1e30))
    with pytest.warns(Diverged), np.errstate(all="ignore"):
        assert "step" in run(step).stopped


def test_a_tensor_loss_that_is_no_number_is_found_at_its_step():
    losses = iter([1.0, 1.0, float("inf"), *[1.0] * 100])
    with pytest.warns(Diverged, match="inf at step 3"):
        run(lambda x, y: torch.tensor(next(losses)))


def test_a_tensor_loss_that_is_no_number_is_found_before_a_long_epoch_ends():
    losses = []

    def step(x, y):
        losses.append(torch.tensor(float("nan") if len(losses) == 2 else 1.0))
        return losses[-1]

    with pytest.warns(Diverged, match=r"nan at step 3 \(epoch 1\)"):
        run(step, batch_size=1)
    assert len(losses) == LOOK_AT_TENSORS_EVERY < len(X)


def test_an_interrupt_keeps_the_losses_that_were_still_tensors():
    losses = []

    def step(x, y):
        if len(losses) == 25:
            raise KeyboardInterrupt
        losses.append(float(len(losses)))
        return torch.tensor(losses[-1])

    assert run(step, progress=True).step_losses == losses


def stopping(step, at, error):
    """The step, but its call number `at` raises the error; `calls` counts them."""

    def counting(x, y):
        counting.calls += 1
        if counting.calls == at:
            raise error
        return step(x, y)

    counting.calls = 0
    return counting


@pytest.fixture
def interrupted():
    """A step in the 25th of which the stop button is pressed."""
    _, _, step = setting()
    return stopping(step, 25, KeyboardInterrupt)


def test_an_interrupt_keeps_what_was_learned(interrupted):
    history = run(interrupted, progress=True)
    assert history.epochs == 2
    assert len(history.step_losses) == 24
    assert "interrupted in epoch 3" in history.stopped


def test_an_interrupt_stops_a_loop_over_trainings_too(interrupted):
    """Nobody watches a single one of them, so none is taken for whole that is not."""
    with pytest.raises(KeyboardInterrupt):
        run(interrupted, progress=False)


def test_until_ends_early():
    _, _, step = setting()
    history = run(step, epochs=50, until=lambda h: h.epochs == 3)
    assert history.epochs == 3
    assert "after epoch 3" in history.stopped


@pytest.mark.parametrize("killed_at", [5, 12, 30, 33, 34, 44])
def test_resume_is_bit_exact(tmp_path, killed_at):
    model, _, step = setting()
    expected_history = run(step)
    expected = model.state_dict()

    class Killed(Exception):
        pass

    def start(kill=None):
        model, optimiser, step = setting()
        file = Checkpoint(tmp_path / "run", every_steps=3, model=model, optimiser=optimiser)
        rng = np.random.default_rng(2)
        return model, run(stopping(step, kill, Killed), rng=rng, checkpoint=file)

    with pytest.raises(Killed):
        start(killed_at)
    resumed, history = start()
    assert same(resumed.state_dict(), expected)
    assert history.step_losses == expected_history.step_losses
    assert history.losses == expected_history.losses


def test_only_the_steps_since_the_last_save_are_repeated(tmp_path):
    def steps(kill=None):
        model, optimiser, step = setting()
        step = stopping(step, kill, MemoryError)
        file = Checkpoint(tmp_path / "run", every_steps=3, model=model, optimiser=optimiser)
        try:
            run(step, checkpoint=file)
        except MemoryError:
            return None
        return step.calls

    steps(kill=9)  # the sixth was saved
    assert steps() == 4 * 11 - 6


def test_the_seconds_before_a_stop_count_too(tmp_path):
    model = setting()[0]

    def slow(x, y):
        time.sleep(0.005)
        return 0.0

    def start():
        file = Checkpoint(tmp_path / "run", model=model)
        return run(slow, epochs=1, checkpoint=file)

    start()
    resumed = start()  # nothing is left to do
    assert len(resumed.step_losses) == 11
    assert resumed.seconds > 11 * 0.005


def test_resume_of_a_step_that_draws_from_the_same_generator(tmp_path):
    def start(path=None, kill=None):
        model, optimiser, step = setting()
        rng = np.random.default_rng(2)

        def noisy(x, y):
            return step(x + rng.normal(size=x.shape).astype(np.float32), y)

        file = path and Checkpoint(path, every_steps=4, model=model, optimiser=optimiser)
        run(stopping(noisy, kill, MemoryError), rng=rng, checkpoint=file)
        return model.state_dict()

    with pytest.raises(MemoryError):
        start(tmp_path / "run", kill=21)
    assert same(start(tmp_path / "run"), start())


def test_a_torch_twin_resumes_too(tmp_path):
    def start(path=None, kill=None):
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
        optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
        step = torch_step(module, torch.nn.CrossEntropyLoss(), optimiser)
        file = path and Checkpoint(path, every_steps=4, model=module, optimiser=optimiser)
        fit(
            stopping(step, kill, MemoryError),
            (torch.from_numpy(X), torch.from_numpy(Y)),
            epochs=3,
            batch_size=10,
            rng=np.random.default_rng(2),
            checkpoint=file,
            progress=False,
        )
        return {name: p.detach().numpy() for name, p in module.named_parameters()}

    with pytest.raises(MemoryError):
        start(tmp_path / "run", kill=18)
    assert same(start(tmp_path / "run"), start())


def test_resume_after_a_real_kill(tmp_path):
    script = textwrap.dedent(
        """
        import os, signal, sys
        import numpy as np
        from dlkit.models.dense import mlp
        from dlkit.models.losses import CrossEntropyLoss
        from dlkit.models.optimisers import Adam
        from dlkit.train import Checkpoint, fit, numpy_step

        path, kill = sys.argv[1], int(sys.argv[2])
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(60, 4)).astype(np.float32), rng.integers(0, 3, 60)
        model = mlp((4, 6, 3), rng=rng)
        optimiser = Adam(model.parameters, 0.01)
        step, steps = numpy_step(model, CrossEntropyLoss(), optimiser), 0

        def counting(*batch):
            global steps
            steps += 1
            if steps == kill:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*batch)

        file = Checkpoint(path, every_steps=2, model=model, optimiser=optimiser)
        fit(counting, (x, y), epochs=3, batch_size=10, rng=rng, checkpoint=file, progress=False)
        print(model.parameters["0.weight"].tobytes().hex())
        """
    )

    def python(path, kill):
        command = [sys.executable, "-c", script, str(path), str(kill)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    killed = python(tmp_path / "a", 11)
    assert killed.returncode < 0
    resumed = python(tmp_path / "a", 0)
    straight = python(tmp_path / "b", 0)
    assert resumed.returncode == straight.returncode == 0, resumed.stderr
    assert resumed.stdout == straight.stdout != ""


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    model, optimiser, step = setting()
    file = Checkpoint(tmp_path / "run", model=model, optimiser=optimiser)
    run(step, epochs=1, checkpoint=file)
    with pytest.raises(ValueError, match="is of another run"):
        run(step, epochs=1, checkpoint=file, batch_size=20)
    with pytest.raises(ValueError, match=r"holds \['model', 'optimiser'\], expected \['net'\]"):
        run(step, epochs=1, checkpoint=Checkpoint(tmp_path / "run", net=model))


def test_bad_checkpoints_are_explained(tmp_path):
    with pytest.raises(ValueError, match="parts must name what is to be saved"):
        Checkpoint(tmp_path / "run")
    with pytest.raises(ValueError, match="model must have state_dict"):
        Checkpoint(tmp_path / "run", model=3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((), "data must be arrays of one length"),
        ((X, Y[:-1]), r"got lengths \[103, 102\]"),
        ((X[:0], Y[:0]), r"at least 1, got lengths \[0, 0\]"),
        (X, r"data must be a tuple of arrays or tensors, \(x, y\) or \(x,\), got ndarray"),
        ((X, Y.tolist()), "data must be a tuple of arrays or tensors"),
        ((X * np.nan, Y), r"data\[0\] must be finite, but entry \(0, 0\) is not"),
    ],
)
def test_bad_data_is_explained(data, message):
    with pytest.raises(ValueError, match=message):
        fit(lambda *b: 0.0, data, epochs=1, batch_size=5, rng=RNG, progress=False)


@pytest.mark.parametrize("odd", [[np.nan], [np.inf], [-np.inf], [np.inf, -np.inf]])
def test_one_entry_that_is_not_finite_is_found(odd):
    x = X.copy()
    x[7, : len(odd)] = odd
    with pytest.raises(ValueError, match=r"data\[0\] must be finite, but entry \(7, 0\) is not"):
        fit(lambda *b: 0.0, (x, Y), epochs=1, batch_size=5, rng=RNG, progress=False)


@pytest.mark.filterwarnings("error")
def test_large_numbers_are_finite_though_their_sum_is_not():
    x = np.full((8, 2), 3e38, np.float32)
    history = fit(lambda x: 0.0, (x,), epochs=1, batch_size=4, rng=RNG, progress=False)
    assert history.epochs == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"epochs": -1}, "epochs must be at least 0, got -1"),
        ({"epochs": 1.5}, "epochs must be a whole number, got 1.5"),
        ({"validate": 0.97}, "validate must be a function, got 0.97"),
        ({"until": True}, "until must be a function, got True"),
        ({"checkpoint": "run.ckpt"}, r"checkpoint must be a Checkpoint\(path, …\), got 'run.ckpt'"),
    ],
)
def test_bad_settings_are_explained(options, message):
    with pytest.raises(ValueError, match=message):
        run(lambda *b: 0.0, **options)


@pytest.mark.parametrize("step", [None, 0.1, mlp((3, 2), rng=np.random.default_rng(0))])
def test_a_step_that_is_none_is_refused(step):
    with pytest.raises(ValueError, match=r"step must be numpy_step\(model, loss, optimiser\), got"):
        run(step)


@pytest.mark.parametrize("loss", [None, [0.1, 0.2], "0.1 nats", np.ones(2)])
def test_a_step_that_returns_no_loss_is_explained(loss):
    with pytest.raises(ValueError, match="step must return the loss as one number, got"):
        run(lambda *batch: loss)


def test_the_parts_of_a_step_are_told_apart():
    model, loss = mlp((3, 2), rng=np.random.default_rng(0)), CrossEntropyLoss()
    optimiser = SGD(model.parameters, 0.1)
    with pytest.raises(ValueError, match=r"model must be a net such as mlp\(…\), got"):
        numpy_step(None, loss, optimiser)
    with pytest.raises(ValueError, match=r"loss must be a loss such as CrossEntropyLoss\(\), got"):
        numpy_step(model, optimiser, loss)
    with pytest.raises(ValueError, match=r"loss must be a loss such as CrossEntropyLoss\(\), got"):
        numpy_step(model, CrossEntropyLoss, optimiser)
    with pytest.raises(ValueError, match="optimiser must be an optimiser such as SGD"):
        numpy_step(model, loss, SGD)


def test_the_parts_of_a_torch_step_are_told_apart():
    module, loss = torch.nn.Linear(3, 2), torch.nn.CrossEntropyLoss()
    optimiser = torch.optim.SGD(module.parameters(), 0.1)
    with pytest.raises(ValueError, match="module must be a module of torch, got"):
        torch_step(mlp((3, 2), rng=np.random.default_rng(0)), loss, optimiser)
    with pytest.raises(ValueError, match="loss must be a function such as"):
        torch_step(module, torch.nn.CrossEntropyLoss, optimiser)
    with pytest.raises(ValueError, match=r"optimiser must be one of torch\.optim, got"):
        torch_step(module, loss, SGD({}, 0.1))
