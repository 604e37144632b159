"""An example of every public model class, for the checks in test_every_model.py.

A new class goes into the table of its kind: `gradient_check` and `compare` do the rest. A class
without a gradient goes into OUTPUTS, as a function that gives our numbers and torch's.
"""

import numpy as np

from dlkit.models import (
    dbn_torch,
    dqn_torch,
    lenet_torch,
    rbm_torch,
    recurrent_torch,
    residual_torch,
)
from dlkit.models.boltzmann import BoltzmannMachine
from dlkit.models.convolution import AvgPool2d, Conv2d, Flatten, MaxPool2d
from dlkit.models.dbn import DBN, LabelledRBM
from dlkit.models.dense import Identity, Linear, ReLU, Sequential, Sigmoid, Tanh, mlp
from dlkit.models.dqn import DQN, Practice, ReplayMemory
from dlkit.models.dropout import Dropout
from dlkit.models.hopfield import Hopfield
from dlkit.models.layer import Layer, Model
from dlkit.models.lenet import Count, MapConv2d, RadialBasis, Row, ScaledTanh, Subsample, alexnet
from dlkit.models.losses import BCEWithLogitsLoss, CrossEntropyLoss, Loss, MSELoss
from dlkit.models.neocognitron import CLayer, Module, Neocognitron, SLayer
from dlkit.models.normalisation import BatchNorm1d, LayerNorm
from dlkit.models.optimisers import SGD, Adam, Optimiser, RMSprop
from dlkit.models.partition import AISEstimate, all_states, annealed_importance_sampling
from dlkit.models.perceptron import Perceptron, Threshold
from dlkit.models.rbm import RBM, GaussianRBM
from dlkit.models.recurrent import GRU, LSTM, RNN, Bidirectional, EveryStep, LastStep
from dlkit.models.reservoir import EchoStateNetwork
from dlkit.models.residual import Residual
from dlkit.models.tabular import QLearning, Sarsa, Step, Walk, epsilon_greedy, evaluate_policy
from dlkit.parity import compare_cd, compare_dqn, to_torch

CONTRACTS = {Model, Layer, Loss, Optimiser}
"""Classes that only say what their subclasses must do."""


def _shuffled(layer, rng):
    """The layer with parameters of its own: ones and zeros would hide a mistake."""
    for parameter in layer.parameters.values():
        parameter[...] = rng.normal(size=parameter.shape)
    return layer


LAYERS = {
    Linear: lambda rng: Linear(5, 3, rng=rng, dtype=np.float64),
    Sigmoid: lambda rng: Sigmoid(),
    Tanh: lambda rng: Tanh(),
    ReLU: lambda rng: ReLU(),
    Identity: lambda rng: Identity(),
    Dropout: lambda rng: Dropout(0.4, rng=rng),
    Sequential: lambda rng: mlp((5, 7, 4, 3), Tanh, rng=rng, dtype=np.float64),
    BatchNorm1d: lambda rng: _shuffled(BatchNorm1d(5, momentum=0.2, dtype=np.float64), rng),
    LayerNorm: lambda rng: _shuffled(LayerNorm(5, eps=1e-3, dtype=np.float64), rng),
    Residual: lambda rng: Residual(mlp((5, 7, 5), Tanh, rng=rng, dtype=np.float64)),
    Conv2d: lambda rng: Conv2d(
        3, 4, (3, 2), stride=(2, 1), padding=(1, 2), rng=rng, dtype=np.float64
    ),
    MaxPool2d: lambda rng: MaxPool2d(3, stride=2),
    AvgPool2d: lambda rng: AvgPool2d(3, stride=2),
    Flatten: lambda rng: Flatten(),
    ScaledTanh: lambda rng: ScaledTanh(),
    MapConv2d: lambda rng: MapConv2d(
        3,
        4,
        (3, 2),
        size=(6, 5),
        stride=(2, 1),
        padding=(1, 2),
        table=[[1, 1, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]],
        unit_bias=True,
        background=-1.0,
        rng=rng,
        dtype=np.float64,
    ),
    Subsample: lambda rng: _shuffled(Subsample(3, dtype=np.float64), rng),
    RadialBasis: lambda rng: RadialBasis(rng.normal(size=(4, 5)), dtype=np.float64),
    RNN: lambda rng: RNN(3, 4, rng=rng, dtype=np.float64),
    LSTM: lambda rng: LSTM(3, 4, rng=rng, dtype=np.float64),
    GRU: lambda rng: GRU(3, 4, rng=rng, dtype=np.float64),
    Bidirectional: lambda rng: Bidirectional(
        *(LSTM(3, 4, rng=rng, dtype=np.float64) for _ in range(2))
    ),
    LastStep: lambda rng: LastStep(),
    EveryStep: lambda rng: EveryStep(),
}
"""Layer → an example that takes x (6, 5), or what SHAPES says, in float64."""

PICTURES = (Conv2d, MaxPool2d, AvgPool2d, Flatten, MapConv2d)
SHAPES = (
    {Subsample: (2, 3, 6, 4)}
    | dict.fromkeys(PICTURES, (2, 3, 6, 5))
    | dict.fromkeys((RNN, LSTM, GRU, Bidirectional, LastStep, EveryStep), (6, 2, 3))
)
"""Layer → the shape of its x, where it is not (6, 5)."""

LOSSES = {
    CrossEntropyLoss: lambda rng: rng.integers(0, 3, 6),
    MSELoss: lambda rng: rng.normal(size=(6, 3)),
    BCEWithLogitsLoss: lambda rng: rng.integers(0, 2, (6, 3)).astype(float),
}
"""Loss → targets for a prediction (6, 3)."""

OPTIMISERS = {
    SGD: lambda parameters: SGD(parameters, 0.1, momentum=0.9, weight_decay=0.01),
    RMSprop: lambda parameters: RMSprop(parameters, 0.01, weight_decay=0.01),
    Adam: lambda parameters: Adam(parameters, 0.01, weight_decay=0.01),
}
"""Optimiser → an example with every setting in use."""


def perceptron(rng):
    """The decision of a trained perceptron, and of its twin with the same weights."""
    import torch

    x = rng.normal(size=(6, 5))
    model = Perceptron(5).fit(x, np.where(x[:, 0] + x[:, 1] > 0, 1, -1))
    return model.decision(x), to_torch(model, "cpu")(torch.tensor(x))[:, 0].detach().numpy()


def threshold(rng):
    """A step at zero, beside torch's."""
    import torch

    x = np.append(rng.normal(size=9), 0.0)
    theirs = torch.heaviside(torch.tensor(x), torch.tensor(0.0, dtype=torch.float64))
    return Threshold().forward(x), theirs.numpy()


def rbm(rng):
    """The free energy of v, and -log of the sum over every h."""
    machine = RBM(5, 4, rng=rng, std=1.0, dtype=np.float64)
    machine.hidden_bias[:] = rng.normal(size=4)
    v, h = rng.integers(0, 2, (6, 5)), all_states(4)
    weights = [np.exp(-machine.energy(np.tile(one, (len(h), 1)), h)).sum() for one in v]
    return machine.free_energy(v), -np.log(weights)


def gaussian_rbm(rng):
    """The same with real visible units."""
    machine = GaussianRBM(5, 4, rng=rng, std=1.0, dtype=np.float64)
    machine.visible_bias[:] = rng.normal(size=5)
    v, h = rng.normal(size=(6, 5)), all_states(4)
    weights = [np.exp(-machine.energy(np.tile(one, (len(h), 1)), h)).sum() for one in v]
    return machine.free_energy(v), -np.log(weights)


def rbm_twin(kind):
    """The weights of an RBM and of its twin after the same CD-2 steps from the same numbers."""

    def trained(rng):
        machine = kind(5, 4, rng=rng, std=1.0, dtype=np.float64)
        report = compare_cd(machine, rng.integers(0, 2, (6, 5)), k=2, steps=20)
        return [row.received for row in report.rows], [row.expected for row in report.rows]

    return trained


def boltzmann(rng):
    """P(h | v) of a general machine, and the same from the energy of every state (v, h)."""
    machine = BoltzmannMachine(4, 3, rng=rng, std=1.0, dtype=np.float64)
    machine.bias[:] = rng.normal(size=7)
    joint = np.exp(-machine.energy(all_states(7))).reshape(16, 8)
    return machine.conditional(all_states(4)), joint / joint.sum(axis=1, keepdims=True)


def ais(rng):
    """Annealing between machines without weights is exact: a product of independent units."""
    machine = RBM(5, 4, rng=rng, std=0.0, dtype=np.float64)
    machine.hidden_bias[:] = rng.normal(size=4)
    estimate = annealed_importance_sampling(machine, rng, temperatures=3)
    exact = 5 * np.log(2) + np.log1p(np.exp(machine.hidden_bias)).sum()
    return np.array([estimate.log_z, estimate.low, estimate.high]), np.full(3, exact)


def labelled_rbm(rng):
    """p(label | features) and the free energy of h, beside torch's."""
    import torch

    machine = LabelledRBM(4, 3, 5, rng=rng, std=1.0, dtype=np.float64)
    machine.visible_bias[:], machine.hidden_bias[:] = rng.normal(size=7), rng.normal(size=5)
    twin, v, h = to_torch(machine, "cpu"), rng.random((6, 4)), rng.random((6, 5))
    with torch.no_grad():
        theirs = twin.label_probabilities(torch.tensor(v)), twin.hidden_free_energy(torch.tensor(h))
    ours = machine.label_probabilities(v), machine.hidden_free_energy(h)
    return np.column_stack(ours), np.column_stack(theirs)


def labelled_rbm_twin(rng):
    """The weights of both after the same CD-2 steps from the same numbers."""
    machine = LabelledRBM(4, 3, 5, rng=rng, std=1.0, dtype=np.float64)
    v = np.hstack([rng.random((6, 4)), np.eye(3)[rng.integers(0, 3, 6)]])
    report = compare_cd(machine, v, k=2, steps=20)
    return [row.received for row in report.rows], [row.expected for row in report.rows]


def dbn_twin(rng):
    """What the twin unrolls into and what it feeds its RBMs, beside the original's."""
    import torch

    net = DBN((6, 5, 4, 3), rng=rng, labels=3, std=1.0, dtype=np.float64)
    twin, v, label = to_torch(net, "cpu"), rng.random((6, 6)), np.array([0, 1, 2, 0, 1, 2])
    tensors = torch.tensor(v), torch.tensor(label)
    with torch.no_grad():
        theirs = [twin.inputs(tensors[0], 2, tensors[1]), twin.label_probabilities(tensors[0])]
        theirs += [twin.autoencoder()(tensors[0]), twin.unroll(2)[:-1](tensors[0])]
    ours = [net.inputs(v, 2, label), net.label_probabilities(v)]
    ours += [net.autoencoder()(v), Sequential(*net.unroll(2, rng).layers[:-1])(v)]
    return np.hstack(ours), np.hstack(theirs)


def dbn(rng):
    """Up, down and pictures of one label, beside a twin that draws the same numbers."""
    import torch

    net = DBN((6, 5, 4, 3), rng=rng, labels=3, std=1.0, dtype=np.float64)
    twin, v, label = to_torch(net, "cpu"), rng.random((6, 6)), np.array([0, 1, 2, 0, 1, 2])
    settings = {"steps": 5, "label": 1}
    with torch.no_grad():
        up = twin.up(torch.tensor(v), label=torch.tensor(label))
        theirs = up, twin.down(up), twin.generate(6, np.random.default_rng(4), **settings)
    up = net.up(v, label=label)
    ours = up, net.down(up), net.generate(6, np.random.default_rng(4), **settings)
    return np.hstack(ours), np.hstack(theirs)


def hopfield(rng):
    """The energy of states with Hebb's weights, and the same from the overlaps with the patterns.

    E = -½ N Σ m² + ½ M: the square of each overlap, and what the missing diagonal takes away.
    """
    machine = Hopfield(7, dtype=np.float64)
    patterns, states = 2.0 * rng.integers(0, 2, (3, 7)) - 1, 2.0 * all_states(7) - 1
    machine.store(patterns)
    overlaps = states @ patterns.T / 7
    return machine.energy(states), -3.5 * (overlaps**2).sum(axis=1) + 1.5


def echo_state_network(rng):
    """The states of a reservoir without a leak, beside those of torch's RNN."""
    import torch

    net, u = EchoStateNetwork(5, 8, density=0.5, rng=rng), rng.normal(size=(9, 6, 5))
    twin = torch.nn.RNN(5, 8, dtype=torch.float64)
    with torch.no_grad():
        for theirs, ours in zip(twin.parameters(), (net.weight_ih, net.weight_hh), strict=False):
            theirs[...] = torch.tensor(ours)
        twin.bias_ih_l0[...], twin.bias_hh_l0[...] = torch.tensor(net.bias), 0
        states = twin(torch.tensor(u))[0].numpy()
    return net.run(u), states


def counted(rng):
    """The units and parameters of AlexNet's dense layers, counted by hand."""
    rows = alexnet().rows[-3:]
    together = Count(rows)
    inputs, outputs = np.array([256 * 6 * 6, 4096, 4096]), np.array([4096, 4096, 1000])
    each = [row.parameters for row in rows]
    return [*each, together.parameters, together.connections, together.units], [
        *(inputs + 1) * outputs,
        (inputs + 1) @ outputs,
        (inputs + 1) @ outputs,
        outputs.sum(),
    ]


def dqn(rng):
    """The weights after some learning, beside torch's loss with its target held."""
    import torch

    agent = DQN(mlp((5, 7, 3), Tanh, rng=rng, dtype=np.float64), target_every=3, double=True)
    net, target = to_torch(agent.network, "cpu"), to_torch(agent.target, "cpu")
    adam, rows = torch.optim.Adam(net.parameters(), 0.001), torch.arange(6)
    for update in range(1, 11):
        batch = (
            rng.normal(size=(6, 5)),
            rng.integers(0, 3, 6),
            rng.normal(size=6),
            rng.normal(size=(6, 5)),
            rng.random(6) < 0.3,
        )
        agent.learn(batch)
        seen, actions, rewards, after, ended = map(torch.tensor, batch)
        with torch.no_grad():
            worth = target(after)[rows, net(after).argmax(dim=1)]
        loss = torch.nn.functional.huber_loss(
            net(seen)[rows, actions], rewards + 0.99 * worth * ~ended
        )
        adam.zero_grad()
        loss.backward()
        adam.step()
        if update % 3 == 0:
            target.load_state_dict(net.state_dict())
    x = rng.normal(size=(6, 5))
    with torch.no_grad():
        theirs = [net(torch.tensor(x)), target(torch.tensor(x))]
    return np.hstack([agent.q(x), agent.target(x)]), np.hstack(theirs)


def memory(rng):
    """What is left of seven steps where five have room, and one by one what was put in."""
    kept, steps = ReplayMemory(5, (2,), float), rng.normal(size=(7, 2))
    for number, step in enumerate(steps):
        kept.add(step, number, step[0], step + 1, False)
    seen, actions, rewards, after, _ = kept.last(5)
    ours = np.column_stack([seen, actions, rewards, after])
    theirs = np.column_stack([steps, range(7), steps[:, 0].astype(np.float32), steps + 1])
    return ours, theirs[2:]


def corridor(policy):
    """Chances and rewards of three squares in a row, the last of them the end."""
    P, R = np.zeros((3, 2, 3)), np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    P[0, 0, 0] = P[0, 1, 1] = P[1, 0, 0] = P[1, 1, 2] = 1
    return evaluate_policy(policy, P, R, 0.9)


def table(kind, epsilon):
    """Values where nothing moves any more, beside the solution of Bellman's equation."""

    def learned(rng):
        agent = kind(3, 2, learning_rate=1.0, gamma=0.9)
        for state, action, reward, after in 9 * [(1, 1, 1.0, 2), (0, 1, 0.0, 1)]:
            agent.update(state, action, reward, after, after == 2, next_action=1)
        policy = epsilon_greedy(agent.table, epsilon)
        return agent.table.max(axis=1), corridor(policy)

    return learned


def walk(rng):
    """The scores and steps of a walk through four squares: every step costs 1, the goal too."""

    class Right:
        on_policy = False

        def act(self, state, epsilon, rng):
            return 1

        def update(self, *step):
            return 0.0

    class Corridor:
        def reset(self, seed=None):
            self.place = 0
            return 0, {}

        def step(self, action):
            self.place += 1
            return self.place, -1.0, self.place == 3, False, {}

    paced = Walk(Right(), Corridor(), rng, epsilon=0.0)
    last = [paced.step() for _ in range(9)][-1]
    assert last == Step(2, 1, -1.0, 3, True, False, 0.0, -3.0)
    return [*paced.scores, *paced.lengths], [-3.0, -3.0, -3.0, 3, 3, 3]


def practice(rng):
    """The loop of the paper, line by line, beside what `Practice` does with the same coins."""
    from dlkit.envs.cartpole import CartPole

    def new():
        coins = np.random.default_rng(5)
        return DQN(mlp((4, 8, 2), rng=coins), target_every=4), CartPole(), coins

    agent, env, coins = new()
    settings = {"capacity": 60, "batch_size": 8, "begin": 20, "every": 3, "epsilon": (1, 0.1, 50)}
    ran = Practice(agent, env, coins, **settings).run(200).agent

    agent, env, coins = new()
    kept = ReplayMemory(60, (4,))
    seen, _ = env.reset(seed=int(coins.integers(2**31)))
    for step in range(1, 201):
        epsilon = 0.1 if step > 50 else 1 - 0.9 * (step - 1) / 50
        action = agent.act(seen, epsilon, coins)
        after, reward, terminated, truncated, _ = env.step(action)
        kept.add(seen, action, reward, after, terminated)
        seen = env.reset()[0] if terminated or truncated else after
        if step >= 20 and step % 3 == 0:
            agent.learn(kept.sample(8, coins))
    x = rng.normal(size=(6, 4))
    return ran.q(x), agent.q(x)


def dqn_twin(rng):
    """What both draw from the same memory, and learn from it."""
    agent = DQN(mlp((2, 7, 3), Tanh, rng=rng, dtype=np.float64), target_every=3, double=True)
    kept = ReplayMemory(30, (2,))
    for step in rng.normal(size=(40, 2)):
        kept.add(step, int(rng.integers(3)), step.sum(), rng.normal(size=2), rng.random() < 0.3)
    report = compare_dqn(agent, kept)
    return [row.received for row in report.rows], [row.expected for row in report.rows]


def frames(rng):
    """Stacks put together from frames kept once, beside the stacks that were put in."""
    import torch

    kept = dqn_torch.FrameMemory(30, 1, (4, 2, 2), device="cpu")
    pictures = rng.integers(0, 256, (12, 2, 2)).astype(np.uint8)
    stacks = [pictures[np.maximum(np.arange(t - 3, t + 1), 0)] for t in range(12)]
    for t in range(11):
        step = np.array([0])
        kept.add(stacks[t][None], step, step, stacks[t + 1][None], step > 0)
    drawn = kept.take(torch.arange(10), torch.zeros(10, dtype=torch.long))
    return np.stack([drawn[0], drawn[3]]), np.stack([stacks[:10], stacks[1:11]])


def practice_twin(rng):
    """Three cart-poles at once: the twin's loop, and the original's agent in the same worlds."""
    import torch

    from dlkit.envs.cartpole import CartPoleVector

    network = mlp((4, 8, 2), rng=rng, dtype=np.float64)
    settings = {"begin": 30, "every": 2, "batch_size": 8, "epsilon": (1.0, 0.1, 100)}
    twin = dqn_torch.DQN(to_torch(network, "cpu"), target_every=20)
    coins, draws = np.random.default_rng(1), np.random.default_rng(2)
    dqn_torch.Practice(twin, CartPoleVector(3), coins, capacity=200, source=draws, **settings).run(
        300
    )
    agent, envs, kept = DQN(network, target_every=20), CartPoleVector(3), ReplayMemory(200, (4,))
    coins, draws, due = np.random.default_rng(1), np.random.default_rng(2), 0
    seen, _ = envs.reset(seed=int(coins.integers(2**31)))
    for steps in range(0, 300, 3):
        actions = agent.act_all(seen, max(0.1, 1 - 0.9 * steps / 100), coins)
        after, rewards, ended, late, info = envs.step(actions)
        assert not late.any()
        for step in zip(seen, actions, rewards, info.get("final_obs", after), ended, strict=True):
            kept.add(*step)
        seen = after
        if steps + 3 >= 30:
            for _ in range((due + 3) // 2):
                agent.learn(kept.sample(8, draws))
            due = (due + 3) % 2
    x = rng.normal(size=(6, 4))
    with torch.no_grad():
        return agent.q(x), twin.q(torch.tensor(x)).numpy()


def neocognitron(part):
    """What the cells of a whole net answer, and torch's convolutions put together likewise."""

    def answers(rng):
        import torch

        net = Neocognitron((3, 4, 5), rng=rng, dtype=np.float64)
        for parameter in net.parameters.values():
            parameter[...] = rng.random(parameter.shape)
        x = rng.random((2, 1, 28, 28))
        u, theirs = torch.tensor(x), []
        for s, c in net.modules:
            a, weights, b = torch.tensor(s.a), torch.tensor(s.c)[None, None], torch.tensor(s.b)
            power = (u**2).sum(dim=1, keepdim=True)
            v = torch.conv2d(power, weights, padding=s.padding).sqrt()
            shunt = 1 + 2 * s.r / (1 + s.r) * b[:, None, None] * v
            u = s.r * ((1 + torch.conv2d(u, a, padding=s.padding)) / shunt - 1).relu()
            theirs.append(u)
            d = torch.tensor(c.d).expand(u.shape[1], 1, *c.d.shape)
            e = torch.conv2d(u, d, stride=c.stride, padding=c.padding, groups=u.shape[1])
            u = ((1 + e) / (1 + e.mean(dim=1, keepdim=True)) - 1).relu()
            u = u / (0.5 + u)
            theirs.append(u)
        ours, theirs = net.layers(x)[part], [layer.numpy() for layer in theirs][part]
        joined = [np.concatenate([layer.ravel() for layer in side]) for side in (ours, theirs)]
        return joined[0], joined[1]

    return answers


OUTPUTS = {
    SLayer: neocognitron(slice(0, None, 2)),
    CLayer: neocognitron(slice(1, None, 2)),
    Module: neocognitron(slice(0, 2)),
    Neocognitron: neocognitron(slice(-1, None)),
    Perceptron: perceptron,
    Threshold: threshold,
    RBM: rbm,
    GaussianRBM: gaussian_rbm,
    LabelledRBM: labelled_rbm,
    DBN: dbn,
    dbn_torch.LabelledRBM: labelled_rbm_twin,
    dbn_torch.DBN: dbn_twin,
    rbm_torch.RBM: rbm_twin(RBM),
    rbm_torch.GaussianRBM: rbm_twin(GaussianRBM),
    BoltzmannMachine: boltzmann,
    AISEstimate: ais,
    DQN: dqn,
    Practice: practice,
    dqn_torch.DQN: dqn_twin,
    dqn_torch.FrameMemory: frames,
    dqn_torch.Practice: practice_twin,
    dqn_torch.ReplayMemory: dqn_twin,
    QLearning: table(QLearning, 0.0),
    ReplayMemory: memory,
    Sarsa: table(Sarsa, 0.0),
    Step: walk,
    Walk: walk,
    Row: counted,
    Count: counted,
    Hopfield: hopfield,
    EchoStateNetwork: echo_state_network,
}
"""Class without a gradient → our output and torch's, or what enumeration says."""

TWINS = {
    lenet_torch.ScaledTanh,
    lenet_torch.MapConv2d,
    lenet_torch.Subsample,
    lenet_torch.RadialBasis,
    residual_torch.Residual,
    recurrent_torch.Outputs,
    recurrent_torch.LastStep,
}
"""Twins of our own whose originals are layers above: `compare` runs both."""

COVERED = CONTRACTS | TWINS | LAYERS.keys() | LOSSES.keys() | OPTIMISERS.keys() | OUTPUTS.keys()
