"""Twins compared number by number, and gradients checked by finite differences.

`to_torch` turns a NumPy model into its torch twin with the same weights, `to_numpy` brings it
back, `compare` trains both side by side (`compare_cd` an RBM, `compare_dqn` an agent),
`gradient_check` trusts only the forward pass. torch is imported when a twin is asked for.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import singledispatch
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from dlkit.check import check_array, check_generator, check_number
from dlkit.models import (
    convolution,
    dbn,
    dense,
    dqn,
    lenet,
    losses,
    normalisation,
    optimisers,
    perceptron,
    rbm,
    recurrent,
    residual,
)
from dlkit.models.dropout import Dropout
from dlkit.models.initialisers import zeros
from dlkit.models.layer import Layer, Model

if TYPE_CHECKING:
    import torch

# --- Twins -------------------------------------------------------------------------------------


def default_device(dtype: DTypeLike = np.float32) -> str:
    """The device a twin runs on when none is named: CUDA, then MPS, then the CPU.

    MPS has no float64, so float64 goes to the CPU there.
    """
    from dlkit.models import device_torch

    return device_torch.default_device(np.dtype(dtype))


def to_torch(model: Any, device: str | None = None) -> "torch.nn.Module":
    """Return the torch twin of a layer, a perceptron or a loss, with the same weights and dtype.

    `device=None` picks CUDA, then MPS, then the CPU. The weights are copied, not shared. Raises
    `ValueError` for a model that has no twin.
    """
    twin = _twin(model)
    parameters = getattr(model, "parameters", {})
    with _no_grad():
        for name, ours in parameters.items():
            theirs = twin.get_parameter(name)
            theirs.data = _tensor(ours).clone()
        for name, ours in getattr(model, "buffers", {}).items():
            twin.get_buffer(name).copy_(_tensor(ours))
        twin.train(getattr(model, "training", True))
    if device is None:
        dtypes = [array.dtype for array in parameters.values()]
        device = default_device(np.result_type(*dtypes) if dtypes else np.float32)
    return twin.to(device)


def to_numpy(module: Any) -> Any:
    """Return the NumPy original of a torch module made of layers that dlkit has.

    Raises `ValueError` for a module that has no original here.
    """
    if isinstance(module, Model):
        raise ValueError(f"module must be one of torch, got {module!r}, which is an original")
    name = type(module).__name__
    if name in ("Sequential", "Outputs"):
        layers = map(to_numpy, module.children())
        return dense.Sequential(*layers).train(module.training)
    if name in ("Sigmoid", "Tanh", "ReLU", "Identity"):
        return getattr(dense, name)()
    if name == "Linear" and module.bias is not None:
        sizes, settings = (module.in_features, module.out_features), _settings(module.weight)
        return _loaded(dense.Linear(*sizes, weight_init=zeros, **settings), module)
    if name == "Conv2d" and module.bias is not None:
        return _convolution(module)
    if name in ("MaxPool2d", "AvgPool2d"):
        return _pooling(module)
    if name in ("ScaledTanh", "MapConv2d", "Subsample", "RadialBasis"):
        return _of_lenet(module)
    if name == "Flatten" and (module.start_dim, module.end_dim) == (1, -1):
        return convolution.Flatten()
    if name in ("BatchNorm1d", "LayerNorm"):
        return _normalisation(module)
    if name == "Dropout":
        return Dropout(module.p, rng=np.random.default_rng()).train(module.training)
    if name == "Residual":
        return residual.Residual(to_numpy(module.body)).train(module.training)
    if name in ("RBM", "GaussianRBM"):
        hidden, visible = module.weight.shape
        kind, settings = getattr(rbm, name), _settings(module.weight)
        return _loaded(kind(visible, hidden, **settings), module)
    if name == "LabelledRBM":
        hidden, visible = module.weight.shape
        sizes = (visible - module.labels, module.labels, hidden)
        return _loaded(dbn.LabelledRBM(*sizes, **_settings(module.weight)), module)
    if name == "DBN":
        settings = _settings(module.rbms[0].weight)
        return _loaded(dbn.DBN(module.sizes, labels=module.labels, **settings), module)
    if name in ("RNN", "LSTM", "GRU") and _is_plain(module):
        return _recurrent_original(module)
    if name == "LastStep":
        return recurrent.LastStep()
    if name == "Flatten" and (module.start_dim, module.end_dim) == (0, 1):
        return recurrent.EveryStep()
    raise ValueError(f"module has no NumPy original in dlkit: {module}")


def _settings(weight: "torch.Tensor") -> dict[str, Any]:
    """What an original is made with, before it gets its weights: the dtype, and any chance."""
    return {"rng": np.random.default_rng(0), "dtype": _array(weight).dtype}


def _loaded(original: Any, module: Any) -> Any:
    """The original with the weights of the module, learning or in use as that is."""
    state = module.state_dict()
    original.load_state_dict({name: _array(state[name]) for name in original.state_dict()})
    return original.train(module.training)


def _is_plain(module: Any) -> bool:
    """Whether a recurrent module is one of ours: one layer, sequence first, tanh."""
    plain = module.num_layers == 1 and module.bias and not module.batch_first
    return plain and not module.proj_size and getattr(module, "nonlinearity", "tanh") == "tanh"


def _recurrent_original(module: Any) -> Layer:
    kind, settings = getattr(recurrent, type(module).__name__), _settings(module.weight_ih_l0)
    sizes = module.input_size, module.hidden_size
    layer = kind(*sizes, **settings)
    if module.bidirectional:
        layer = recurrent.Bidirectional(layer, kind(*sizes, **settings))
    return _loaded(layer, module)


def _convolution(module: Any) -> convolution.Conv2d:
    """The original of a `torch.nn.Conv2d`, if it has no setting that ours does not know."""
    plain = module.groups == 1 and module.dilation == (1, 1) and module.padding_mode == "zeros"
    if not plain or isinstance(module.padding, str):
        raise ValueError(f"module has a setting that dlkit's Conv2d does not know: {module}")
    layer = convolution.Conv2d(
        module.in_channels,
        module.out_channels,
        module.kernel_size,
        stride=module.stride,
        padding=module.padding,
        weight_init=zeros,
        **_settings(module.weight),
    )
    return _loaded(layer, module)


def _pooling(module: Any) -> Layer:
    """The original of a `torch.nn.MaxPool2d` or `AvgPool2d` with no setting but the two of ours."""
    kind, settings = type(module), (module.kernel_size, module.stride)
    for name, value in vars(kind(*settings)).items():
        if name[0] != "_" and name != "training" and getattr(module, name) != value:
            raise ValueError(f"module has a setting that dlkit does not know, {name}: {module}")
    return getattr(convolution, kind.__name__)(*settings)


def _normalisation(module: Any) -> Layer:
    """The original of a `torch.nn.BatchNorm1d` or `LayerNorm` that has what ours have."""
    name, state, settings = type(module).__name__, module.state_dict(), {"eps": module.eps}
    needed = {"weight", "bias"}
    if name == "BatchNorm1d":
        settings["momentum"] = module.momentum
        needed |= {"running_mean", "running_var"}
    if not needed <= state.keys() or state["weight"].ndim != 1 or None in settings.values():
        raise ValueError(f"module has a setting that dlkit's {name} does not know: {module}")
    weight = _array(module.weight)
    layer = getattr(normalisation, name)(len(weight), dtype=weight.dtype, **settings)
    return _loaded(layer, module)


def _of_lenet(module: Any) -> Layer:
    """The originals of the modules in lenet_torch."""
    name = type(module).__name__
    if name == "ScaledTanh":
        return lenet.ScaledTanh()
    if name == "RadialBasis":
        codes = _array(module.codes)
        return lenet.RadialBasis(codes, dtype=codes.dtype)
    if name == "Subsample":
        dtype = _array(module.weight).dtype
        return _loaded(lenet.Subsample(len(module.bias), dtype=dtype), module)
    table = _array(module.table)
    layer = lenet.MapConv2d(
        table.shape[1],
        table.shape[0],
        module.kernel_size,
        size=module.size,
        stride=module.stride,
        padding=module.padding,
        table=table,
        unit_bias=module.bias.ndim == 3,
        background=module.background,
        **_settings(module.weight),
    )
    return _loaded(layer, module)


@singledispatch
def _twin(model: Any) -> "torch.nn.Module":
    """The torch module of the same shape; its weights are copied later."""
    raise ValueError(f"model has no torch twin: {model!r}")


@_twin.register
def _(model: dense.Linear):
    from torch import nn

    return nn.Linear(model.weight.shape[1], model.weight.shape[0])


@_twin.register
def _(model: convolution.Conv2d):
    from torch import nn

    out_channels, in_channels = model.weight.shape[:2]
    kernel, stride, padding = model.kernel_size, model.stride, model.padding
    return nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=padding)


@_twin.register(convolution.MaxPool2d)
@_twin.register(convolution.AvgPool2d)
def _(model):
    from torch import nn

    return getattr(nn, type(model).__name__)(model.kernel_size, model.stride)


@_twin.register
def _(model: convolution.Flatten):
    from torch import nn

    return nn.Flatten()


@_twin.register
def _(model: lenet.ScaledTanh):
    from dlkit.models import lenet_torch

    return lenet_torch.ScaledTanh()


@_twin.register
def _(model: lenet.MapConv2d):
    from dlkit.models import lenet_torch

    return lenet_torch.MapConv2d(
        _tensor(model.table.astype(model.weight.dtype)),
        model.kernel_size,
        model.bias.shape,
        size=model.size,
        stride=model.stride,
        padding=model.padding,
        background=model.background,
    )


@_twin.register
def _(model: lenet.Subsample):
    from dlkit.models import lenet_torch

    return lenet_torch.Subsample(len(model.bias))


@_twin.register
def _(model: lenet.RadialBasis):
    from dlkit.models import lenet_torch

    return lenet_torch.RadialBasis(_tensor(model.codes).clone())


@_twin.register
def _(model: perceptron.Perceptron):
    from torch import nn

    twin = nn.Linear(model.weight.shape[1], 1)
    twin.weight.data, twin.bias.data = _tensor(model.weight).clone(), _tensor(model.bias).clone()
    return twin


@_twin.register
def _(model: dense.Sequential):
    from torch import nn

    layers = [_twin(layer) for layer in model.layers]
    if any(isinstance(layer, nn.RNNBase) for layer in layers):
        from dlkit.models.recurrent_torch import Outputs

        return Outputs(*layers)
    return nn.Sequential(*layers)


@_twin.register
def _(model: normalisation.BatchNorm1d):
    from torch import nn

    settings = {"eps": model.eps, "momentum": model.momentum, "dtype": _tensor(model.weight).dtype}
    return nn.BatchNorm1d(len(model.weight), **settings)


@_twin.register
def _(model: normalisation.LayerNorm):
    from torch import nn

    return nn.LayerNorm(len(model.weight), eps=model.eps)


@_twin.register
def _(model: Dropout):
    from torch import nn

    return nn.Dropout(model.p)


@_twin.register
def _(model: residual.Residual):
    from dlkit.models import residual_torch

    return residual_torch.Residual(_twin(model.body))


@_twin.register(recurrent.RNN)
@_twin.register(recurrent.LSTM)
@_twin.register(recurrent.GRU)
def _(model):
    from torch import nn

    kind, dtype = getattr(nn, type(model).__name__), _tensor(model.bias_ih_l0).dtype
    return kind(model.input_size, model.hidden_size, dtype=dtype)


@_twin.register
def _(model: recurrent.Bidirectional):
    from torch import nn

    kind, dtype = getattr(nn, type(model.ahead).__name__), _tensor(model.ahead.bias_ih_l0).dtype
    sizes = model.ahead.input_size, model.ahead.hidden_size
    return kind(*sizes, bidirectional=True, dtype=dtype)


@_twin.register
def _(model: recurrent.LastStep):
    from dlkit.models import recurrent_torch

    return recurrent_torch.LastStep()


@_twin.register
def _(model: recurrent.EveryStep):
    from torch import nn

    return nn.Flatten(0, 1)


@_twin.register(rbm.RBM)
@_twin.register(rbm.GaussianRBM)
def _(model):
    from dlkit.models import rbm_torch

    return getattr(rbm_torch, type(model).__name__)(*model.weight.shape[::-1], device="cpu")


@_twin.register
def _(model: dbn.LabelledRBM):
    from dlkit.models import dbn_torch

    hidden, visible = model.weight.shape
    return dbn_torch.LabelledRBM(visible - model.labels, model.labels, hidden, device="cpu")


@_twin.register
def _(model: dbn.DBN):
    from dlkit.models import dbn_torch

    return dbn_torch.DBN(model.sizes, labels=model.labels, device="cpu")


@_twin.register(dense.Sigmoid)
@_twin.register(dense.Tanh)
@_twin.register(dense.ReLU)
@_twin.register(dense.Identity)
@_twin.register(losses.CrossEntropyLoss)
@_twin.register(losses.MSELoss)
@_twin.register(losses.BCEWithLogitsLoss)
def _(model):
    from torch import nn

    return getattr(nn, type(model).__name__)()


@singledispatch
def optimiser_twin(
    optimiser: optimisers.Optimiser, module: "torch.nn.Module"
) -> "torch.optim.Optimizer":
    """Return torch's optimiser of the same kind and settings, for the parameters of `module`."""
    raise ValueError(f"optimiser has no torch twin: {optimiser!r}")


@optimiser_twin.register
def _(optimiser: optimisers.SGD, module):
    from torch.optim import SGD

    return SGD(
        module.parameters(),
        lr=optimiser.learning_rate,
        momentum=optimiser.momentum,
        weight_decay=optimiser.weight_decay,
    )


@optimiser_twin.register
def _(optimiser: optimisers.RMSprop, module):
    from torch.optim import RMSprop

    return RMSprop(
        module.parameters(),
        lr=optimiser.learning_rate,
        alpha=optimiser.decay,
        eps=optimiser.epsilon,
        weight_decay=optimiser.weight_decay,
    )


@optimiser_twin.register
def _(optimiser: optimisers.Adam, module):
    from torch.optim import Adam

    return Adam(
        module.parameters(),
        lr=optimiser.learning_rate,
        betas=optimiser.betas,
        eps=optimiser.epsilon,
        weight_decay=optimiser.weight_decay,
    )


# --- Reports -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """One tensor, received and expected, at the entry where the two differ most."""

    name: str
    shape: tuple[int, ...]
    absolute: float  # the largest |received - expected|
    relative: float  # the same as a fraction of the tensor's largest |expected|
    index: tuple[int, ...]
    received: float
    expected: float

    def __str__(self) -> str:
        place = f"{self.name}[{', '.join(map(str, self.index))}]" if self.index else self.name
        short = f"{self.received:.6g}" != f"{self.expected:.6g}"
        digits = 6 if short else 17  # as many as it takes to tell the two apart
        return (
            f"{place}: received {self.received:.{digits}g}, expected {self.expected:.{digits}g} "
            f"(relative difference {self.relative:.1e})"
        )


def difference(name: str, received: Any, expected: Any) -> Difference:
    """Compare two arrays of one shape; a NaN on one side alone counts as infinitely far."""
    received, expected = np.asarray(received, float), np.asarray(expected, float)
    if received.shape != expected.shape:
        raise ValueError(f"{name}: shapes differ, {received.shape} and {expected.shape}")
    gap = np.where(np.isnan(received) & np.isnan(expected), 0, np.abs(received - expected))
    gap = np.where(np.isnan(gap), np.inf, gap)
    index = tuple(int(i) for i in np.unravel_index(gap.argmax(), gap.shape)) if gap.size else ()
    largest = float(gap[index]) if gap.size else 0.0
    scale = float(np.abs(expected).max(initial=0))
    relative = largest / scale if scale > 0 else largest
    at = (float(received[index]), float(expected[index])) if gap.size else (0.0, 0.0)
    return Difference(name, received.shape, largest, relative, index, *at)


@dataclass(frozen=True)
class Report:
    """What was compared, a row per tensor; shown as a table in a notebook."""

    title: str
    rows: tuple[Difference, ...]

    @property
    def worst(self) -> Difference:
        """The tensor with the largest relative difference."""
        return max(self.rows, key=lambda row: row.relative)

    @property
    def largest(self) -> float:
        """The largest relative difference of all tensors."""
        return self.worst.relative

    def require(self, tolerance: float) -> "Report":
        """Return the report, or raise an `AssertionError` that names the worst entry."""
        if not self.largest <= tolerance:
            raise AssertionError(f"{self.title}: {self.worst}, more than {tolerance:g}")
        return self

    def __str__(self) -> str:
        width = max(len(row.name) for row in self.rows)
        lines = [f"{self.title}: largest relative difference {self.largest:.1e}"]
        lines += [f"  {'':{width}}  {'shape':>14}  absolute  relative"]
        lines += [
            f"  {row.name:{width}}  {row.shape!s:>14}  {row.absolute:8.1e}  {row.relative:8.1e}"
            for row in self.rows
        ]
        return "\n".join([*lines, f"  worst: {self.worst}"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'>{escape(row.name)}</td><td>{row.shape}</td>"
            f"<td>{row.absolute:.1e}</td><td>{row.relative:.1e}</td></tr>"
            for row in self.rows
        )
        return (
            f"<table><caption style='text-align:left'><b>{escape(self.title)}</b></caption>"
            "<tr><th style='text-align:left'>tensor</th><th>shape</th>"
            f"<th>largest |Δ|</th><th>relative</th></tr>{rows}</table>"
            f"<p>Worst entry: {escape(str(self.worst))}.</p>"
        )


# --- Comparisons -------------------------------------------------------------------------------


def compare(
    model: Layer,
    loss: losses.Loss,
    x: np.ndarray,
    target: np.ndarray,
    *,
    optimiser: Callable[[dict], optimisers.Optimiser] | None = None,
    steps: int = 5,
    device: str = "cpu",
) -> Report:
    """Run a model and its torch twin side by side, on copies, and report every difference.

    Compared are the output, the loss, the gradient of the input and of each parameter, and each
    parameter and buffer after `steps` steps of the optimiser: `optimiser(parameters)` makes ours
    (default SGD with learning rate 0.1 and momentum 0.9), torch's is made alike. Where units are
    dropped, torch throws the coins, and our model takes the masks over.
    """
    check_number("steps", steps, low=0, whole=True)
    model, twin = copy.deepcopy(model), to_torch(model, device)
    parameters = model.parameters
    dtype = next(iter(parameters.values())).dtype if parameters else np.asarray(x).dtype
    x = np.array(x, dtype=dtype)
    loss.forward(copy.deepcopy(model).forward(x), target)  # says in a sentence what does not fit
    twin_loss = to_torch(loss, device)
    twin_x = _tensor(x).to(device).requires_grad_()
    twin_target = _tensor(target).to(device)
    if twin_target.is_floating_point():
        twin_target = twin_target.to(twin_x.dtype)

    _share_masks(model, twin)
    twin_output = _output(twin(twin_x))  # first, because it draws the masks of dropout
    twin_value = twin_loss(twin_output, twin_target)
    twin_value.backward()
    output = model.forward(x)
    value = loss.forward(output, target)
    grad_x = model.backward(loss.backward())

    rows = [
        difference("output", output, _array(twin_output)),
        difference("loss", value, _array(twin_value)),
        difference("gradient of x", grad_x, _array(twin_x.grad)),
    ]
    for name, gradient in model.gradients.items():
        theirs = _array(twin.get_parameter(name).grad)
        rows.append(difference(f"gradient of {name}", gradient, theirs))

    if parameters and steps:
        make = optimiser or (lambda p: optimisers.SGD(p, 0.1, momentum=0.9))
        ours = make(parameters)
        theirs = optimiser_twin(ours, twin)
        for _ in range(steps):
            theirs.zero_grad()
            twin_loss(_output(twin(twin_x)), twin_target).backward()
            theirs.step()
            loss.forward(model.forward(x), target)
            model.backward(loss.backward())
            ours.step(model.gradients)
        for name, parameter in parameters.items():
            label = f"{name} after {steps} steps"
            rows.append(difference(label, parameter, _array(twin.get_parameter(name))))
        for name, buffer in model.buffers.items():
            label = f"{name} after {steps} steps"
            rows.append(difference(label, buffer, _array(twin.get_buffer(name))))
    return Report(f"NumPy and torch, {np.dtype(dtype).name}", tuple(rows))


def compare_cd(
    model: rbm.RBM,
    v: np.ndarray,
    *,
    seed: int = 0,
    optimiser: Callable[[dict], optimisers.Optimiser] | None = None,
    steps: int = 5,
    device: str = "cpu",
    **settings: Any,
) -> Report:
    """Train an RBM and its torch twin by contrastive divergence on v (N, visible), on copies.

    Both draw the same random numbers, from NumPy's generator with this `seed`, so that what they
    sample agrees bit for bit and the gradients to rounding. `settings` are those of
    `contrastive_divergence`: `k=10`, `sampled=False`; `chain=array` starts persistent chains.
    Compare in float64: in float32 a probability that rounds differently may flip a unit.
    """
    check_number("steps", steps, low=0, whole=True)
    model = copy.deepcopy(model)
    twin: Any = to_torch(model, device)
    v = np.array(v, dtype=model.weight.dtype)
    twin_v, rng, twin_rng = _tensor(v).to(device), *map(np.random.default_rng, (seed, seed))
    twin_settings = dict(settings)
    if settings.get("chain") is not None:
        settings["chain"] = np.array(settings["chain"], dtype=v.dtype)
        twin_settings["chain"] = _tensor(settings["chain"]).clone().to(device)

    error = model.contrastive_divergence(v, rng, **settings)
    twin_error = twin.contrastive_divergence(twin_v, twin_rng, **twin_settings)
    rows = [
        difference(name, getattr(model, name)(v), _array(getattr(twin, name)(twin_v)))
        for name in ("hidden_probabilities", "reconstruct", "free_energy")
    ]
    rows += [difference("reconstruction error", error, _array(twin_error))]
    for name, gradient in model.gradients.items():
        theirs = _array(twin.get_parameter(name).grad)
        rows.append(difference(f"gradient of {name}", gradient, theirs))

    ours = (optimiser or (lambda p: optimisers.SGD(p, 0.1, momentum=0.9)))(model.parameters)
    theirs = optimiser_twin(ours, twin)
    for _ in range(steps):
        model.contrastive_divergence(v, rng, **settings)
        twin.contrastive_divergence(twin_v, twin_rng, **twin_settings)
        ours.step(model.gradients)
        theirs.step()
    for name, parameter in model.parameters.items() if steps else ():
        label = f"{name} after {steps} steps"
        rows.append(difference(label, parameter, _array(twin.get_parameter(name))))
    if settings.get("chain") is not None:
        rows.append(difference("chain", settings["chain"], _array(twin_settings["chain"])))
    return Report(f"{type(model).__name__} and its torch twin, {v.dtype}", tuple(rows))


def compare_dqn(
    agent: dqn.DQN,
    memory: dqn.ReplayMemory,
    *,
    batch_size: int = 32,
    seed: int = 0,
    optimiser: Callable[[dict], optimisers.Optimiser] | None = None,
    steps: int = 20,
    device: str = "cpu",
) -> Report:
    """Let a deep Q-network and its torch twin learn from the same steps, on copies.

    Both draw the same places of a full memory with NumPy's generator of this `seed`. Compares what
    they draw, their targets, losses and gradients at the first step, and their nets and target
    nets after `steps` steps. `optimiser` makes one from the parameters, Adam at 0.001 by default.
    """
    from dlkit.models import dqn_torch

    check_number("steps", steps, low=1, whole=True)
    agent = copy.deepcopy(agent)
    agent.optimiser = (optimiser or (lambda p: optimisers.Adam(p, 0.001)))(agent.network.parameters)
    network = to_torch(agent.network, device)
    settings = {"gamma": agent.gamma, "target_every": agent.target_every, "double": agent.double}
    twin = dqn_torch.DQN(
        network,
        huber=agent.huber if np.isfinite(agent.huber) else None,
        optimiser=optimiser_twin(agent.optimiser, network),
        **settings,
    )
    twin.target.load_state_dict(to_torch(agent.target, device).state_dict())
    twin.updates = agent.updates

    steps_kept = memory.take(np.arange(len(memory)))
    twin_memory = dqn_torch.ReplayMemory(
        len(memory), memory.observations.shape[1:], _tensor(steps_kept[0]).dtype, device=device
    )
    twin_memory.add(*steps_kept)
    rngs = np.random.default_rng(seed), np.random.default_rng(seed)
    rows = []
    for step in range(steps):
        batch, twin_batch = (
            memory.sample(batch_size, rngs[0]),
            twin_memory.sample(batch_size, rngs[1]),
        )
        if step == 0:
            names = ("observations", "actions", "rewards", "next observations", "terminated")
            drawn = zip(names, batch, map(_array, twin_batch), strict=True)
            rows += [difference(f"drawn {name}", ours, theirs) for name, ours, theirs in drawn]
            y = _array(twin.targets(*twin_batch[2:]))
            rows.append(difference("targets y", agent.targets(*batch[2:]), y))
        losses_of_both = agent.learn(batch), _array(twin.learn(twin_batch))
        if step == 0:
            rows.append(difference("loss", *losses_of_both))
            for name, gradient in agent.network.gradients.items():
                theirs = _array(network.get_parameter(name).grad)
                rows.append(difference(f"gradient of {name}", gradient, theirs))
    for label, ours, theirs in (
        ("", agent.network, network),
        ("target's ", agent.target, twin.target),
    ):
        for name, parameter in ours.parameters.items():
            label_of = f"{label}{name} after {steps} steps"
            rows.append(difference(label_of, parameter, _array(theirs.get_parameter(name))))
    kind = next(iter(agent.network.parameters.values())).dtype
    return Report(f"DQN and its torch twin, {kind}", tuple(rows))


def gradient_check(
    model: Layer,
    loss: losses.Loss,
    x: np.ndarray,
    target: np.ndarray,
    *,
    h: float = 1e-5,
    entries: int | None = None,
    rng: np.random.Generator | None = None,
) -> Report:
    """Compare `backward` with central differences (L(θ + h) - L(θ - h)) / 2h, in float64.

    Every entry of every parameter and of x is moved; with `entries`, that many of each, drawn by
    `rng`. Two forward passes an entry: for small models and batches. The model is left as it was:
    what is moved is a copy. Units that are dropped stay the same for the whole check: a mask is
    held once it is drawn. Raises `ValueError` when a parameter is not float64, where round-off
    would drown the answer.
    """
    check_number("h", h, low=0, strict=True)
    if entries is not None:
        check_number("entries", entries, low=1, whole=True)
    rng = np.random.default_rng(0) if rng is None else check_generator("rng", rng)
    model = copy.deepcopy(model)
    for name, parameter in model.parameters.items():
        if parameter.dtype != np.float64:
            raise ValueError(f"{name} must be float64 for a check, got {parameter.dtype}")
    x = check_array("x", x, finite=True).astype(np.float64)

    loss.forward(model.forward(x), target)
    for _, layer in _dropouts(model):
        layer.hold = True
    grad_x = model.backward(loss.backward())
    received = {"x": grad_x} | {n: g.copy() for n, g in model.gradients.items()}

    rows = []
    for name, array in ({"x": x} | model.parameters).items():
        flat = array.flat  # writes into any array; a reshaped one may be a copy
        chosen = np.arange(array.size)
        if entries is not None and entries < array.size:
            chosen = np.sort(rng.choice(array.size, int(entries), replace=False))
        expected = np.empty(len(chosen))
        for k, entry in enumerate(chosen):
            old = flat[entry]
            flat[entry] = old + h
            above = loss.forward(model.forward(x), target)
            flat[entry] = old - h
            below = loss.forward(model.forward(x), target)
            flat[entry] = old
            expected[k] = (above - below) / (2 * h)
        row = difference(name, received[name].reshape(-1)[chosen], expected)
        index = np.unravel_index(chosen[row.index[0]], array.shape)
        rows.append(
            Difference(
                f"gradient of {name}",
                array.shape,
                row.absolute,
                row.relative,
                tuple(int(i) for i in index),
                row.received,
                row.expected,
            )
        )
    return Report("backward and central differences, float64", tuple(rows))


# --- Dropout: the same coins on both sides -----------------------------------------------------


def _dropouts(model: Model, name: str = "") -> Iterator[tuple[str, Dropout]]:
    """Every dropout layer in the model, by the name that it has in the twin too."""
    if isinstance(model, Dropout):
        yield name, model
    for child, inner in getattr(model, "children", {}).items():
        yield from _dropouts(inner, f"{name}.{child}" if name else child)


def _share_masks(model: Model, twin: "torch.nn.Module") -> None:
    """From now on the model drops the units that its twin has dropped just before."""
    import torch

    for name, layer in _dropouts(model):

        def take(module, inputs, layer=layer):
            (x,) = inputs
            with torch.random.fork_rng([x.device] if x.is_cuda else []):  # drawn again by module
                mask = torch.nn.functional.dropout(torch.ones_like(x), module.p, module.training)
            layer.mask = _array(mask)

        layer.hold = True
        twin.get_submodule(name).register_forward_pre_hook(take)


# --- Between the two worlds --------------------------------------------------------------------


def _tensor(array: Any) -> "torch.Tensor":
    import torch

    return torch.from_numpy(np.ascontiguousarray(array))


def _array(tensor: Any) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def _output(result: Any) -> "torch.Tensor":
    """What a module gives, without the state that a recurrent one gives beside it."""
    return result[0] if isinstance(result, tuple) else result


def _no_grad():
    import torch

    return torch.no_grad()
