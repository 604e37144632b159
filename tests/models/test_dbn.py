"""The deep belief net: its sweeps, its labels against enumeration, and what it unrolls into."""

import inspect

import numpy as np
import pytest
import torch

from dlkit.models.dbn import DBN, LabelledRBM, draw_one
from dlkit.models.dense import sigmoid
from dlkit.models.losses import BCEWithLogitsLoss
from dlkit.models.optimisers import SGD
from dlkit.models.partition import all_states, annealed_importance_sampling, log_partition
from dlkit.models.rbm import cd_step
from dlkit.parity import gradient_check, to_numpy, to_torch
from dlkit.train import fit


def random_net(sizes, rng, labels=0):
    """A net whose biases are not zero, so that a forgotten one shows."""
    dbn = DBN(sizes, rng=rng, labels=labels, std=0.7, dtype=np.float64)
    for parameter in dbn.parameters.values():
        parameter += rng.normal(size=parameter.shape) / 2
    return dbn


def joint_labelled(rbm):
    """p(features, label) of a small labelled RBM: {features: (labels,)}, by adding up every h."""
    features, hidden = rbm.weight.shape[1] - rbm.labels, rbm.weight.shape[0]
    table = np.empty((2**features, rbm.labels))
    for i, state in enumerate(all_states(features)):
        for label, unit in enumerate(np.eye(rbm.labels)):
            v = np.concatenate([state, unit])
            table[i, label] = sum(
                np.exp(h @ rbm.weight @ v + rbm.visible_bias @ v + rbm.hidden_bias @ h)
                for h in all_states(hidden)
            )
    return table / table.sum()


def test_up_is_one_sigmoid_layer_after_the_other(rng):
    dbn = random_net((5, 4, 3), rng)
    v = rng.random((6, 5))
    first = sigmoid(v @ dbn.rbms[0].weight.T + dbn.rbms[0].hidden_bias)
    second = sigmoid(first @ dbn.rbms[1].weight.T + dbn.rbms[1].hidden_bias)
    assert np.allclose(dbn.up(v), second)
    assert np.allclose(dbn.up(v, 1), first)
    assert np.array_equal(dbn.up(v, 0), v)
    assert np.allclose(dbn.inputs(v, 1), first)


def test_down_is_the_way_back(rng):
    dbn = random_net((5, 4, 3), rng)
    h = rng.random((6, 3))
    first = sigmoid(h @ dbn.rbms[1].weight + dbn.rbms[1].visible_bias)
    pixels = sigmoid(first @ dbn.rbms[0].weight + dbn.rbms[0].visible_bias)
    assert np.allclose(dbn.down(h), pixels)
    assert np.allclose(dbn.down(first, 1), pixels)


def test_down_leaves_the_labels_out(rng):
    dbn = random_net((5, 4, 3), rng, labels=3)
    assert dbn.down(rng.random((6, 3))).shape == (6, 5)


def test_label_probabilities_are_exact(rng):
    rbm = random_net((3, 2, 4), rng, labels=3).rbms[-1]
    joint = joint_labelled(rbm)
    expected = joint / joint.sum(axis=1, keepdims=True)
    assert np.allclose(rbm.label_probabilities(all_states(2)), expected)


def test_labelled_rbm_draws_from_its_own_distribution(rng):
    rbm = random_net((2, 2, 3), rng, labels=2).rbms[-1]
    rbm.weight *= 0.5  # mixes quickly
    v = np.hstack([rng.integers(0, 2, (4000, 2)), np.eye(2)[rng.integers(0, 2, 4000)]])
    v = rbm.gibbs(v.astype(float), rng, 60)
    assert np.array_equal(v[:, 2:].sum(axis=1), np.ones(4000))  # one label at a time
    state = (v[:, :2] @ [2, 1]).astype(int)
    counted = np.zeros((4, 2))
    np.add.at(counted, (state, v[:, 2:].argmax(1)), 1 / 4000)
    assert np.abs(counted - joint_labelled(rbm)).max() < 0.04


def test_hidden_free_energy_adds_up_to_the_same_z(rng):
    rbm = random_net((2, 2, 3), rng, labels=2).rbms[-1]
    features = np.repeat(all_states(2), 2, axis=0)
    v = np.hstack([features, np.tile(np.eye(2), (4, 1))])
    from_v, from_h = rbm.free_energy(v), rbm.hidden_free_energy(all_states(3))
    assert np.isclose(np.exp(-from_v).sum(), np.exp(-from_h).sum())


@pytest.mark.parametrize("seed", range(2))
def test_the_twin_draws_one_label_from_the_same_distribution_with_torch_s_numbers(seed, rng):
    rbm = random_net((2, 2, 3), rng, labels=2).rbms[-1]
    rbm.weight *= 0.5  # mixes quickly
    twin, generator = to_torch(rbm, "cpu"), torch.Generator().manual_seed(seed)
    v = twin.gibbs(torch.eye(4, dtype=torch.float64).repeat(1000, 1), generator, 60).numpy()
    assert np.array_equal(v[:, 2:].sum(axis=1), np.ones(4000))  # one label at a time
    counted = np.zeros((4, 2))
    np.add.at(counted, ((v[:, :2] @ [2, 1]).astype(int), v[:, 2:].argmax(1)), 1 / 4000)
    assert np.abs(counted - joint_labelled(rbm)).max() < 0.04


def test_two_labels_have_no_free_energy(rng):
    """So that nobody sums over states that the machine can never be in."""
    rbm = random_net((2, 2, 3), rng, labels=2).rbms[-1]
    with pytest.raises(ValueError, match="one label on in each row, got 2"):
        rbm.free_energy([[0, 1, 1, 1]])


def test_draw_one_follows_its_probabilities(rng):
    p = np.array([0.1, 0.0, 0.6, 0.3])
    drawn = draw_one(np.tile(p, (20_000, 1)), rng)
    assert np.array_equal(drawn.sum(axis=1), np.ones(20_000))
    assert np.abs(drawn.mean(axis=0) - p).max() < 0.02
    assert drawn[:, 1].sum() == 0


def test_draw_one_takes_weights_that_do_not_add_up_to_one():
    """As probabilities do not, to rounding; a draw beyond the last edge would be none."""
    from dlkit.models import dbn_torch

    p = np.tile([0.1, 0.0, 0.15, 0.25], (20_000, 1))
    drawn = draw_one(p, np.random.default_rng(1))
    assert np.abs(drawn.mean(axis=0) - 2 * p[0]).max() < 0.02
    twin = dbn_torch.draw_one(torch.tensor(p), np.random.default_rng(1))
    np.testing.assert_array_equal(twin, drawn)


def test_labels_reach_the_uppermost_rbm_only(rng):
    dbn = random_net((5, 4, 3), rng, labels=3)
    assert [rbm.weight.shape for rbm in dbn.rbms] == [(4, 5), (3, 7)]
    v, label = rng.random((6, 5)), np.array([0, 1, 2, 0, 1, 2])
    assert np.array_equal(dbn.inputs(v, 0), v)
    assert np.array_equal(dbn.inputs(v, 1, label)[:, 4:], np.eye(3)[label])
    assert np.array_equal(dbn.inputs(v, 1)[:, 4:], np.zeros((6, 3)))
    assert not np.allclose(dbn.up(v, label=label), dbn.up(v))


def test_generate_follows_the_joint_distribution(rng):
    """p(v) = Σ p(v | h1) p(h1, h2), added up, beside how often pixels are on in samples."""
    dbn = random_net((3, 2, 2), rng)
    top, bottom = dbn.rbms[1], dbn.rbms[0]
    h1 = all_states(2)
    weight = np.exp(-top.free_energy(h1))
    exact = (weight / weight.sum()) @ bottom.visible_probabilities(h1)
    assert np.abs(dbn.generate(6000, rng, steps=50).mean(axis=0) - exact).max() < 0.03


@pytest.mark.parametrize("twin", [False, True])
def test_layers_on_the_way_down_are_sampled(twin, rng):
    """Pixels are probabilities, given states of 0 and 1 in the layer above: 2³ of them."""
    dbn = random_net((4, 3, 3, 2), rng)
    made = (to_torch(dbn, "cpu") if twin else dbn).generate(300, rng, steps=2)
    seen = np.unique(np.round(np.asarray(made), 10), axis=0)
    possible = np.round(dbn.rbms[0].visible_probabilities(all_states(3)), 10)
    assert {tuple(row) for row in seen} <= {tuple(row) for row in possible}
    assert len(seen) > 1


@pytest.mark.parametrize(
    ("sizes", "labels", "settings"),
    [
        ((4, 3, 2), 0, {"steps": 0}),
        ((4, 3, 2), 0, {"steps": 3}),
        ((4, 3), 0, {"steps": 3}),  # one RBM: its own states, no probabilities
        ((4, 3, 2), 0, {"steps": 1, "start": np.eye(3).repeat(20, axis=0)}),
        ((4, 3, 2), 3, {"steps": 2}),  # the label is free
        ((4, 3, 2), 3, {"steps": 2, "label": 1}),
        ((4, 3, 2), 3, {"steps": 2, "label": np.arange(60) % 3}),
        ((4, 3, 2), 3, {"steps": 0, "label": 2, "start": np.eye(3).repeat(20, axis=0)}),
    ],
)
def test_the_twin_dreams_what_the_original_dreams(sizes, labels, settings, rng):
    net = random_net(sizes, rng, labels=labels)
    expected = net.generate(60, np.random.default_rng(3), **settings)
    given = {
        name: torch.tensor(value) if isinstance(value, np.ndarray) else value
        for name, value in settings.items()
    }
    received = to_torch(net, "cpu").generate(60, np.random.default_rng(3), **given)
    np.testing.assert_allclose(received, expected, rtol=1e-10)
    assert not received.requires_grad


@pytest.mark.parametrize("method", ["__init__", "up", "down", "generate", "top_chain", "inputs"])
def test_the_twin_has_the_original_s_settings(method):
    from dlkit.models import dbn_torch

    ours, theirs = (
        inspect.signature(getattr(kind, method)).parameters for kind in (DBN, dbn_torch.DBN)
    )
    same = (ours.keys() & theirs.keys()) - {"dtype", "rng"}  # torch has its own of these
    assert len(same) > 1
    for name in same:
        assert ours[name].default == theirs[name].default, name


def test_a_twin_starts_as_it_is_told():
    """Each of its RBMs: the width, the kind of number, the generator; the biases at zero."""
    from dlkit.models import dbn_torch

    def made(seed):
        generator = torch.Generator().manual_seed(seed)
        settings = {"std": 0.5, "dtype": torch.float64, "generator": generator}
        return dbn_torch.DBN((60, 50, 40), labels=10, device="cpu", **settings)

    one, same, other = made(1), made(1), made(2)
    for rbm, again, another in zip(one.rbms, same.rbms, other.rbms, strict=True):
        assert rbm.weight.dtype == torch.float64
        assert rbm.weight.std().item() == pytest.approx(0.5, rel=0.1)
        assert torch.equal(rbm.weight, again.weight)
        assert not torch.equal(rbm.weight, another.weight)
        assert not rbm.visible_bias.any()
        assert not rbm.hidden_bias.any()


def test_what_asks_for_independent_bits_refuses_label_units_and_z_is_exact(rng):
    rbm = random_net((2, 2, 6), rng, labels=2).rbms[-1]
    with pytest.raises(ValueError, match="rbm must have binary visible units"):
        annealed_importance_sampling(rbm, rng)
    v = np.hstack([np.repeat(all_states(2), 2, axis=0), np.tile(np.eye(2), (4, 1))])
    assert log_partition(rbm) == pytest.approx(np.log(np.exp(-rbm.free_energy(v)).sum()))


def test_generate_holds_the_label(rng):
    """Given a label, the features follow p(features | label)."""
    dbn = random_net((3, 2, 3), rng, labels=2)
    joint = joint_labelled(dbn.rbms[-1])
    for label in range(2):
        given = joint[:, label] / joint[:, label].sum()
        exact = given @ dbn.rbms[0].visible_probabilities(all_states(2))
        pictures = dbn.generate(6000, rng, steps=50, label=label)
        assert np.abs(pictures.mean(axis=0) - exact).max() < 0.03


def test_one_layer_generates_its_own_states(rng):
    pictures = random_net((3, 2), rng).generate(10, rng, steps=5)
    assert pictures.shape == (10, 3)
    assert np.isin(pictures, (0, 1)).all()


def test_classifier_starts_with_the_features_of_the_net(rng):
    dbn = random_net((5, 4, 3), rng, labels=3)
    net = dbn.unroll(10, rng)
    v = rng.random((6, 5))
    assert np.allclose(np.linalg.multi_dot([dbn.up(v), net[-1].weight.T]) + net[-1].bias, net(v))
    net[0].weight += 1  # a copy: the deep belief net does not notice
    assert not np.allclose(net[0].weight, dbn.rbms[0].weight)


def test_what_the_twin_unrolls_is_its_own(rng):
    """Copies, and on top a start as torch's, from the generator: U(-1/√H, 1/√H) for H units."""
    twin = to_torch(random_net((5, 4, 300), rng), "cpu")
    before = {name: parameter.clone() for name, parameter in twin.named_parameters()}
    nets = [twin.unroll(10, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    for net in (nets[0], twin.autoencoder()):
        with torch.no_grad():
            for parameter in net.parameters():
                parameter += 1
    for name, parameter in twin.named_parameters():
        assert torch.equal(parameter, before[name])
    _, one, other = (net[-1] for net in nets)
    assert torch.equal(nets[0][-1].weight, one.weight + 1)
    assert not torch.equal(one.weight, other.weight)
    for parameter in one.parameters():
        assert parameter.abs().max() <= 300**-0.5
    assert one.weight.min() < -0.95 * 300**-0.5
    assert one.weight.max() > 0.95 * 300**-0.5


def test_what_the_twin_says_is_numbers_and_what_it_unrolls_can_learn(rng):
    """No gradient goes through the layers below while an RBM learns."""
    twin, v = to_torch(random_net((5, 4, 3), rng, labels=3), "cpu"), torch.ones(2, 5).double()
    for said in (twin.inputs(v, 0), twin.inputs(v, 1), twin.label_probabilities(v)):
        assert not said.requires_grad
    for net in (twin.unroll(3), twin.autoencoder()):
        assert all(p.requires_grad and p.dtype == v.dtype for p in net.parameters())


def test_autoencoder_goes_up_and_down(rng):
    dbn = random_net((5, 4, 3), rng)
    net = dbn.autoencoder()
    v = rng.random((6, 5))
    assert np.allclose(sigmoid(net(v)), dbn.down(dbn.up(v)))
    gradient_check(net, BCEWithLogitsLoss(), v, v).require(1e-7)


def test_learns_layer_by_layer(rng):
    patterns = np.repeat(np.eye(6), 20, axis=0)
    dbn = DBN((6, 8, 4), rng=rng, dtype=np.float64)
    before = ((dbn.down(dbn.up(patterns)) - patterns) ** 2).mean()
    for layer, rbm in enumerate(dbn.rbms):
        step = cd_step(rbm, SGD(rbm.parameters, 0.2, momentum=0.5), rng)
        fit(step, (dbn.inputs(patterns, layer),), epochs=60, batch_size=10, rng=rng, progress=False)
    after = ((dbn.down(dbn.up(patterns)) - patterns) ** 2).mean()
    assert after < 0.6 * before


def test_names_and_state(rng):
    dbn = random_net((5, 4, 3), rng)
    names = {f"rbms.{k}.{n}" for k in (0, 1) for n in ("weight", "visible_bias", "hidden_bias")}
    assert dbn.parameters.keys() == dbn.gradients.keys() == names
    other = DBN((5, 4, 3), rng=rng, dtype=np.float64)
    other.load_state_dict(dbn.state_dict())
    v = rng.random((6, 5))
    assert np.array_equal(other.up(v), dbn.up(v))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_stays(rng, dtype):
    dbn = DBN((5, 4, 3), rng=rng, labels=2, dtype=dtype)
    assert dbn.up(np.ones((2, 5))).dtype == dtype
    assert dbn.generate(2, rng, steps=2, label=1).dtype == dtype
    assert dbn.label_probabilities(np.ones((2, 5))).dtype == dtype
    assert dbn.unroll(2, rng)(np.ones((2, 5))).dtype == dtype


def test_same_seed_same_pictures():
    def pictures():
        rng = np.random.default_rng(3)
        return DBN((5, 4, 3), rng=rng, std=1, labels=2).generate(4, rng, steps=5)

    assert np.array_equal(pictures(), pictures())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda dbn, rng: DBN((5,), rng=rng), "sizes must name two layers"),
        (lambda dbn, rng: DBN((5, 0), rng=rng), "sizes must be at least 1"),
        (lambda dbn, rng: DBN((5, 4.5), rng=rng), "sizes must be a whole number, got 4.5"),
        (lambda dbn, rng: DBN(784, rng=rng), "sizes must name two layers at least, got 784"),
        (lambda dbn, rng: DBN((5, 4), rng=rng, labels=-1), "labels must be at least 0"),
        (lambda dbn, rng: LabelledRBM(4, 1, 3, rng=rng), "labels must be at least 2"),
        (lambda dbn, rng: dbn.up(np.ones((2, 4))), r"v must have shape \(N, 5\)"),
        (lambda dbn, rng: dbn.up(np.ones((2, 5)), 3), "layers must be between 0 and 2"),
        (lambda dbn, rng: dbn.inputs(np.ones((2, 5)), 2), "layer must be between 0 and 1"),
        (lambda dbn, rng: dbn.down(np.ones((2, 5))), r"h must have shape \(N, 3\)"),
        (lambda dbn, rng: dbn.generate(0, rng), "n must be at least 1"),
        (lambda dbn, rng: dbn.generate(2, rng, steps=-1), "steps must be at least 0"),
        (lambda dbn, rng: dbn.generate(2, rng, label=1), "needs a net with label units"),
        (lambda dbn, rng: dbn.generate(2, rng, start=np.ones((2, 3))), "start must have shape"),
        (lambda dbn, rng: dbn.up(np.ones((2, 5)), label=1), "needs a net with label units"),
        (lambda dbn, rng: dbn.label_probabilities(np.ones((2, 5))), "has no label units"),
    ],
)
def test_bad_input_gets_a_sentence(rng, call, message):
    with pytest.raises(ValueError, match=message):
        call(DBN((5, 4, 3), rng=rng), rng)


@pytest.mark.parametrize("label", [[0, 3], [0], [-1, 0], [0.5, 1]])
def test_labels_out_of_range(rng, label):
    dbn = DBN((5, 4, 3), rng=rng, labels=3)
    with pytest.raises(ValueError, match="label"):
        dbn.up(np.ones((2, 5)), label=label)


@pytest.mark.parametrize("labels", [0, 3])
def test_there_and_back_between_numpy_and_torch(rng, labels):
    dbn = random_net((5, 4, 3), rng, labels=labels)
    back = to_numpy(to_torch(dbn, "cpu"))
    assert isinstance(back, DBN)
    assert (back.sizes, back.labels) == (dbn.sizes, dbn.labels)
    v = rng.random((6, 5))
    assert np.array_equal(back.up(v), dbn.up(v))


def test_twin_learns_and_dreams_on_its_own(rng):
    """With torch's own random numbers, layer by layer, in fit."""
    from dlkit.models import dbn_torch, rbm_torch

    generator = torch.Generator().manual_seed(0)
    patterns = torch.eye(6).repeat_interleave(20, dim=0)
    label = torch.arange(6).repeat_interleave(20)
    dbn = dbn_torch.DBN((6, 8, 8), labels=6, device="cpu", generator=generator)
    for layer, rbm in enumerate(dbn.rbms):
        optimiser = torch.optim.SGD(rbm.parameters(), 0.3, momentum=0.5)
        step = rbm_torch.cd_step(rbm, optimiser, generator)
        seen = dbn.inputs(patterns, layer, label)
        fit(step, (seen,), epochs=200, batch_size=10, rng=rng, progress=False)
    right = (dbn.label_probabilities(patterns).argmax(dim=1) == label).float().mean()
    assert right > 0.6  # chance: one in six
    pictures = dbn.generate(30, generator, steps=5, label=2)
    assert pictures.shape == (30, 6)
    assert dbn.unroll(6, generator)(patterns).shape == (120, 6)


def test_labels_that_are_neither_one_nor_all_are_not_repeated(rng):
    dbn = DBN((5, 4, 3), rng=rng, labels=3)
    for labels in ([0, 1], [], [0, 1, 2, 0]):
        with pytest.raises(ValueError, match=r"label must have shape \(3,\)"):
            dbn.generate(3, rng, steps=1, label=labels)
    assert dbn.generate(3, rng, steps=1, label=[0, 1, 2]).shape == (3, 5)
    with pytest.raises(ValueError, match="rng must be a generator"):
        dbn.generate(3, 7, steps=0, start=np.zeros((3, 4)))


V, NINE = torch.ones(2, 5), torch.tensor([9, 9])


def plain(twin):
    """A twin without label units."""
    return twin.DBN((5, 4, 3), device="cpu")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda twin: twin.DBN(784), "sizes must name two layers at least, got 784"),
        (lambda twin: twin.DBN((5,)), r"sizes must name two layers at least, got \(5,\)"),
        (lambda twin: twin.DBN((5, 0)), "sizes must be at least 1, got 0"),
        (lambda twin: twin.DBN((5, 4), labels=-1), "labels must be at least 0, got -1"),
        (lambda twin: twin.LabelledRBM(4, 1, 3), "labels must be at least 2, got 1"),
        (lambda twin: plain(twin).inputs(V, 2), "layer must be between 0 and 1, got 2"),
        (lambda twin: plain(twin).up(V, 3), "layers must be between 0 and 2, got 3"),
        (lambda twin: plain(twin).up(V, label=NINE), "label needs a net with label units"),
        (lambda twin: plain(twin).down(V, -1), "layer must be between 0 and 2, got -1"),
        (lambda twin: plain(twin).generate(0), "n must be at least 1, got 0"),
        (lambda twin: plain(twin).generate(2, steps=0.5), "steps must be a whole number, got 0.5"),
        (lambda twin: plain(twin).generate(2, label=9), "label needs a net with label units"),
        (lambda twin: plain(twin).label_probabilities(V), "this net has no label units: make it"),
    ],
)
def test_bad_input_gets_a_sentence_from_the_twin(call, message):
    from dlkit.models import dbn_torch

    with pytest.raises(ValueError, match=message):
        call(dbn_torch)
