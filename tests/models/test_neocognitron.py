"""The Neocognitron: its cells by their equations, its columns, and what it learns."""

import numpy as np
import pytest

from dlkit.data import mnist, moved
from dlkit.models.neocognitron import CLayer, Neocognitron, SLayer, _falling, _representatives


def s_layer(rng, *, planes=3, in_planes=2, r=2.0, q=8.0, **settings):
    settings = {"column": 2, "padding": 1} | settings
    return SLayer(in_planes, planes, 3, r=r, q=q, rng=rng, dtype=np.float64, **settings)


def test_fixed_weights_fall_off_and_add_up_to_one(rng):
    weights = _falling(5, 0.5)
    assert weights.sum() == pytest.approx(1)
    assert weights[0, 0] == pytest.approx(weights[2, 2] / 2)
    assert weights[2, 2] > weights[2, 1] > weights[2, 0] > weights[1, 0] > weights[0, 0]
    assert (_falling(1, 0.5) == 1).all()
    assert s_layer(rng).c.sum() * 2 == pytest.approx(1)  # over both planes before


def test_s_cells_by_their_equation_cell_by_cell(rng):
    layer, u = s_layer(rng), rng.random((2, 2, 4, 5))
    layer.a[...], layer.b[...] = rng.random(layer.a.shape), rng.random(3)
    answer, padded = layer.forward(u), np.pad(u, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for n, plane, row, column in [(0, 0, 0, 0), (1, 2, 3, 4), (1, 1, 2, 2)]:
        field = padded[n, :, row : row + 3, column : column + 3]
        v = np.sqrt((layer.c * field**2).sum())
        x = (1 + (layer.a[plane] * field).sum()) / (1 + 2 * 2 / 3 * layer.b[plane] * v) - 1
        assert answer[n, plane, row, column] == pytest.approx(2 * max(x, 0))


def test_c_cells_by_their_equation_cell_by_cell(rng):
    layer, u = CLayer(3, stride=2, padding=1, dtype=np.float64), rng.random((2, 4, 6, 6))
    answer, padded = layer.forward(u), np.pad(u, ((0, 0), (0, 0), (1, 1), (1, 1)))
    assert answer.shape == (2, 4, 3, 3)
    field = padded[1, :, 2:5, 4:7]  # of the cell in row 1, column 2
    pooled = (layer.d * field).sum(axis=(1, 2))
    x = np.maximum((1 + pooled) / (1 + pooled.mean()) - 1, 0)
    np.testing.assert_allclose(answer[1, :, 1, 2], x / (0.5 + x))
    assert (answer >= 0).all()
    assert (answer < 1).all()


def test_a_plane_answers_from_a_cosine_of_r_over_r_plus_1_on(rng):
    """What the docstring says the shunting inhibition amounts to, after much learning."""
    layer = s_layer(rng, in_planes=1, planes=1, r=2.0, q=1e6, column=1, padding=0)
    x = rng.random((1, 1, 3, 3))
    layer.reinforce(x)
    others = np.concatenate([x + s * rng.normal(size=x.shape) for s in np.geomspace(0.01, 2, 200)])
    products = (layer.c * x * others).sum(axis=(1, 2, 3))
    norm = np.sqrt((layer.c * others**2).sum(axis=(1, 2, 3)) * (layer.c * x**2).sum())
    cosine = products / norm
    answer = layer.forward(others)[:, 0, 0, 0]
    np.testing.assert_allclose(answer, np.maximum(3 * cosine - 2, 0), atol=1e-4)
    assert (answer > 0).any()
    assert (answer == 0).any()


def test_representatives_are_the_strongest_of_their_column_and_of_their_plane():
    answer = np.zeros((3, 4, 4))
    answer[0, 0, 1] = 5  # wins the column top left …
    answer[0, 3, 3] = 7  # … but the same plane is stronger in the one bottom right
    answer[1, 1, 0] = 4  # second in the column top left
    answer[2, 0, 2] = 1  # wins the column top right, weak as it is
    assert _representatives(answer, 2) == {0: (3, 3), 2: (0, 2)}
    assert _representatives(np.zeros((3, 4, 4)), 2) == {}
    assert _representatives(np.ones((1, 5, 5)), 2).keys() == {0}  # columns cut by the edge


def test_only_winners_learn_and_what_they_saw(rng):
    layer, u = s_layer(rng), rng.random((1, 2, 4, 4))
    a, b = layer.a.copy(), layer.b.copy()
    chosen = layer.reinforce(u)
    assert chosen
    padded = np.pad(u[0], ((0, 0), (1, 1), (1, 1)))
    for plane in range(3):
        if plane in chosen:
            row, column = chosen[plane]
            field = padded[:, row : row + 3, column : column + 3]
            np.testing.assert_allclose(layer.a[plane] - a[plane], 8 * layer.c * field)
            v = np.sqrt((layer.c * field**2).sum())
            assert layer.b[plane] - b[plane] == pytest.approx(8 / 2 * v)
        else:
            np.testing.assert_array_equal(layer.a[plane], a[plane])
    assert layer.wins.sum() == len(chosen)


def test_a_new_feature_gets_a_new_plane(rng):
    """Winner-take-all growth: what a plane knows stays with it, the rest goes to a fresh one."""
    layer = s_layer(rng, in_planes=1, planes=4, column=1, padding=0, r=3.0)
    bars = np.zeros((3, 1, 1, 3, 3))
    bars[0, ..., 1, :], bars[1, ..., 1], bars[2] = 1, 1, np.eye(3)
    winners = [set(layer.reinforce(bars[i % 3])) for i in range(12)]
    assert all(len(winner) == 1 for winner in winners)
    assert winners[:3] * 4 == winners
    assert len(set.union(*winners)) == 3


@pytest.fixture(scope="module", params=range(3))
def five(request):
    """Fukushima's experiment: five patterns, 0 to 4, shown over and over."""
    digits, rng = mnist(), np.random.default_rng(request.param)
    rows = [rng.choice(np.flatnonzero(digits.y_train == k)) for k in range(5)]
    patterns = digits.images()[rows]
    net = Neocognitron((16, 24, 24), r=(2.5, 2.5, 4.0), rng=rng)
    net.learn(patterns, rng, presentations=(60, 60, 60))
    return net, patterns


def test_five_patterns_get_five_cells_of_their_own(five):
    net, patterns = five
    assert len(set(net.winners(patterns)) - {-1}) == 5


def test_the_five_are_known_where_they_were_never_seen(five):
    """Measured over seeds 0 to 2: 0.82 to 0.90 of the moved patterns, by templates 0.36 to 0.60."""
    net, patterns = five
    moves = [(4, 0), (-4, 0), (0, 4), (0, -4), (2, 2), (-3, 1), (1, 0), (0, 2), (-2, -2), (3, 3)]
    away = np.concatenate([moved(patterns, *move) for move in moves])
    known = (net.winners(away) == np.tile(net.winners(patterns), len(moves))).mean()
    nearest = ((away[:, None] - patterns) ** 2).sum(axis=(2, 3)).argmin(axis=1)
    template = (nearest == np.tile(np.arange(5), len(moves))).mean()
    assert known > 0.7
    assert known > template + 0.1


def test_shapes_and_layers(rng):
    net, x = Neocognitron((4, 5, 6), rng=rng), mnist().x_train[:60]
    shapes = [layer.shape[1:] for layer in net.layers(x)]
    assert shapes == [(4, 28, 28), (4, 14, 14), (5, 14, 14), (5, 7, 7), (6, 3, 3), (6, 1, 1)]
    answer = net(x)
    assert answer.shape == (60, 6)
    assert answer.dtype == np.float32
    np.testing.assert_array_equal(answer, net.forward(x.reshape(-1, 28, 28)))
    np.testing.assert_array_equal(answer, net.forward(x.reshape(-1, 1, 28, 28)))
    assert net.parameters.keys() == {f"s{i}.{name}" for i in (1, 2, 3) for name in "ab"}
    assert (net.winners(np.zeros((2, 784))) == -1).all()


def test_the_same_seed_learns_the_same(rng):
    nets = [Neocognitron((4, 5, 6), rng=np.random.default_rng(3)) for _ in range(2)]
    for net in nets:
        net.learn(mnist().x_train[:30], np.random.default_rng(4), presentations=(20, 40, 10))
    for one, other in zip(*(net.state_dict().values() for net in nets), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda net, rng: net(np.zeros((3, 100))), "x must have shape"),
        (lambda net, rng: net(np.full((1, 784), np.nan)), "x must be finite"),
        (lambda net, rng: net(np.zeros((0, 784))), "x must have shape|x is empty"),
        (lambda net, rng: net.learn(np.ones((1, 784)), rng, presentations=(1, 2)), "three numbers"),
        (
            lambda net, rng: net.learn(np.ones((1, 784)), rng, presentations=(1, -2, 1)),
            "presentations must be at least 0",
        ),
        (lambda net, rng: Neocognitron((4, 5), rng=rng), "planes must hold three numbers"),
        (lambda net, rng: Neocognitron((4, 5, 0), rng=rng), "planes must be at least 1"),
        (lambda net, rng: Neocognitron((4, 5, 6), r=(1, 1, 0), rng=rng), "r must be more than 0"),
    ],
)
def test_bad_input_gets_a_sentence(call, sentence, rng):
    with pytest.raises(ValueError, match=sentence):
        call(Neocognitron((4, 5, 6), rng=rng), rng)


def test_a_seed_in_place_of_a_generator_teaches_nothing(rng):
    with pytest.raises(ValueError, match="rng must be a generator"):
        Neocognitron((4, 5, 6), rng=rng).learn(rng.random((3, 784)), 7)


@pytest.mark.parametrize("presentations", [(1, 1, -1), (1, 1.5, 1), (1, 1), 5, None])
def test_a_refused_number_of_presentations_teaches_nothing(presentations, rng):
    net = Neocognitron((4, 5, 6), rng=rng)
    before = net.state_dict()
    with pytest.raises(ValueError, match="presentations must"):
        net.learn(rng.random((3, 784)), rng, presentations=presentations)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_bytes_nan_and_other_shapes_are_refused_or_reckoned_as_numbers(rng):
    net = Neocognitron((4.0, 5.0, 6.0), rng=rng)
    with pytest.raises(ValueError, match="x must lie in 0 … 1, got 0 … 255"):
        net.forward(np.arange(784 * 2).reshape(2, 784) % 256)
    with pytest.raises(ValueError, match="planes must hold three numbers, got 16"):
        Neocognitron(16, rng=rng)
    layer = SLayer(1, 4, 5, r=1.0, q=1.0, column=3, rng=rng)
    seen = rng.integers(0, 256, (1, 1, 9, 9), np.uint8)
    np.testing.assert_allclose(layer.forward(seen), layer.forward(seen.astype(np.float32)))
    for u in (np.ones((9, 9)), np.ones((1, 2, 9, 9)), None, np.ones((0, 1, 9, 9))):
        with pytest.raises(ValueError, match="u must"):
            layer.forward(u)
    with pytest.raises(ValueError, match="u must hold a field of 5 × 5 places"):
        layer.forward(np.ones((1, 1, 3, 3)))
    with pytest.raises(ValueError, match="u must be one picture's"):
        layer.reinforce(np.ones((2, 1, 9, 9)))
    with pytest.raises(ValueError, match="padding must be at least 0"):
        SLayer(1, 4, 5, r=1.0, q=1.0, column=3, padding=-1, rng=rng)
    for settings in ({"size": 0}, {"size": 2.5}, {"stride": 0}, {"padding": -1}):
        with pytest.raises(ValueError, match=f"{next(iter(settings))} must be"):
            CLayer(**({"size": 3} | settings))


def test_bytes_are_taken_as_numbers(rng):
    u = rng.integers(0, 256, (2, 1, 6, 6), dtype=np.uint8)  # squares of bytes would overflow
    s = SLayer(1, 4, 3, r=1.0, q=1.0, column=2, rng=rng)
    s.a[...], s.b[...] = 1.0, 0.1  # without inhibition the squares would not count
    for layer in (s, CLayer(3)):
        np.testing.assert_array_equal(layer.forward(u), layer.forward(u.astype(np.float32)))
