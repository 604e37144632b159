"""The deep Q-network: its target by hand, its gradient, its memory, its loop."""

import copy

import numpy as np
import pytest
import torch

from dlkit.envs.cartpole import CartPole, CartPoleVector
from dlkit.envs.grid_world import GridWorld
from dlkit.models import dqn_torch
from dlkit.models.dense import Linear, ReLU, Sequential, Tanh, mlp
from dlkit.models.dqn import CARTPOLE, DQN, Practice, ReplayMemory, play
from dlkit.models.normalisation import BatchNorm1d
from dlkit.models.optimisers import SGD


def batch(rng, count=6, actions=3):
    return (
        rng.normal(size=(count, 5)),
        rng.integers(0, actions, count),
        rng.normal(size=count),
        rng.normal(size=(count, 5)),
        rng.random(count) < 0.3,
    )


def agent(rng, **settings):
    network = mlp((5, 7, 3), Tanh, rng=rng, dtype=np.float64)
    made = DQN(network, **settings)
    for parameter in network.parameters.values():  # so that the target is another net
        parameter += 0.3 * rng.normal(size=parameter.shape)
    return made


@pytest.mark.parametrize("double", [False, True])
def test_the_target_by_hand(double, rng):
    """One step at a time, as the papers write it."""
    dqn, (_, _, rewards, after, ended) = agent(rng, gamma=0.8, double=double), batch(rng)
    expected = []
    for reward, observation, over in zip(rewards, after, ended, strict=True):
        theirs = dqn.target(observation[None])[0]
        ours = dqn.network(observation[None])[0]
        worth = theirs[ours.argmax()] if double else max(theirs)
        expected.append(reward if over else reward + 0.8 * worth)
    np.testing.assert_allclose(dqn.targets(rewards, after, ended), expected, atol=1e-14)


def test_a_terminal_state_has_no_future(rng):
    dqn, (_, _, rewards, after, _) = agent(rng), batch(rng)
    np.testing.assert_array_equal(dqn.targets(rewards, after, np.ones(6, bool)), rewards)
    moved = dqn.targets(rewards, after, np.zeros(6, bool))
    assert (moved != rewards).all()


@pytest.mark.parametrize("huber", [1.0, 0.3, None])
@pytest.mark.parametrize("double", [False, True])
def test_the_gradient_is_that_of_the_loss_with_the_target_held(huber, double, rng):
    """Central differences of the Huber loss, y being numbers: nothing flows through y."""
    dqn, data = agent(rng, huber=huber, double=double), batch(rng)
    observations, actions, rewards, after, ended = data
    y = dqn.targets(rewards, after, ended)

    def loss():
        error = dqn.network(observations)[np.arange(6), actions] - y
        if huber is None:
            return np.mean(error**2 / 2)
        inside = np.abs(error) <= huber
        return np.mean(np.where(inside, error**2 / 2, huber * (np.abs(error) - huber / 2)))

    expected, gradients = loss(), {}
    for name, parameter in dqn.network.parameters.items():
        gradients[name] = np.empty_like(parameter)
        for index in np.ndindex(parameter.shape):
            old = parameter[index]
            parameter[index] = old + 1e-6
            above = loss()
            parameter[index] = old - 1e-6
            gradients[name][index] = (above - loss()) / 2e-6
            parameter[index] = old
    assert dqn.learn(data) == pytest.approx(expected, rel=1e-12)
    for name, gradient in dqn.network.gradients.items():
        np.testing.assert_allclose(gradient, gradients[name], atol=1e-8)


def test_it_learns_as_a_loop_in_torch_does(rng):
    """Twenty steps with Adam, the target copied every 7."""
    import torch

    from dlkit.parity import to_torch

    dqn = agent(rng, gamma=0.9, target_every=7)
    net, target = to_torch(dqn.network, "cpu"), to_torch(dqn.target, "cpu")
    adam = torch.optim.Adam(net.parameters(), 0.001)
    for update in range(1, 21):
        data = batch(rng)
        o, a, r, after, ended = map(torch.tensor, data)
        with torch.no_grad():
            y = r + 0.9 * target(after).max(dim=1).values * ~ended
        loss = torch.nn.functional.huber_loss(net(o)[torch.arange(6), a], y)
        adam.zero_grad()
        loss.backward()
        adam.step()
        if update % 7 == 0:
            target.load_state_dict(net.state_dict())
        assert dqn.learn(data) == pytest.approx(loss.item(), rel=1e-12)
    for ours, theirs in ((dqn.network, net), (dqn.target, target)):
        for name, parameter in theirs.state_dict().items():
            np.testing.assert_allclose(ours.parameters[name], parameter.numpy(), atol=1e-12)


def test_the_target_network_stands_still_between_copies(rng):
    dqn = agent(rng, target_every=3)
    before = dqn.target.state_dict()
    for update in range(1, 4):
        dqn.learn(batch(rng))
        same = all((dqn.target.parameters[n] == before[n]).all() for n in before)
        assert same == (update < 3)
    for name, parameter in dqn.network.parameters.items():
        np.testing.assert_array_equal(dqn.target.parameters[name], parameter)
        assert dqn.target.parameters[name] is not parameter


def test_with_one_hot_states_it_is_q_learning(rng):
    """A net that is a table, one step a batch, plain descent, no target network: Watkins's rule."""
    from dlkit.models.tabular import QLearning

    network = Linear(4, 2, rng=rng, dtype=np.float64)
    network.weight[:], network.bias[:] = 0, 0
    dqn = DQN(
        network,
        gamma=0.9,
        target_every=1,
        huber=None,
        optimiser=SGD({"weight": network.weight, "bias": np.zeros(2)}, 0.5),
    )
    table, states = QLearning(4, 2, learning_rate=0.5, gamma=0.9), np.eye(4)
    for _ in range(200):
        s, after, a = rng.integers(4), rng.integers(4), rng.integers(2)
        reward, over = rng.normal(), rng.random() < 0.2
        table.update(int(s), int(a), reward, int(after), bool(over))
        dqn.learn(
            (states[[s]], np.array([a]), np.array([reward]), states[[after]], np.array([over]))
        )
    np.testing.assert_allclose(network.weight.T, table.table, atol=1e-12)


def test_the_memory_forgets_the_oldest(rng):
    memory = ReplayMemory(4, (2,))
    for number in range(6):
        memory.add(np.full(2, number), number, -number, np.full(2, number + 1), number == 5)
        assert len(memory) == min(number + 1, 4)
    observations, actions, rewards, after, ended = memory.last(10)
    np.testing.assert_array_equal(actions, [2, 3, 4, 5])  # in order
    np.testing.assert_array_equal(observations[:, 0], actions)
    np.testing.assert_array_equal(rewards, -actions)
    np.testing.assert_array_equal(after[:, 1], actions + 1)
    np.testing.assert_array_equal(ended, actions == 5)
    np.testing.assert_array_equal(memory.last(2)[1], [4, 5])
    drawn = memory.sample(8000, rng)[1]
    shares = np.bincount(drawn, minlength=6) / 8000
    np.testing.assert_array_equal(shares[:2], 0)
    np.testing.assert_allclose(shares[2:], 0.25, atol=0.03)


def test_the_memory_keeps_the_dtype_and_gives_copies(rng):
    memory = ReplayMemory(3, (2, 2), np.uint8)
    memory.add(np.full((2, 2), 200), 0, 1.0, np.zeros((2, 2)), False)
    observations = memory.sample(2, rng)[0]
    assert observations.dtype == np.uint8
    observations[:] = 0
    assert (memory.observations[0] == 200).all()


def test_the_clock_is_not_the_end():
    """A step that the clock broke off is remembered as one that goes on."""
    env = CartPole(limit=5)
    practice = Practice(
        DQN(mlp((4, 8, 2), rng=np.random.default_rng(0))),
        env,
        np.random.default_rng(0),
        begin=10**6,
    )
    steps = [practice.step() for _ in range(50)]
    assert sum(step.truncated for step in steps) == 10
    assert not practice.memory.terminated[:50].any()
    # the observation behind the break is the one it led to, not the next episode's first
    for number, step in enumerate(steps):
        np.testing.assert_array_equal(practice.memory.next_observations[number], step.next_state)
    assert practice.scores == [5.0] * 10
    assert practice.ends == list(range(5, 51, 5))


def test_when_it_learns_and_how_fast():
    rng = np.random.default_rng(0)
    practice = Practice(
        DQN(mlp((4, 8, 2), rng=rng)),
        CartPole(),
        rng,
        begin=20,
        every=5,
        batch_size=4,
        epsilon=(1.0, 0.2, 40),
        rate=(0.01, 0.0, 100),
    )
    learned = [number for number in range(1, 61) if not np.isnan(practice.step().error)]
    assert learned == list(range(20, 61, 5))
    assert len(practice.losses) == practice.agent.updates == len(learned)
    assert practice.agent.optimiser.learning_rate == pytest.approx(0.004)
    assert practice.epsilon == 0.2
    assert Practice(practice.agent, CartPole(), rng).epsilon == 1.0


def test_the_target_takes_over_what_is_measured_too(rng):
    network = Sequential(Linear(4, 8, rng=rng), BatchNorm1d(8), ReLU(), Linear(8, 2, rng=rng))
    dqn = DQN(network, target_every=2)
    data = (rng.normal(size=(9, 4)), np.zeros(9, int), np.ones(9), np.ones((9, 4)), np.zeros(9))
    dqn.learn(data)
    means = [net.buffers["1.running_mean"] for net in (dqn.network, dqn.target)]
    assert not np.allclose(*means)
    dqn.learn(data)
    np.testing.assert_array_equal(*means)


def test_without_replay_it_learns_from_the_newest_alone(rng):
    seen = []
    dqn = DQN(mlp((4, 8, 2), rng=rng))
    dqn.learn = lambda data: seen.append(data[0]) or 0.0
    practice = Practice(dqn, CartPole(), rng, begin=10, every=10, batch_size=3, replay=False)
    steps = [practice.step() for _ in range(30)]
    for end, observations in zip((10, 20, 30), seen, strict=True):
        np.testing.assert_array_equal(observations, [s.state for s in steps[end - 3 : end]])


def test_a_copied_practice_goes_on_alike():
    rng = np.random.default_rng(0)
    practice = Practice(DQN(mlp((4, 8, 2), rng=rng)), CartPole(), rng, begin=50).run(200)
    twin = copy.deepcopy(practice)
    practice.run(200)
    assert twin.steps == 200
    twin.run(200)
    assert twin.scores == practice.scores
    assert twin.losses == practice.losses
    for name, parameter in practice.agent.network.parameters.items():
        np.testing.assert_array_equal(twin.agent.network.parameters[name], parameter)


def test_play_gives_each_world_one_episode():
    class Left:
        def act_all(self, observations, epsilon, rng):
            return np.zeros(len(observations), int)

    returns = play(Left(), CartPoleVector(20), seed=0)
    envs, lengths = CartPoleVector(20), np.zeros(20)
    envs.reset(seed=0)
    for step in range(1, 40):
        over = envs.step(np.zeros(20, int))[2]
        lengths[(lengths == 0) & over] = step
    np.testing.assert_array_equal(returns, lengths)
    np.testing.assert_array_equal(play(Left(), CartPoleVector(20, limit=5), seed=0), 5)
    less = play(Left(), CartPoleVector(20), seed=0, gamma=0.9)
    np.testing.assert_allclose(less, (1 - 0.9**lengths) / 0.1)


def test_random_actions_have_the_share_epsilon(rng):
    dqn = DQN(mlp((4, 8, 3), rng=rng))
    observation = rng.normal(size=4).astype(np.float32)
    best = int(dqn.q(observation[None]).argmax())
    one = np.mean([dqn.act(observation, 0.3, rng) == best for _ in range(3000)])
    many = np.mean(dqn.act_all(np.tile(observation, (3000, 1)), 0.3, rng) == best)
    assert abs(one - 0.8) < 0.04
    assert abs(many - 0.8) < 0.04
    assert dqn.act(observation, 0.0, rng) == best
    assert dqn.actions == 3


def test_it_learns_a_small_world():
    """A corridor with one-hot squares: after 3,000 steps the values are those of the table."""

    class Corridor(GridWorld):
        def __init__(self):
            super().__init__(("S...G",), step=0, limit=30, anywhere=True)
            self.observation_space = CartPole().observation_space.__class__(0, 1, (5,), np.float32)

        def reset(self, **settings):
            state, info = super().reset(**settings)
            return np.eye(5, dtype=np.float32)[state], info

        def step(self, action):
            state, *rest = super().step(action)
            return np.eye(5, dtype=np.float32)[state], *rest

    rng = np.random.default_rng(0)
    dqn = DQN(mlp((5, 32, 4), rng=rng), gamma=0.8, target_every=20)
    Practice(dqn, Corridor(), rng, begin=100, every=1, batch_size=32, rate=(3e-3, 0, 3000)).run(
        3000
    )
    best = dqn.q(np.eye(5, dtype=np.float32)).max(axis=1)[:4]
    np.testing.assert_allclose(best, [0.8**3, 0.8**2, 0.8, 1], atol=0.05)


def test_bad_settings_are_refused(rng):
    network = mlp((4, 8, 2), rng=rng)
    with pytest.raises(ValueError, match="gamma must be"):
        DQN(network, gamma=1.5)
    with pytest.raises(ValueError, match="target_every must be"):
        DQN(network, target_every=0)
    with pytest.raises(ValueError, match="huber must be"):
        DQN(network, huber=0)
    with pytest.raises(ValueError, match="capacity must be"):
        ReplayMemory(0, (4,))
    with pytest.raises(ValueError, match="memory is empty"):
        ReplayMemory(5, (4,)).sample(1, rng)
    with pytest.raises(ValueError, match="memory is empty"):
        ReplayMemory(5, (4,)).last(1)
    memory = ReplayMemory(5, (4,))
    memory.add(np.zeros(4), 0, 1.0, np.zeros(4), False)
    for seed in (0, None):
        with pytest.raises(ValueError, match=f"rng must be a generator .*, got {seed}"):
            memory.sample(1, seed)
    for name, value in {"batch_size": 0, "every": 0, "begin": 0.5}.items():
        with pytest.raises(ValueError, match=f"{name} must be"):
            Practice(DQN(network), CartPole(), rng, **(CARTPOLE | {name: value}))
    with pytest.raises(ValueError, match="epsilon's start must be"):
        Practice(DQN(network), CartPole(), rng, epsilon=(2.0, 0.0, 10))


def _batch(**changed):
    parts = {
        "observations": np.ones((5, 4)),
        "actions": np.zeros(5, int),
        "rewards": np.ones(5),
        "next_observations": np.ones((5, 4)),
        "terminated": np.array([0, 1, 0, 1, 1], bool),
    }
    return tuple((parts | changed).values())


@pytest.mark.parametrize("kind", [int, np.uint8, float, list])
def test_the_end_may_be_told_in_ones_and_zeros(kind):
    def learned(batch):
        dqn = DQN(mlp((4, 8, 2), rng=np.random.default_rng(0)))
        return dqn.learn(batch), dqn.network.state_dict()

    ends = _batch()[-1]
    told = ends.tolist() if kind is list else ends.astype(kind)
    (loss, state), (expected, same) = learned(_batch(terminated=told)), learned(_batch())
    assert loss == expected
    for name, array in same.items():
        np.testing.assert_array_equal(state[name], array)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"actions": np.full(5, -1)}, "actions must lie in 0 … 1, got -1"),
        ({"actions": np.full(5, 2)}, "actions must lie in 0 … 1, got 2"),
        ({"actions": np.zeros((5, 1), int)}, r"actions must have shape \(5,\), got \(5, 1\)"),
        ({"rewards": np.ones(1)}, r"rewards must have shape \(5,\), got \(1,\)"),
        ({"rewards": None}, r"rewards must have shape \(5,\), got \(\)"),
        ({"terminated": np.zeros((5, 1))}, r"terminated must have shape \(5,\)"),
        ({"observations": np.ones((1, 4))}, r"actions must have shape \(1,\), got \(5,\)"),
        ({"next_observations": np.ones((1, 4))}, r"next_observations must have shape \(5, 4\)"),
    ],
)
def test_a_batch_that_does_not_fit_teaches_nothing(changed, says, rng):
    dqn = DQN(mlp((4, 8, 2), rng=rng))
    before = dqn.network.state_dict()
    with pytest.raises(ValueError, match=says):
        dqn.learn(_batch(**changed))
    assert dqn.updates == 0
    for name, array in dqn.network.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"observation": 5.0}, r"observation must have shape \(4,\), got \(\)"),
        ({"next_observation": np.zeros(3)}, r"next_observation must have shape \(4,\), got \(3,"),
        ({"next_observation": None}, r"next_observation must have shape \(4,\)"),
        ({"action": 0.5}, "action must be a whole number"),
        ({"action": "left"}, "action must be a whole number"),
        ({"reward": None}, "reward a number, got action 0 and reward None"),
        ({"reward": np.nan}, "reward must be finite, got nan"),
    ],
)
def test_a_step_that_does_not_fit_leaves_a_full_memory_as_it_was(changed, says):
    step = {
        "observation": np.ones(4),
        "action": 0,
        "reward": 1.0,
        "next_observation": np.ones(4),
        "terminated": False,
    }
    memory = ReplayMemory(2, (4,))
    for _ in range(2):
        memory.add(*(0 * np.array(value) for value in step.values()))
    with pytest.raises(ValueError, match=says):
        memory.add(**(step | changed))
    assert memory.added == 2
    assert not any(part.any() for part in memory.last(2))


def test_what_an_agent_is_made_of(rng):
    network = mlp((4, 8, 2), rng=rng)
    for wrong in (None, (4, 8, 2), torch.nn.Linear(4, 2)):
        with pytest.raises(ValueError, match=r"network must be one of dlkit.models, got"):
            DQN(wrong)
    for agent, wrong in ((DQN, ReLU()), (DQN, Sequential()), (dqn_torch.DQN, torch.nn.ReLU())):
        with pytest.raises(ValueError, match="network must have weights to learn with, got"):
            agent(wrong)
    for wrong in ("adam", 0.1, SGD):
        with pytest.raises(ValueError, match=r"optimiser must be one of dlkit.models, got"):
            DQN(network, optimiser=wrong)
    assert DQN(network).act([0.0, 0, 0, 0], 0.0, rng) in (0, 1)
    for name in ("epsilon", "rate"):
        for line in (0.1, 0, (), (1.0, 0.1), "abc"):
            with pytest.raises(ValueError, match=rf"{name} must be \(start, end, steps\), got"):
                Practice(DQN(network), CartPole(), rng, **{name: line})
    with pytest.raises(ValueError, match="agent must know the 2 actions of env, got 3"):
        Practice(DQN(mlp((4, 8, 3), rng=rng)), CartPole(), rng)
    with pytest.raises(ValueError, match=r"agent must be a DQN of dlkit.models.dqn, got"):
        Practice(dqn_torch.DQN(torch.nn.Linear(4, 2)), CartPole(), rng)


def test_play_refuses_what_would_never_end_or_mean_nothing(rng):
    agent, worlds = DQN(mlp((4, 8, 2), rng=rng)), CartPoleVector(2, limit=5)
    for name, value in {"gamma": np.nan, "epsilon": 2.0, "seed": None}.items():
        with pytest.raises(ValueError, match=f"{name} must be"):
            play(agent, worlds, **({"seed": 0} | {name: value}))
