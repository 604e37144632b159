"""The nets that read: their published counts, their twins, and that they learn."""

import numpy as np
import pytest
import torch

from dlkit import data
from dlkit.models.convolution import Conv2d
from dlkit.models.dense import Linear, Sequential
from dlkit.models.layer import Layer
from dlkit.models.lenet import (
    C3_SEES,
    MapConv2d,
    RadialBasis,
    ScaledTanh,
    Subsample,
    alexnet,
    count,
    digit_codes,
    lenet,
    lenet5,
    zipcode_net,
    zipcode_pictures,
    zipcode_targets,
)
from dlkit.models.losses import CrossEntropyLoss, MSELoss
from dlkit.models.normalisation import LayerNorm
from dlkit.models.optimisers import SGD
from dlkit.parity import compare, gradient_check, to_numpy, to_torch
from dlkit.train import numpy_step


def test_the_net_of_1989_has_the_published_counts():
    counted = count(zipcode_net(np.random.default_rng(0)), (1, 16, 16))
    assert (counted.units, counted.connections, counted.parameters) == (1256, 64_660, 9_760)
    h1, h2, h3, output = counted.rows[1:]
    assert [row.units for row in (h1, h2, h3, output)] == [768, 192, 30, 10]
    assert [h1.connections, h2.connections] == [768 * 26, 192 * 201]
    assert [h3.connections, output.connections] == [30 * 193, 10 * 31]
    assert h1.parameters == 12 * 25 + 768


def test_the_net_of_1998_has_the_published_counts():
    counted = count(lenet5(np.random.default_rng(0)), (1, 32, 32))
    assert counted.connections == 340_908
    assert counted.parameters == 60_000
    assert [row.parameters for row in counted.rows[1:]] == [156, 12, 1516, 32, 48_120, 10_164, 0]


def test_alexnet_has_about_the_published_counts():
    counted = alexnet()
    assert round(counted.parameters, -6) == 61e6
    inner = [row.units for row in counted.rows[2:]]  # the paper counts the first layer otherwise
    assert inner == [186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000]


def test_alexnet_is_counted_as_torch_counts_it():
    """Shapes without numbers: the net in torch's layers, on a device that holds nothing."""
    with torch.device("meta"):
        layers = (
            *(torch.nn.Conv2d(3, 96, 11, stride=4), torch.nn.MaxPool2d(3, 2)),
            *(torch.nn.Conv2d(96, 256, 5, padding=2, groups=2), torch.nn.MaxPool2d(3, 2)),
            torch.nn.Conv2d(256, 384, 3, padding=1),
            torch.nn.Conv2d(384, 384, 3, padding=1, groups=2),
            *(torch.nn.Conv2d(384, 256, 3, padding=1, groups=2), torch.nn.MaxPool2d(3, 2)),
            *(torch.nn.Flatten(), torch.nn.Linear(9216, 4096)),
            *(torch.nn.Linear(4096, 4096), torch.nn.Linear(4096, 1000)),
        )
        x, expected = torch.empty(1, 3, 227, 227), [((3, 227, 227), 0, 0)]
        for layer in layers:
            x = layer(x)
            if numbers := sum(parameter.numel() for parameter in layer.parameters()):
                shape = tuple(x.shape[1:])
                expected.append((shape, numbers * int(np.prod(shape[1:])), numbers))
    assert [(row.shape, row.connections, row.parameters) for row in alexnet().rows] == expected


def test_the_table_of_1989_leaves_every_map_out_four_times():
    table = zipcode_net(np.random.default_rng(0)).layers[2].table
    assert (table.sum(axis=0) == 8).all()
    assert (table.sum(axis=1) == 8).all()


def test_the_table_of_1998_lets_every_map_see_what_the_paper_says():
    """Neighbours on a ring of six: each three, each four, three times two and two, and all."""
    threes, fours = ([{(s + k) % 6 for k in range(n)} for s in range(6)] for n in (3, 4))
    parted = [{s, s + 1, s + 3, (s + 4) % 6} for s in range(3)]
    seen = [set(row) for row in C3_SEES]
    for part, expected in ((seen[:6], threes), (seen[6:12], fours), (seen[12:15], parted)):
        assert sorted(map(sorted, part)) == sorted(map(sorted, expected))
    assert seen[15] == set(range(6))


def test_the_table_of_1998_lets_every_map_below_be_seen_ten_times():
    assert [sum(below in seen for seen in C3_SEES) for below in range(6)] == [10] * 6
    assert sum(map(len, C3_SEES)) == 60


def test_a_count_is_shown_as_a_table():
    text = str(count(lenet(np.random.default_rng(0)), (1, 28, 28)))
    assert text.splitlines()[-1].split() == ["together", "7,302", "423,038", "61,706"]


def test_a_dense_net_is_counted_too_and_an_unknown_layer_is_refused():
    dense = Sequential(Linear(5, 3, rng=np.random.default_rng(0)))
    assert count(dense, (5,)).connections == 18
    with pytest.raises(ValueError, match="count does not know the connections of LayerNorm"):
        count(Sequential(LayerNorm(5)), (5,))


def example(unit_bias, table=None):
    return MapConv2d(
        2,
        3,
        3,
        size=7,
        stride=2,
        padding=1,
        table=table,
        unit_bias=unit_bias,
        rng=np.random.default_rng(0),
        dtype=float,
    )


def test_without_its_peculiarities_it_is_an_ordinary_convolution():
    x, old = np.random.default_rng(1).normal(size=(4, 2, 7, 7)), example(False)
    new = Conv2d(2, 3, 3, stride=2, padding=1, rng=np.random.default_rng(0), dtype=float)
    new.load_state_dict(old.state_dict())
    z = old(x)
    np.testing.assert_allclose(z, new(x), rtol=1e-12)
    grad = np.random.default_rng(2).normal(size=z.shape)
    np.testing.assert_allclose(old.backward(grad), new.backward(grad), rtol=1e-12)
    for name, gradient in old.gradients.items():
        np.testing.assert_allclose(gradient, new.gradients[name], rtol=1e-12)


def test_what_the_table_leaves_out_is_never_seen_and_never_learned():
    layer = example(True, table=[[1, 0], [0, 1], [1, 1]])
    x = np.random.default_rng(1).normal(size=(4, 2, 7, 7))
    z = layer(x)
    layer.backward(np.ones_like(z))
    assert not layer.gradients["weight"][0, 1].any()
    assert layer.gradients["weight"][2].all()
    SGD(layer.parameters, 1.0).step(layer.gradients)
    assert not layer.weight[0, 1].any()
    x[:, 1] = 100
    before = layer(x)[:, 0]
    x[:, 1] = -100
    np.testing.assert_array_equal(layer(x)[:, 0], before)


def test_units_with_fewer_inputs_start_with_larger_weights():
    layer = MapConv2d(
        4, 2, 5, size=9, table=[[1, 0, 0, 0], [1, 1, 1, 1]], rng=np.random.default_rng(0)
    )
    assert 2.4 / 25 > np.abs(layer.weight[0]).max() > 2.4 / 100
    assert np.abs(layer.weight[1]).max() <= 2.4 / 100


@pytest.mark.parametrize("make", [zipcode_net, lenet5])
def test_weights_start_within_2_4_over_the_inputs_of_a_unit(make):
    for layer in make(np.random.default_rng(0)).layers:
        if isinstance(layer, Conv2d | MapConv2d | Linear):
            rows = layer.weight.reshape(len(layer.weight), -1)
            reach = np.abs(rows).max(axis=1) * (rows != 0).sum(axis=1)
            assert 2.2 < reach.max() <= 2.4 * (1 + 1e-6)


def test_the_net_of_1989_takes_what_lies_beyond_the_border_for_paper():
    for layer in zipcode_net(np.random.default_rng(0)).layers:
        if isinstance(layer, MapConv2d):
            z = layer(np.full((1, layer.weight.shape[1], *layer.size), -1, np.float32))
            np.testing.assert_allclose(z, np.broadcast_to(z[:, :, 3:4, 3:4], z.shape), atol=1e-6)


def test_beyond_the_border_lies_the_background():
    layer = MapConv2d(
        1, 1, 3, size=4, padding=1, background=-1.0, rng=np.random.default_rng(0), dtype=float
    )
    paper = layer(np.full((1, 1, 4, 4), -1.0))
    np.testing.assert_allclose(paper, -layer.weight.sum(), rtol=1e-12)


def test_the_scaled_tanh_leaves_one_where_it_is():
    np.testing.assert_allclose(ScaledTanh()(np.array([-1.0, 0, 1])), [-1, 0, 1], atol=1e-5)


def test_a_subsample_begins_as_a_mean():
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    assert Subsample(1, dtype=float)(x)[0, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    for shape in ((1, 1, 3, 4), (1, 1, 4, 3)):
        with pytest.raises(ValueError, match="even height and width"):
            Subsample(1)(np.ones(shape))


def test_codes_differ_in_many_pixels_and_are_their_own_nearest():
    codes = digit_codes()
    assert set(codes.flat) == {-1, 1}
    apart = (codes[:, None] != codes).sum(axis=2)
    assert apart[~np.eye(10, dtype=bool)].min() >= 6
    np.testing.assert_array_equal(
        RadialBasis(codes, dtype=float)(codes).argmax(axis=1), np.arange(10)
    )


def test_the_codes_light_the_segments_of_a_calculator():
    """In the bytes that display chips go by: bit 0 the top, on clockwise, bit 6 the middle."""
    on = digit_codes().reshape(10, 12, 7) > 0
    rows, columns = [0, 3, 8, 11, 8, 3, 6], [3, 6, 6, 3, 0, 0, 3]
    lit = on[:, rows, columns] @ (1 << np.arange(7))
    assert lit.tolist() == [0x3F, 0x06, 0x5B, 0x4F, 0x66, 0x6D, 0x7D, 0x07, 0x7F, 0x6F]


NETS = {
    "1989": (zipcode_net, (2, 1, 16, 16), MSELoss()),
    "1998": (lenet5, (2, 1, 32, 32), CrossEntropyLoss()),
    "today": (lenet, (2, 1, 28, 28), CrossEntropyLoss()),
}


@pytest.mark.parametrize("year", NETS)
def test_nets_agree_with_their_twins_and_come_back(year):
    make, shape, loss = NETS[year]
    net = make(np.random.default_rng(0), dtype=np.float64)
    x = np.random.default_rng(1).normal(size=shape)
    target = zipcode_targets([3, 7]).astype(float) if year == "1989" else [3, 7]
    compare(net, loss, x, target).require(1e-11)
    back = to_numpy(to_torch(net, "cpu"))
    np.testing.assert_array_equal(back(x), net(x))
    assert str(count(back, shape[1:])) == str(count(net, shape[1:]))


def test_the_net_of_1989_agrees_with_finite_differences():
    net = zipcode_net(np.random.default_rng(0), dtype=np.float64)
    x = np.random.default_rng(1).normal(size=(2, 1, 16, 16))
    gradient_check(net, MSELoss(), x, zipcode_targets([3, 7]), entries=10).require(1e-6)


def test_pictures_become_smaller_by_area():
    """20 pixels become 16: each cut into 4, of which 5 are put together, both ways."""
    x = np.random.default_rng(0).random((3, 28, 28))
    cut = x[:, 4:24, 4:24].repeat(4, axis=1).repeat(4, axis=2)
    expected = cut.reshape(3, 16, 5, 16, 5).mean(axis=(2, 4))
    received = zipcode_pictures(x.reshape(3, 784))[:, 0]
    np.testing.assert_allclose(received, 2 * expected - 1, atol=1e-6)


def test_pictures_become_smaller_and_keep_their_ink():
    x = data.mnist().x_test[:50]
    small = zipcode_pictures(x)
    assert small.shape == (50, 1, 16, 16)
    assert small.dtype == np.float32
    assert -1.001 <= small.min() < small.max() <= 1.001
    ink = (small + 1).sum(axis=(1, 2, 3)) / 2 * (20 / 16) ** 2
    middle = x.reshape(-1, 28, 28)[:, 4:24, 4:24].sum(axis=(1, 2))
    np.testing.assert_allclose(ink, middle, rtol=1e-4)
    with pytest.raises(ValueError, match=r"x must have shape \(N, 784\)"):
        zipcode_pictures(np.ones((2, 10)))


def test_the_net_of_1989_learns_one_example_at_a_time():
    split = data.mnist()
    x, target = zipcode_pictures(split.x_train[:1500]), zipcode_targets(split.y_train[:1500])
    net = zipcode_net(np.random.default_rng(0))
    step = numpy_step(net, MSELoss(), SGD(net.parameters, 0.05))
    for i in range(len(x)):
        step(x[i : i + 1], target[i : i + 1])
    wrong = net(zipcode_pictures(split.x_test)).argmax(axis=1) != split.y_test
    assert wrong.mean() < 0.35


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"table": [[1, 1], [0, 0], [1, 1]]}, "table must let every map see something, row 1"),
        ({"table": [[1, 1]]}, r"table must have shape \(3, 2\)"),
        ({"size": 2}, "size must be at least that of the kernel"),
        ({"kernel_size": 0}, "kernel_size must be at least 1"),
        ({"in_maps": 0}, "in_maps must be at least 1"),
    ],
)
def test_impossible_sizes_are_refused(change, sentence):
    settings = {"in_maps": 2, "out_maps": 3, "kernel_size": 3, "size": 7} | change
    with pytest.raises(ValueError, match=sentence):
        MapConv2d(**settings, rng=np.random.default_rng(0))


def test_pictures_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"x must have shape \(N, 2, 7, 7\), got \(1, 2, 6, 7\)"):
        example(True)(np.ones((1, 2, 6, 7)))


def test_layers_say_what_they_are():
    assert repr(example(True)) == "MapConv2d(2, 3, (3, 3), stride=(2, 2))"
    assert isinstance(RadialBasis(digit_codes()), Layer)


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda rng: zipcode_targets([3, -1]), "labels must lie in 0 … 9, got -1"),
        (lambda rng: zipcode_targets([10]), "labels must lie in 0 … 9, got 10"),
        (lambda rng: zipcode_targets([0.5]), "labels must be whole class numbers"),
        (lambda rng: zipcode_targets([[1, 2]]), r"labels must have shape \(2,\)"),
        (lambda rng: zipcode_targets(3), r"labels must have shape \(1,\)"),
        (lambda rng: zipcode_pictures(np.full((1, 784), 255, np.uint8)), "x must lie in 0 … 1"),
        (lambda rng: zipcode_pictures(np.full((1, 784), np.nan)), "x must be finite"),
        (lambda rng: RadialBasis([[1, np.nan]]), "codes must be finite"),
        (lambda rng: lenet(rng, maps=(6,)), "maps must be a whole number or a pair"),
        (lambda rng: lenet(rng, units=(120, 84, 10)), "units must be a whole number or a pair"),
        (lambda rng: count(lenet(rng), 784), r"shape must be \(C, H, W\) or \(D,\), got 784"),
        (lambda rng: count(lenet(rng), (1, -28, 28)), "shape must be at least 1, got -28"),
        (lambda rng: count("lenet", (1, 28, 28)), "net must be a Sequential, got 'lenet'"),
        (
            lambda rng: MapConv2d(2, 3, 5, size=8, table=[[0, 1], [1, 2], [0, 2]], rng=rng),
            "table must mark the maps",
        ),
        (lambda rng: MapConv2d(2, 3, 5, size=8, background="a", rng=rng), "background must be"),
    ],
)
def test_what_a_learner_may_mistake(act, says, rng):
    with pytest.raises(ValueError, match=says):
        act(rng)


def test_labels_of_any_whole_kind_are_targets():
    expected = zipcode_targets(np.array([3, 0]))
    for labels in ([3, 0], np.array([3.0, 0.0]), np.array([3, 0], np.uint8)):
        np.testing.assert_array_equal(zipcode_targets(labels), expected)
