"""The DQN's twin: the same numbers as the original, many worlds at once, nothing that waits."""

import inspect

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from torch.utils._python_dispatch import TorchDispatchMode

from dlkit.envs.bricks import Bricks, BricksVector
from dlkit.envs.cartpole import CartPole, CartPoleVector
from dlkit.models import dqn, dqn_torch
from dlkit.models.dense import Tanh, mlp
from dlkit.models.optimisers import SGD, RMSprop
from dlkit.parity import compare_dqn, to_torch


def agent(dtype=np.float64, **settings):
    net = mlp((4, 16, 3), Tanh, rng=np.random.default_rng(1), dtype=dtype)
    made = dqn.DQN(net, **settings)
    made.target.load_state_dict(mlp((4, 16, 3), Tanh, rng=np.random.default_rng(2)).state_dict())
    return made


def memory(count=50, capacity=50):
    rng, kept = np.random.default_rng(3), dqn.ReplayMemory(capacity, (4,))
    for _ in range(count):
        kept.add(
            rng.normal(size=4),
            rng.integers(3),
            3 * rng.normal(),
            rng.normal(size=4),
            rng.random() < 0.3,
        )
    return kept


@pytest.mark.parametrize(
    "settings",
    [{}, {"double": True}, {"huber": None}, {"huber": 0.3}, {"target_every": 1}, {"gamma": 0.0}],
    ids=["plain", "double", "squares", "narrow", "no target", "shortsighted"],
)
@pytest.mark.parametrize(
    "optimiser", [None, lambda p: SGD(p, 0.01, momentum=0.9), lambda p: RMSprop(p, 0.01)]
)
def test_twins_learn_alike_from_the_same_memory(settings, optimiser):
    settings = {"target_every": 7} | settings
    compare_dqn(agent(**settings), memory(), optimiser=optimiser).require(1e-11)


def test_float32_twins_agree_to_rounding():
    compare_dqn(agent(np.float32), memory(), steps=10).require(1e-4)


def test_a_comparison_leaves_agent_and_memory_alone():
    learner, kept = agent(), memory()
    before = learner.network.state_dict(), kept.observations.copy()
    compare_dqn(learner, kept)
    assert learner.updates == 0
    np.testing.assert_array_equal(kept.observations, before[1])
    for name, array in learner.network.parameters.items():
        np.testing.assert_array_equal(array, before[0][name])


@pytest.mark.parametrize(
    ("fault", "culprit"),
    [
        (lambda r, s, t: r + 0.99 * s.amax(dim=1), "y"),  # a terminal state that bootstraps
        (lambda r, s, t: r + s.amax(dim=1) * ~t, "y"),  # γ forgotten
    ],
)
def test_a_comparison_finds_a_twin_that_differs(fault, culprit, monkeypatch):
    def wrong(self, rewards, next_observations, terminated):
        with torch.no_grad():
            return fault(rewards, self.target(next_observations.to(self.dtype)), terminated)

    monkeypatch.setattr(dqn_torch.DQN, "targets", wrong)
    report = compare_dqn(agent(), memory())
    assert report.largest > 1e-3
    assert "targets y" in str(report)


def test_an_agent_that_has_learned_takes_its_next_target_when_it_is_due():
    learner, kept = agent(target_every=4), memory()
    for _ in range(3):
        learner.learn(kept.last(10))
    compare_dqn(learner, kept, steps=2).require(1e-11)  # the fourth update of all is the first here


def test_a_target_that_is_never_updated_is_found(monkeypatch):
    monkeypatch.setattr(dqn_torch.DQN, "update_target", lambda self: None)
    report = compare_dqn(agent(target_every=5), memory())
    assert report.worst.relative > 1e-4


def test_twins_learn_alike_without_any_setting():
    learner, kept = agent(), memory()
    twin = dqn_torch.DQN(to_torch(learner.network, "cpu"))
    twin.target.load_state_dict(to_torch(learner.target, "cpu").state_dict())
    for _ in range(3):
        batch = kept.last(10)
        loss = twin.learn(tuple(map(torch.as_tensor, batch)))
        assert loss.item() == pytest.approx(learner.learn(batch), rel=1e-11)
        assert not loss.requires_grad  # what it came from is let go
    for name, parameter in learner.network.parameters.items():
        received = twin.network.get_parameter(name).detach()
        np.testing.assert_allclose(received, parameter, rtol=1e-9, atol=1e-12)


def test_the_target_takes_over_what_a_net_counts_too():
    """Averages of a batch normalisation are no weights, and count as well."""
    net = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 3))
    twin = dqn_torch.DQN(net.double(), target_every=2)
    batch = tuple(map(torch.as_tensor, memory().last(20)))
    for update in (1, 2):
        twin.learn(batch)
        same = torch.equal(twin.target[1].running_mean, net[1].running_mean)
        assert same == (update == 2)


@pytest.mark.parametrize("name", ["DQN", "Practice"])
def test_twins_begin_with_the_same_settings(name):
    ours, theirs = (inspect.signature(getattr(m, name)).parameters for m in (dqn, dqn_torch))
    for setting in ours.keys() & theirs.keys():
        assert ours[setting].default == theirs[setting].default, setting


def test_an_end_told_as_one_is_an_end():
    learner = dqn_torch.DQN(torch.nn.Linear(4, 3), gamma=0.9)
    seen, rewards = torch.ones(2, 4), torch.ones(2)
    one, other = (
        learner.targets(rewards, seen, torch.tensor(ends)) for ends in ([1, 0], [True, False])
    )
    assert one[0] == 1
    assert torch.equal(one, other)


# --- The memory --------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_the_ring_keeps_what_the_originals_keeps(at_once, dtype):
    ours = dqn.ReplayMemory(10, (2,), dtype)
    theirs = dqn_torch.ReplayMemory(10, (2,), getattr(torch, dtype), device="cpu")
    rng = np.random.default_rng(0)
    for _ in range(9):
        n = at_once
        steps = (
            rng.integers(0, 200, (n, 2)).astype(dtype),
            rng.integers(3, size=n),
            rng.normal(size=n),
            rng.integers(0, 200, (n, 2)).astype(dtype),
            rng.random(n) < 0.5,
        )
        theirs.add(*steps)
        for one in zip(*steps, strict=True):
            ours.add(*one)
        assert len(theirs) == len(ours)
        for count in (1, 4, 100):
            for mine, other in zip(ours.last(count), theirs.last(count), strict=True):
                np.testing.assert_array_equal(mine, other)
        drawn = ours.sample(5, np.random.default_rng(1)), theirs.sample(5, np.random.default_rng(1))
        for mine, other in zip(*drawn, strict=True):
            np.testing.assert_array_equal(mine, other)
    assert theirs.observations.dtype == getattr(torch, dtype)


def test_the_devices_own_draws_are_even_and_repeat():
    kept = dqn_torch.ReplayMemory(5, (1,), device="cpu")
    kept.add(torch.arange(5.0)[:, None], *[torch.arange(5)] * 2, torch.ones(5, 1), torch.ones(5))
    counts = torch.bincount(kept.sample(50_000, torch.Generator().manual_seed(0))[1])
    assert abs(counts / 50_000 - 0.2).max() < 0.008
    again = [kept.sample(9, torch.Generator().manual_seed(4))[1] for _ in range(2)]
    assert torch.equal(*again)


def test_bad_input_gets_a_sentence():
    kept = dqn_torch.ReplayMemory(3, (1,), device="cpu")
    for action in (kept.sample, kept.last):
        with pytest.raises(ValueError, match="the memory is empty"):
            action(1)
    with pytest.raises(ValueError, match="capacity must be at least 4"):
        kept.add(*[np.ones((4, 1))] * 5)
    with pytest.raises(ValueError, match="to add so many, got 3"):
        kept.add(*[np.ones((4, 1))] * 5)
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        kept.sample(0)
    kept.add(np.ones((1, 1)), [0], [1.0], np.ones((1, 1)), [False])
    with pytest.raises(ValueError, match=r"rng must be a generator of NumPy or torch, .* got 7"):
        kept.sample(1, 7)
    with pytest.raises(ValueError, match=r"network must have weights to learn with, got ReLU\(\)"):
        dqn_torch.DQN(torch.nn.ReLU())
    net = torch.nn.Linear(4, 2)
    for settings in ({"gamma": 2}, {"target_every": 0}, {"huber": 0}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            dqn_torch.DQN(net, **settings)
    for wrong in (None, agent().network):
        with pytest.raises(ValueError, match=r"network must be a module of torch, got .*dqn.DQN"):
            dqn_torch.DQN(wrong)
    with pytest.raises(ValueError, match=r"optimiser must be one of torch.optim, got"):
        dqn_torch.DQN(net, optimiser=agent().optimiser)
    waiting = SyncVectorEnv([CartPole] * 2)  # gymnasium's default resets one step later
    with pytest.raises(ValueError, match="envs must begin anew in the step"):
        dqn_torch.Practice(dqn_torch.DQN(net), waiting, np.random.default_rng(0))
    with pytest.raises(ValueError, match="epsilon's end must be between 0 and 1"):
        dqn_torch.Practice(
            dqn_torch.DQN(net), CartPoleVector(2), np.random.default_rng(0), epsilon=(1, 2, 3)
        )


def test_a_practice_asks_for_what_fits_together():
    learner, rng = dqn_torch.DQN(torch.nn.Linear(4, 2)), np.random.default_rng(0)
    for name in ("epsilon", "rate"):
        for line in (0.1, 0, (), (1.0, 0.1), "abc"):
            with pytest.raises(ValueError, match=rf"{name} must be \(start, end, steps\), got"):
                dqn_torch.Practice(learner, CartPoleVector(2), rng, **{name: line})
    for name in ("begin", "every", "batch_size"):
        for number, says in ((0, "at least 1, got 0"), (1.5, "a whole number, got 1.5")):
            with pytest.raises(ValueError, match=f"{name} must be {says}"):
                dqn_torch.Practice(learner, CartPoleVector(2), rng, **{name: number})
    with pytest.raises(ValueError, match="steps must be at least 0, got -1"):
        dqn_torch.Practice(learner, CartPoleVector(2), rng).run(-1)
    with pytest.raises(ValueError, match="rng must be a generator"):
        dqn_torch.Practice(learner, CartPoleVector(2), 0)
    with pytest.raises(ValueError, match="agent must know the 3 actions of envs, got 2"):
        dqn_torch.Practice(learner, BricksVector(2), rng)
    with pytest.raises(ValueError, match=r"agent must be a DQN of dlkit.models.dqn_torch, got"):
        dqn_torch.Practice(agent(), CartPoleVector(2), rng)


def steps_of_five():
    return {
        "observations": np.ones((5, 4), np.float32),
        "actions": np.zeros(5, int),
        "rewards": np.ones(5, np.float32),
        "next_observations": np.ones((5, 4), np.float32),
        "terminated": np.zeros(5, bool),
    }


MISFITS = [
    ({"actions": np.zeros((5, 1), int)}, r"actions must have shape \(5,\), got \(5, 1\)"),
    ({"actions": np.full(5, 0.5)}, "actions must be whole numbers, got torch.float64"),
    ({"rewards": np.ones((5, 1))}, r"rewards must have shape \(5,\), got \(5, 1\)"),
    ({"rewards": np.ones(1)}, r"rewards must have shape \(5,\), got \(1,\)"),
    ({"next_observations": np.ones((1, 4))}, r"next_observations must have shape \(5, 4\)"),
    ({"terminated": np.zeros((5, 1), bool)}, r"terminated must have shape \(5,\)"),
]


@pytest.mark.parametrize(("changed", "says"), MISFITS)
def test_a_batch_that_does_not_fit_teaches_nothing(changed, says):
    learner = dqn_torch.DQN(torch.nn.Linear(4, 3))
    before = learner.network.weight.clone()
    batch = map(torch.as_tensor, (steps_of_five() | changed).values())
    with pytest.raises(ValueError, match=says):
        learner.learn(tuple(batch))
    assert learner.updates == 0
    assert torch.equal(learner.network.weight, before)


def test_an_empty_batch_is_refused():
    learner = dqn_torch.DQN(torch.nn.Linear(4, 3))
    with pytest.raises(ValueError, match="observations is empty"):
        learner.learn(tuple(torch.as_tensor(part[:0]) for part in steps_of_five().values()))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        *MISFITS,
        ({"observations": np.ones((5, 1))}, r"observations must have shape \(5, 4\), got \(5, 1\)"),
        ({"rewards": 1.0}, r"rewards must have shape \(5,\), got \(\)"),
    ],
)
def test_steps_that_do_not_fit_leave_the_memory_as_it_was(changed, says):
    kept = dqn_torch.ReplayMemory(7, (4,), device="cpu")
    with pytest.raises(ValueError, match=says):
        kept.add(**(steps_of_five() | changed))
    assert not len(kept)
    assert not kept.observations.any()


# --- The agent ---------------------------------------------------------------------------------


def twin_of(learner, **settings):
    return dqn_torch.DQN(to_torch(learner.network, "cpu"), **settings)


def test_twins_act_alike():
    learner, seen = agent(), np.random.default_rng(5).normal(size=(40, 4))
    twin = twin_of(learner)
    assert twin.actions == learner.actions == 3
    for epsilon in (0.0, 0.3, 1.0):
        rngs = [np.random.default_rng(6) for _ in range(2)]
        actions = [
            who.act_all(seen, epsilon, r) for who, r in zip((learner, twin), rngs, strict=True)
        ]
        np.testing.assert_array_equal(*actions)
        ones = [
            [who.act(one, epsilon, r) for one in seen]
            for who, r in zip((learner, twin), rngs, strict=True)
        ]
        assert ones[0] == ones[1]


def test_the_twin_plays_the_originals_game():
    learner = dqn.DQN(mlp((4, 8, 2), rng=np.random.default_rng(0), dtype=np.float64))
    returns = [dqn.play(who, CartPoleVector(5), seed=3) for who in (learner, twin_of(learner))]
    np.testing.assert_array_equal(*returns)


def test_no_gradient_goes_to_the_target_network():
    twin = twin_of(agent())
    twin.learn(tuple(map(torch.as_tensor, memory().take(np.arange(8)))))
    assert all(p.grad is None and not p.requires_grad for p in twin.target.parameters())
    assert all(p.grad is not None for p in twin.network.parameters())


class Waits(TorchDispatchMode):
    """Counts the operations that make the CPU wait for a device."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += "_local_scalar_dense" in str(func) or "nonzero" in str(func)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("settings", [{}, {"double": True, "target_every": 1}, {"huber": None}])
def test_a_learning_step_never_waits_for_the_device(settings):
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    learner = dqn_torch.DQN(net, **settings)
    kept = dqn_torch.ReplayMemory(20, (4,), device="cpu")
    with Waits() as waits:
        kept.add(np.ones((6, 4), "f"), np.zeros(6, int), np.ones(6), np.ones((6, 4)), np.ones(6))
        for _ in range(3):
            loss = learner.learn(kept.sample(4))
        assert not waits.count
        loss.item()
        assert waits.count  # the counter itself works


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_agrees_and_does_not_wait():
    compare_dqn(agent(), memory(), device="cuda").require(1e-9)
    learner = dqn_torch.DQN(torch.nn.Linear(4, 2).cuda())
    kept = dqn_torch.ReplayMemory(20, (4,), device="cuda")
    kept.add(np.ones((6, 4), "f"), np.zeros(6, int), np.ones(6), np.ones((6, 4)), np.ones(6))
    learner.learn(kept.sample(4))
    torch.cuda.set_sync_debug_mode("error")
    try:
        loss = learner.learn(kept.sample(4))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert loss.is_cuda


# --- Atari's memory and net --------------------------------------------------------------------


def walks(worlds, steps, seed=0):
    """Steps of worlds whose frames are all different: stacks as `Preprocessing` makes them."""
    rng, frame = np.random.default_rng(seed), 0

    def fresh():
        nonlocal frame
        frame += 1
        return np.full((1, 2), frame % 251, np.uint8)

    stacks = [np.stack([fresh()] * 4) for _ in range(worlds)]
    for _ in range(steps):
        led = [np.concatenate([stack[1:], fresh()[None]]) for stack in stacks]
        ended, late = rng.random(worlds) < 0.15, rng.random(worlds) < 0.1
        actions, rewards = rng.integers(4, size=worlds), rng.normal(size=worlds)
        yield np.stack(stacks), actions, rewards, np.stack(led), ended, late & ~ended
        stacks = [
            np.stack([fresh()] * 4) if over else after
            for after, over in zip(led, ended | late, strict=True)
        ]


def drawable(kept):
    """Every row that has its next frame, in every world, of a memory that is not full yet."""
    rows, worlds = torch.arange(kept.rows - 1), torch.arange(kept.worlds)
    return rows.repeat_interleave(kept.worlds), worlds.repeat(len(rows))


@pytest.mark.parametrize("steps", [6, 20, 21, 90])
@pytest.mark.parametrize("worlds", [1, 3])
def test_frames_kept_once_give_the_stacks_that_were_seen(worlds, steps):
    kept = dqn_torch.FrameMemory(20 * worlds, worlds, (4, 1, 2), device="cpu")
    seen = []
    for *step, late in walks(worlds, steps):
        kept.add(*step)
        seen.append((*step, late))
    assert len(kept) == min(20, steps) * worlds
    assert kept.capacity == 20 * worlds
    begun = 0
    first = max(steps - 20, 0) + (3 if steps > 20 else 0)
    for row in range(first, steps - 1):
        for world in range(worlds):
            if seen[row][5][world]:
                continue  # the clock broke it off: asked for below
            found = kept.take(torch.tensor([row]), torch.tensor([world]))
            stack, action, reward, led, over = (part[0].numpy() for part in found)
            np.testing.assert_array_equal(stack, seen[row][0][world])
            assert action == seen[row][1][world]
            assert reward == np.float32(seen[row][2][world])
            assert over == seen[row][4][world]
            if not over:  # what follows the end does not matter
                np.testing.assert_array_equal(led, seen[row][3][world])
            begun += (stack == stack[0]).all()
    assert begun


def test_what_the_clock_broke_off_is_not_drawn():
    kept = dqn_torch.FrameMemory(60, 2, (4, 1, 2), device="cpu")
    seen = []
    for *step, late in walks(2, 30, seed=3):
        kept.add(*step)
        seen.append((*step, late))
    late = [(row, w) for row in range(1, 29) for w in range(2) if seen[row][5][w]]
    assert len(late) > 2
    for row, world in late:
        if seen[row - 1][4][world] or seen[row - 1][5][world]:
            continue  # an episode of one step: there is no step before it
        stack, *_ = kept.take(torch.tensor([row]), torch.tensor([world]))
        np.testing.assert_array_equal(stack[0], seen[row - 1][0][world])
    drawn = kept.sample(500, np.random.default_rng(0))
    assert drawn[0].shape == drawn[3].shape == (500, 4, 1, 2)
    assert all(drawn[part].shape == (500,) for part in (1, 2, 4))
    with Waits() as waits:
        kept.sample(5)
    assert not waits.count


def test_the_oldest_steps_that_are_drawn_have_all_their_frames():
    """For a row that the clock broke off the one before it is drawn: its frames must be there."""
    oldest_broken = 0
    for seed in range(60):
        kept = dqn_torch.FrameMemory(8, 1, (4, 1, 2), device="cpu")
        seen = [(kept.add(*step), (*step, late))[1] for *step, late in walks(1, 30, seed=seed)]
        oldest_broken += seen[30 - 8 + 3][5][0]
        stacks = {step[0][0].tobytes() for step in seen}
        drawn, *_ = kept.sample(100, np.random.default_rng(0))
        assert {stack.numpy().tobytes() for stack in drawn} <= stacks
    assert oldest_broken > 2


def test_a_game_may_write_into_the_arrays_that_it_gave():
    """As gymnasium's vectors do with `copy=False`: what was added is kept as it was."""
    mine, theirs = (dqn_torch.FrameMemory(60, 2, (4, 1, 2), device="cpu") for _ in range(2))
    lent = None
    for *step, _ in walks(2, 30, seed=3):
        mine.add(*step)
        lent = lent or [part.copy() for part in step]
        for part, new in zip(lent, step, strict=True):
            part[...] = new
        theirs.add(*lent)
        for part in lent:
            part[...] = 0
    for one, other in zip(mine.take(*drawable(mine)), theirs.take(*drawable(theirs)), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    "seeded", [np.random.default_rng, torch.Generator().manual_seed], ids=["numpy", "torch"]
)
@pytest.mark.parametrize(("rows", "oldest"), [(6, 0), (30, 24)])
def test_every_row_that_is_whole_is_drawn_as_often_in_every_world(rows, oldest, seeded):
    """The rewards number the steps; the newest has no next frame yet, the oldest lack theirs."""
    kept = dqn_torch.FrameMemory(20, 2, (4, 1, 2), device="cpu")
    frames = np.full((2, 40, 1, 2), np.arange(40)[:, None, None], np.uint8)
    for row in range(rows):
        one, after = frames[:, row : row + 4], frames[:, row + 1 : row + 5]
        kept.add(one, np.zeros(2, int), 2 * row + np.arange(2), after, np.zeros(2, bool))
    drawn = kept.sample(20_000, seeded(0))[2].long()
    counts = torch.bincount(drawn, minlength=2 * rows) / 20_000
    expected = torch.zeros(2 * rows)
    expected[2 * oldest : -2] = 1 / (2 * (rows - 1 - oldest))
    torch.testing.assert_close(counts, expected, atol=0.01, rtol=0)


def test_the_frames_memory_says_what_it_needs():
    for capacity in (8, 11):
        with pytest.raises(ValueError, match=f"capacity must be at least 12, got {capacity}"):
            dqn_torch.FrameMemory(capacity, 2)
    least = dqn_torch.FrameMemory(12, 2, (4, 1, 2), device="cpu")
    for *step, _ in walks(2, 20):
        least.add(*step)
    assert dqn_torch.FrameMemory(13, 2).capacity == len(least) == 12  # whole rows of all worlds
    assert len(least.sample(5)[1]) == 5  # one row is whole, however often the ring has closed
    kept = dqn_torch.FrameMemory(20, 1, (4, 1, 2), device="cpu")
    for _ in range(2):  # nothing yet, then a step whose next frame has not come
        with pytest.raises(ValueError, match="the memory holds too little"):
            kept.sample(1)
        kept.add(*next(walks(1, 1))[:5])
    with pytest.raises(ValueError, match="worlds must be at least 1, got 0"):
        dqn_torch.FrameMemory(20, 0)
    with pytest.raises(ValueError, match=r"observation_shape must be \(frames, height, width\)"):
        dqn_torch.FrameMemory(20, 1, (84, 84))


@pytest.mark.parametrize(
    ("part", "value", "says"),
    [
        (0, np.zeros((1, 4, 1, 2)), r"observations must have shape \(2, 4, 1, 2\), got \(1, 4,"),
        (1, np.zeros(1, int), r"actions must have shape \(2,\), got \(1,\)"),
        (1, np.array([0.5, 0.7]), "actions must be whole numbers, got torch.float64"),
        (2, 1.0, r"rewards must have shape \(2,\), got \(\)"),
        (3, np.zeros((2, 1, 2)), r"next_observations must have shape \(2, 4, 1, 2\)"),
        (4, np.zeros((2, 1), bool), r"terminated must have shape \(2,\), got \(2, 1\)"),
    ],
)
def test_frames_that_do_not_fit_leave_the_memory_as_it_was(part, value, says):
    kept = dqn_torch.FrameMemory(60, 2, (4, 1, 2), device="cpu")
    step = list(next(walks(2, 1)))[:5]
    step[part] = value
    with pytest.raises(ValueError, match=says):
        kept.add(*step)
    assert len(kept) == 0


def test_a_count_out_of_a_division_is_as_good_as_a_whole_one(rng):
    ours, theirs = dqn.ReplayMemory(5, (2,)), dqn_torch.ReplayMemory(5, (2,), device="cpu")
    frames = dqn_torch.FrameMemory(60, 2, (4, 1, 2), device="cpu")
    for *step, _ in walks(2, 4):
        frames.add(*step)
    for k in range(4):
        ours.add(np.full(2, k), k, 1.0, np.zeros(2), False)
    theirs.add(*ours.last(4))
    for memory in (ours, theirs, frames):
        assert len(memory.sample(6 / 2, rng)[1]) == 3
    for memory in (ours, theirs):
        assert memory.last(6 / 2)[1].tolist() == [1, 2, 3]


def test_the_net_of_2015():
    net = dqn_torch.nature_network(4, device="cpu")
    assert sum(parameter.numel() for parameter in net.parameters()) == 1_686_180
    seen = torch.randint(0, 256, (3, 4, 84, 84), dtype=torch.uint8)
    agent = dqn_torch.DQN(net)
    assert agent.actions == 4
    assert agent.q(seen).shape == (3, 4)
    torch.testing.assert_close(agent.q(seen), net[1:](seen / 255))


# --- Practice ----------------------------------------------------------------------------------


def practice(envs, seed=0, **settings):
    space = envs.single_observation_space
    torch.manual_seed(seed)
    net = torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(int(np.prod(space.shape)), 32),
        torch.nn.ReLU(),
        torch.nn.Linear(32, int(envs.single_action_space.n)),
    )
    settings = {
        "begin": 64,
        "batch_size": 16,
        "source": torch.Generator().manual_seed(seed),
    } | settings
    return dqn_torch.Practice(
        dqn_torch.DQN(net, target_every=50), envs, np.random.default_rng(seed), **settings
    )


@pytest.mark.parametrize("kind", ["ours", "gymnasium's"])
def test_what_is_kept_is_what_happened(kind):
    # after a fall the memory holds where the pole fell, not where the next one stands
    envs = CartPoleVector(3)
    if kind != "ours":
        envs = SyncVectorEnv([CartPole] * 3, autoreset_mode=AutoresetMode.SAME_STEP)
    watched = practice(envs, begin=10_000)
    watched.run(900)
    seen, actions, rewards, after, fell = watched.memory.take(torch.arange(900))
    assert fell.sum() > 20
    out = (after[:, 0].abs() > 2.4) | (after[:, 2].abs() > 12 * np.pi / 180)
    assert torch.equal(out, fell)
    moved = (after[:, 0] - seen[:, 0] - 0.02 * seen[:, 1]).abs()
    assert moved.max() < 1e-5  # each step leads on from its own state
    assert len(watched.scores) == len(watched.ends) == fell.sum()
    assert (rewards == 1).all()
    assert set(actions.tolist()) == {0, 1}


def test_scores_and_ends_are_those_of_the_steps_that_were_kept():
    watched = practice(CartPoleVector(3), begin=10_000).run(900)
    *_, fell = watched.memory.take(torch.arange(900))
    expected, alive = [], np.zeros(3)
    for row, over in enumerate(fell.reshape(-1, 3).numpy(), start=1):
        alive += 1  # a point for each step
        expected += [(score, 3 * row) for score in alive[over]]
        alive[over] = 0
    assert list(zip(watched.scores, watched.ends, strict=True)) == expected
    assert len({end for _, end in expected}) > 1


def test_runs_add_up():
    watched = practice(CartPoleVector(3), begin=10_000)
    for steps, expected in ((7, 9), (3, 12), (0, 12), (30, 42)):
        assert watched.run(steps).steps == expected


def test_a_step_that_the_clock_broke_off_has_a_future():
    watched = practice(BricksVector(4, max_steps=3), begin=10_000)
    watched.run(120)
    assert len(watched.scores) == 40
    assert not watched.memory.terminated.any()
    assert watched.memory.observations.dtype == torch.uint8  # as the world gives them: a quarter


@pytest.mark.parametrize(("every", "worlds", "expected"), [(4, 8, 24), (8, 2, 3), (3, 4, 13)])
def test_it_learns_once_every_so_many_steps_of_all_worlds(every, worlds, expected):
    learner = practice(CartPoleVector(worlds), every=every, begin=worlds, rate=(1e-3, 0.0, 24))
    learner.run(worlds * (12 if worlds != 4 else 10))
    assert learner.agent.updates == expected
    assert learner.epsilon == pytest.approx(1 - 0.95 * learner.steps / 10_000)


def test_the_learning_rate_falls_in_a_straight_line():
    learner = practice(CartPoleVector(8), rate=(0.01, 0.002, 320))
    learner.run(160)
    assert learner.agent.optimiser.param_groups[0]["lr"] == pytest.approx(0.006)
    learner.run(400)
    assert learner.agent.optimiser.param_groups[0]["lr"] == 0.002


def test_one_seed_is_one_training():
    runs = [
        practice(CartPoleVector(8), seed=s).run(800).agent.network.state_dict() for s in (1, 1, 2)
    ]
    same, other = (
        [torch.equal(a, b) for a, b in zip(runs[0].values(), r.values(), strict=True)]
        for r in runs[1:]
    )
    assert all(same)
    assert not any(other)


def test_without_replay_it_learns_from_the_newest_steps(monkeypatch):
    taken = []
    monkeypatch.setattr(dqn_torch.ReplayMemory, "sample", lambda *_: pytest.fail("drew"))
    last = dqn_torch.ReplayMemory.last
    monkeypatch.setattr(
        dqn_torch.ReplayMemory, "last", lambda self, n: taken.append(n) or last(self, n)
    )
    practice(CartPoleVector(4), replay=False).run(200)
    assert set(taken) == {16}


def test_it_learns_to_balance():
    # untrained nets keep the pole up for 9 steps; of four seeds the worst came to 146
    rng = np.random.default_rng(0)
    learner = dqn_torch.DQN(to_torch(mlp((4, 128, 128, 2), rng=rng), "cpu"), target_every=60)
    settings = dqn.CARTPOLE | {"source": np.random.default_rng(1)}
    trained = dqn_torch.Practice(learner, CartPoleVector(8), rng, **settings).run(6_000)
    assert dqn.play(learner, CartPoleVector(20), seed=0).mean() > 60
    assert trained.loss is not None
    assert trained.loss.isfinite()


def test_a_single_game_goes_through_gymnasiums_vector_too():
    envs = SyncVectorEnv([Bricks] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    learner = practice(envs).run(300)
    assert learner.agent.updates > 50
