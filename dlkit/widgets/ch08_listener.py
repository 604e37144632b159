"""The LSTMs that chapter 08's explorers look into: one that has read a novel, one that knows Reber.

`listen` is the LSTM's forward with a hand on its gates: each can be held while the net runs.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dlkit import checkpoint
from dlkit.data import embedded_reber
from dlkit.data.files import asset
from dlkit.data.sequences import REBER
from dlkit.data.text import Text, one_hot
from dlkit.models.dense import Linear, Sequential, sigmoid, softmax
from dlkit.models.losses import CrossEntropyLoss
from dlkit.models.optimisers import Adam
from dlkit.models.recurrent import LSTM, EveryStep, clip_gradients

GATES = {"input gate i": "i", "forget gate f": "f", "candidate g": "g", "output gate o": "o"}
REBER_UNITS, REBER_UPDATES = 12, 600
LONGEST_WORD = 20


@dataclass(frozen=True, eq=False)
class Listener:
    """An LSTM that hears symbols one by one and says which comes next.

    alphabet: its symbols and their numbers; order: its units, the one that forgets least first.
    """

    name: str
    alphabet: Text
    lstm: LSTM
    readout: Linear
    order: np.ndarray


@dataclass(frozen=True, eq=False)
class Heard:
    """What an LSTM did with a text: gates by name, cells and states, each (T, units), and p of the
    next symbol after each step, (T, symbols)."""

    gates: dict[str, np.ndarray]
    cells: np.ndarray
    states: np.ndarray
    p: np.ndarray


def listen(
    listener: Listener,
    codes: np.ndarray,
    *,
    held: dict[str, np.ndarray] | None = None,
    units: np.ndarray | slice = slice(None),
    state: tuple[np.ndarray, np.ndarray] | None = None,
) -> Heard:
    """Let the net hear symbols (T,). `held` gives gates a value of their own, (units,), at every
    step: for all units, or for those in `units` alone. It begins in `state` (h, c), or at zeros.
    """
    lstm, size = listener.lstm, listener.lstm.hidden_size
    h, c = (np.zeros(size, np.float32),) * 2 if state is None else state
    z_x = lstm.weight_ih_l0.T[codes] + lstm.bias_ih_l0 + lstm.bias_hh_l0  # one-hot: a row each
    gates = {gate: np.empty((len(codes), size), np.float32) for gate in "ifgo"}
    cells, states = np.empty_like(gates["i"]), np.empty_like(gates["i"])
    for t, z in enumerate(z_x):
        parts = (z + lstm.weight_hh_l0 @ h).reshape(4, size)
        i, f, o = sigmoid(parts[[0, 1, 3]])
        now = {"i": i, "f": f, "g": np.tanh(parts[2]), "o": o}
        for gate, value in (held or {}).items():
            now[gate][units] = value[units]
        c = now["f"] * c + now["i"] * now["g"]
        h = now["o"] * np.tanh(c)
        for gate in "ifgo":
            gates[gate][t] = now[gate]
        cells[t], states[t] = c, h
    return Heard(gates, cells, states, softmax(listener.readout(states)))


@lru_cache(maxsize=1)
def novel_listener() -> Listener:
    """The character model that `tools/reproduce/ch08_rnn.py` has trained on Persuasion."""
    stored = checkpoint.load(asset("models/ch08_writer.safetensors"))
    symbols, units = stored["symbols"], int(stored["units"])
    rng = np.random.default_rng(0)
    lstm, readout = LSTM(len(symbols), units, rng=rng), Linear(units, len(symbols), rng=rng)
    net = Sequential(lstm, EveryStep(), readout)
    net.load_state_dict({name: a.astype(np.float32) for name, a in stored["net"].items()})
    alphabet = Text(symbols, "the net's alphabet")
    return _with_order("characters of a novel", alphabet, lstm, readout, PASSAGE)


PASSAGE = (  # its gates are averaged over this to find the units that forget least
    "Sir Walter Elliot, of Kellynch Hall, in Somersetshire, was a man who,\nfor his own amusement, "
    "never took up any book but the Baronetage; there\nhe found occupation for an idle hour, and "
    "consolation in a distressed\none; there his faculties were roused into admiration and respect"
)


@lru_cache(maxsize=1)
def reber_listener() -> Listener:
    """A small LSTM, trained at once on words of the embedded Reber grammar, in about a second."""
    rng = np.random.default_rng(1)
    lstm = LSTM(len(REBER), REBER_UNITS, rng=rng, forget_bias=1.0)
    readout = Linear(REBER_UNITS, len(REBER), rng=rng)
    net, loss = Sequential(lstm, EveryStep(), readout), CrossEntropyLoss()
    words = embedded_reber(1000, rng=rng, longest=LONGEST_WORD)
    optimiser = Adam(net.parameters, 0.02)
    for _ in range(REBER_UPDATES):
        some = rng.integers(len(words.strings), size=32)
        counts = words.mask[:, some].ravel()
        z = net(words.x[:, some])
        grad = np.zeros_like(z)
        loss(z[counts], words.y[:, some].ravel()[counts])
        grad[counts] = loss.backward()
        net.backward_parameters(grad)
        clip_gradients(net.gradients, 1.0)
        optimiser.step(net.gradients)
    alphabet = Text("".join(sorted(REBER)), "Reber's grammar")
    # The alphabet is sorted; the weights are put into its order, too.
    place = [REBER.index(symbol) for symbol in alphabet.symbols]
    lstm.weight_ih_l0[...] = lstm.weight_ih_l0[:, place]
    readout.weight[...], readout.bias[...] = readout.weight[place], readout.bias[place]
    return _with_order("embedded Reber words", alphabet, lstm, readout, "".join(words.strings[:20]))


def seen(text: str) -> str:
    """A text with its spaces and line ends to be seen."""
    return text.replace(" ", "␣").replace("\n", "↵")


def _with_order(name: str, alphabet: Text, lstm: LSTM, readout: Linear, passage: str) -> Listener:
    lstm(one_hot(alphabet.encode(passage)[:, None], len(alphabet.symbols)))
    order = np.argsort(-lstm.gates["f"].mean(axis=(0, 1)), kind="stable")
    lstm.reset()
    return Listener(name, alphabet, lstm, readout, order)
