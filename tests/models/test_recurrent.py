"""What is particular to recurrent layers; finite differences are in test_every_model too."""

import numpy as np
import pytest
import torch

from dlkit.models.dense import Linear, Sequential
from dlkit.models.losses import CrossEntropyLoss, MSELoss
from dlkit.models.optimisers import Adam
from dlkit.models.recurrent import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    EveryStep,
    LastStep,
    clip_gradients,
)
from dlkit.parity import compare, gradient_check, to_numpy, to_torch

KINDS = (RNN, LSTM, GRU)
T, N, D, H = 9, 4, 5, 6


def layer_of(kind, rng, dtype=np.float64):
    return kind(D, H, rng=rng, dtype=dtype)


def state_for(kind, rng):
    h, c = rng.normal(size=(2, N, H))
    return (h, c) if kind is LSTM else h


def tensors(state):
    """Our state as torch wants it, with an axis for the layers, and watched."""
    pair = state if isinstance(state, tuple) else (state,)
    made = tuple(torch.tensor(array)[None].requires_grad_() for array in pair)
    return made if isinstance(state, tuple) else made[0]


def flat(state):
    """Every number of a state, ours or torch's gradient of one."""
    pair = state if isinstance(state, tuple) else (state,)
    return np.concatenate([np.ravel(array) for array in pair])


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_state_and_all_gradients_agree_with_torch(kind, rng):
    layer = layer_of(kind, rng)
    twin, state = to_torch(layer, "cpu"), state_for(kind, rng)
    x, grad = rng.normal(size=(T, N, D)), rng.normal(size=(T, N, H))
    twin_x, twin_state = torch.tensor(x, requires_grad=True), tensors(state)
    theirs, last = twin(twin_x, twin_state)
    (theirs * torch.tensor(grad)).sum().backward()

    ours = layer.forward(x, state)
    grad_x = layer.backward(grad)
    near = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(ours, theirs.detach(), **near)
    np.testing.assert_allclose(grad_x, twin_x.grad, **near)
    for name, gradient in layer.gradients.items():
        np.testing.assert_allclose(gradient, twin.get_parameter(name).grad, **near)
    detached = tuple(s.detach() for s in last) if kind is LSTM else last.detach()
    np.testing.assert_allclose(flat(layer.state), flat(detached), **near)
    grads = tuple(s.grad for s in twin_state) if kind is LSTM else twin_state.grad
    np.testing.assert_allclose(flat(layer.grad_state), flat(grads), **near)


@pytest.mark.parametrize("kind", KINDS)
def test_the_norms_of_the_steps_are_those_of_torch_cells(kind, rng):
    layer = layer_of(kind, rng)
    x, grad = rng.normal(size=(T, N, D)), rng.normal(size=(T, N, H))
    cell = getattr(torch.nn, f"{kind.__name__}Cell")(D, H, dtype=torch.float64)
    for name, array in layer.parameters.items():
        cell.get_parameter(name.removesuffix("_l0")).data = torch.tensor(array)
    state, states, loss = None, [], 0
    for step, weights in zip(torch.tensor(x).unbind(0), torch.tensor(grad).unbind(0), strict=True):
        state = cell(step, state)
        states.append(state if kind is LSTM else (state,))
        for part in states[-1]:
            part.retain_grad()
        loss = loss + (states[-1][0] * weights).sum()
    loss.backward()
    layer.forward(x)
    layer.backward(grad)
    expected = [
        np.sqrt(sum(float((p.grad**2).sum()) for p in s if p.grad is not None)) for s in states
    ]
    np.testing.assert_allclose(layer.step_norms, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_pieces_is_the_whole_forwards_and_truncated_backwards(kind, rng):
    layer = layer_of(kind, rng)
    x, grad = rng.normal(size=(T, N, D)), rng.normal(size=(T, N, H))
    whole = layer.forward(x).copy()
    whole_grad = layer.backward(grad).copy()

    layer.reset()
    layer.carry = True
    first = layer.forward(x[:4]).copy()
    carried = layer.state
    second = layer.forward(x[4:]).copy()
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-12)
    late = layer.backward(grad[4:]).copy()
    np.testing.assert_allclose(late, whole_grad[4:], rtol=1e-12)  # the later piece hears all of it
    layer.reset()
    layer.forward(x[:4])
    early = layer.backward(grad[:4])
    assert not np.allclose(early, whole_grad[:4])  # the earlier one hears nothing of the later

    layer.reset()
    layer.forward(x[:4])
    np.testing.assert_allclose(flat(layer.state), flat(carried), rtol=1e-12)
    layer.carry = False
    np.testing.assert_allclose(layer.forward(x), whole, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_training_agrees_with_torch_that_detaches(kind, rng):
    layer = layer_of(kind, rng)
    layer.carry = True
    twin, state = to_torch(layer, "cpu"), None
    ours, theirs = (
        Adam(layer.parameters, 0.01, epsilon=1e-6),
        torch.optim.Adam(twin.parameters(), 0.01, eps=1e-6),
    )
    x, target = rng.normal(size=(12, N, D)), rng.normal(size=(12, N, H))
    for start in (0, 4, 8):
        piece = slice(start, start + 4)
        loss = MSELoss()
        loss.forward(layer.forward(x[piece]), target[piece])
        layer.backward_parameters(loss.backward())
        norm = clip_gradients(layer.gradients, 0.05)
        ours.step(layer.gradients)

        theirs.zero_grad()
        out, state = twin(torch.tensor(x[piece]), state)
        state = tuple(s.detach() for s in state) if kind is LSTM else state.detach()
        ((out - torch.tensor(target[piece])) ** 2).mean().backward()
        expected = torch.nn.utils.clip_grad_norm_(twin.parameters(), 0.05)
        theirs.step()
        assert norm == pytest.approx(float(expected), rel=1e-12)
    for name, array in layer.parameters.items():
        np.testing.assert_allclose(array, twin.get_parameter(name).detach(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", [LastStep, EveryStep])
def test_a_whole_net_trains_as_its_twin_and_comes_back(kind, reader, rng):
    net = Sequential(layer_of(kind, rng), reader(), Linear(H, 3, rng=rng, dtype=np.float64))
    x = rng.normal(size=(T, N, D))
    target = rng.integers(0, 3, N if reader is LastStep else T * N)
    compare(net, CrossEntropyLoss(), x, target, steps=10).require(1e-12)
    gradient_check(net, CrossEntropyLoss(), x, target, entries=10).require(1e-6)
    back = to_numpy(to_torch(net, "cpu"))
    np.testing.assert_array_equal(back(x), net(x))


@pytest.mark.parametrize("kind", KINDS)
def test_layers_stack_and_go_both_ways(kind, rng):
    both = Bidirectional(layer_of(kind, rng), layer_of(kind, rng))
    net = Sequential(both, kind(2 * H, 4, rng=rng, dtype=np.float64), LastStep())
    x, target = rng.normal(size=(T, N, D)), rng.normal(size=(N, 4))
    compare(net, MSELoss(), x, target, steps=10).require(1e-12)
    back = to_numpy(to_torch(net, "cpu"))
    assert list(back.parameters) == list(net.parameters)
    assert "0.weight_hh_l0_reverse" in back.parameters
    np.testing.assert_array_equal(back(x), net(x))


def test_the_future_is_heard_in_both_directions_only(rng):
    ahead, back = (layer_of(LSTM, rng) for _ in range(2))
    x = rng.normal(size=(T, N, D))
    other = x.copy()
    other[-1] += 1
    alone = ahead(x).copy()
    np.testing.assert_array_equal(ahead(other)[:-1], alone[:-1])
    both = Bidirectional(ahead, back)
    heard = both(x).copy()
    assert (both(other)[0] != heard[0]).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_of_the_parameters_decides(kind, dtype, rng):
    layer = layer_of(kind, rng, dtype)
    out = layer.forward(rng.normal(size=(T, N, D)))
    grad_x = layer.backward(np.ones((T, N, H)))
    arrays = [out, grad_x, *layer.gradients.values(), *layer.parameters.values()]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}
    assert flat(layer.state).dtype == flat(layer.grad_state).dtype == dtype


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_backward_overwrites_and_other_lengths_fit(kind, rng):
    layer = layer_of(kind, rng)
    for steps, batch in ((T, N), (3, 2), (1, 1), (T, N)):
        x = rng.normal(size=(steps, batch, D))
        grad = rng.normal(size=(steps, batch, H))
        first = layer.forward(x)
        kept = first.copy()
        layer.forward(x + 1)
        np.testing.assert_array_equal(first, kept)  # an output is not written over
        layer.forward(x)
        once = [layer.backward(grad), *(g.copy() for g in layer.gradients.values())]
        again = [layer.backward(grad), *layer.gradients.values()]
        for one, other in zip(once, again, strict=True):
            np.testing.assert_array_equal(one, other)


def test_gates_and_cells_can_be_looked_at(rng):
    lstm, gru = layer_of(LSTM, rng), layer_of(GRU, rng)
    x = rng.normal(size=(T, N, D))
    h, gates, c = lstm.forward(x), lstm.gates, lstm.cells
    assert list(gates) == ["i", "f", "g", "o"]
    before = np.concatenate([np.zeros((1, N, H)), c[:-1]])
    np.testing.assert_allclose(c, gates["f"] * before + gates["i"] * gates["g"], rtol=1e-12)
    np.testing.assert_allclose(h, gates["o"] * np.tanh(c), rtol=1e-12)
    h, gates = gru.forward(x), gru.gates
    assert list(gates) == ["r", "z", "n"]
    before = np.concatenate([np.zeros((1, N, H)), h[:-1]])
    np.testing.assert_allclose(h, (1 - gates["z"]) * gates["n"] + gates["z"] * before)


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_is_no_part_of_the_output(kind, rng):
    layer = layer_of(kind, rng)
    h = layer(rng.normal(size=(T, N, D)))
    last = h[-1].copy()
    h[...] = 0
    state = layer.state[0] if kind is LSTM else layer.state
    np.testing.assert_array_equal(state, last)


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_nothing_to_look_at_before_it_was_made(kind, rng):
    layer = layer_of(kind, rng)
    for name in {RNN: ()}.get(kind, ("gates",)) + ({LSTM: ("cells",)}.get(kind, ())):
        with pytest.raises(ValueError, match=r"nothing to look at yet: call forward\(x\) first"):
            getattr(layer, name)
    layer(np.ones((T, N, D)))
    for name in ("step_norms", "step_gradients"):
        with pytest.raises(ValueError, match=r"nothing to look at yet: call backward\(grad_out"):
            getattr(layer, name)


def test_a_forget_bias_opens_the_forget_gate(rng):
    plain, open_ = (LSTM(D, H, rng=np.random.default_rng(0), forget_bias=b) for b in (0, 2))
    np.testing.assert_allclose(open_.bias_ih_l0 - plain.bias_ih_l0, [0] * 6 + [2] * 6 + [0] * 12)


@pytest.mark.parametrize("large", [1e4, -1e4])
def test_large_numbers_saturate_and_stay_finite(large):
    for kind in KINDS:
        layer = layer_of(kind, np.random.default_rng(0), np.float32)
        with np.errstate(all="raise", under="ignore"):
            assert np.isfinite(layer.forward(np.full((T, N, D), large))).all()
            assert np.isfinite(layer.backward(np.ones((T, N, H)))).all()


@pytest.mark.parametrize("kind", KINDS)
def test_bad_input_gets_a_sentence(kind, rng):
    layer = layer_of(kind, rng)
    x = np.zeros((T, N, D))
    for wrong in (x[0], x[..., 1:], x[:0], x[:, :0]):
        with pytest.raises(ValueError, match=r"^x "):
            layer(wrong)
    small = np.zeros((N, H - 1))
    with pytest.raises(ValueError, match=r"^state must have shape \(4, 6\), got \(4, 5\)"):
        layer.forward(x, (small, small) if kind is LSTM else small)
    layer(x)
    with pytest.raises(ValueError, match=r"^grad_output must have shape \(9, 4, 6\)"):
        layer.backward(np.zeros((T, N, D)))
    layer.carry = True
    with pytest.raises(ValueError, match=r"^state must have shape \(2, 6\), got \(4, 6\)"):
        layer(x[:, :2])
    for sizes in ((0, 3), (3, -1), (2.5, 3)):
        with pytest.raises(ValueError, match=r"^(input|hidden)_size must be"):
            kind(*sizes, rng=rng)


def test_the_state_of_an_lstm_is_a_pair(rng):
    layer = layer_of(LSTM, rng)
    with pytest.raises(ValueError, match=r"^state must be a pair \(h, c\), got ndarray"):
        layer.forward(np.zeros((T, N, D)), np.zeros((N, H)))
    with pytest.raises(ValueError, match=r"^state\[1\] must have shape"):
        layer.forward(np.zeros((T, N, D)), (np.zeros((N, H)), np.zeros((N, 1))))


def test_two_directions_are_two_layers_of_one_kind(rng):
    one = layer_of(LSTM, rng)
    for back, text in (
        (layer_of(GRU, rng), "one kind and size"),
        (LSTM(D, H + 1, rng=rng), "one kind and size"),
        (one, "the same one twice"),
        (Linear(D, H, rng=rng), "must be an RNN, LSTM or GRU"),
    ):
        with pytest.raises(ValueError, match=text):
            Bidirectional(one, back)


def test_clipping_keeps_the_direction_and_leaves_short_ones(rng):
    gradients = {"a": rng.normal(size=(3, 4)), "b": rng.normal(size=5)}
    before = {name: array.copy() for name, array in gradients.items()}
    length = np.sqrt(sum((array**2).sum() for array in before.values()))
    assert clip_gradients(gradients, 100) == pytest.approx(length)
    np.testing.assert_array_equal(gradients["a"], before["a"])
    assert clip_gradients(gradients, 0.5) == pytest.approx(length)
    for name, array in gradients.items():
        np.testing.assert_allclose(array, before[name] * 0.5 / length, rtol=1e-5)
    for wrong in (0, -1, np.nan):
        with pytest.raises(ValueError, match="max_norm"):
            clip_gradients(gradients, wrong)


def test_torch_layers_that_differ_are_refused():
    for odd in (
        torch.nn.LSTM(3, 4, num_layers=2),
        torch.nn.LSTM(3, 4, batch_first=True),
        torch.nn.LSTM(3, 4, proj_size=2),
        torch.nn.GRU(3, 4, bias=False),
        torch.nn.RNN(3, 4, nonlinearity="relu"),
        torch.nn.Flatten(0),
    ):
        with pytest.raises(ValueError, match="no NumPy original"):
            to_numpy(odd)


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_a_refused_state_leaves_the_last_pass_as_it_was(kind, rng):
    layer = kind(2, 3.0, rng=rng)
    x, grad = rng.normal(size=(4, 5, 2)), rng.normal(size=(4, 5, 3))
    layer.forward(x)
    expected = layer.backward(grad).copy()
    good, bad = np.zeros((5, 3)), np.zeros((9, 9))
    with pytest.raises(ValueError, match="state"):
        layer.forward(np.ones((6, 5, 2)), (good, bad) if kind is LSTM else bad)
    np.testing.assert_array_equal(layer.backward(grad), expected)


def test_gradients_of_other_shapes_are_refused(rng):
    x = rng.normal(size=(4, 5, 2))
    for layer, good, bad in (
        (LastStep(), (5, 2), [(1, 2), (4, 5, 2)]),
        (EveryStep(), (20, 2), [(2, 20), (4, 5, 2)]),
        (Bidirectional(RNN(2, 3, rng=rng), RNN(2, 3, rng=rng)), (4, 5, 6), [(4, 5, 3), (5, 6)]),
    ):
        layer(x)
        assert layer.backward(np.ones(good)).shape == x.shape
        for shape in bad:
            with pytest.raises(ValueError, match="grad_output must have shape"):
                layer.backward(np.ones(shape))
    for wrong in (np.ones(3), [np.ones(3)], RNN(2, 3, rng=rng)):
        with pytest.raises(ValueError, match="gradients must be arrays by name"):
            clip_gradients(wrong, 1.0)
