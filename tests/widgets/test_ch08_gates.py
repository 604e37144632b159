"""The gate microscope of chapter 08, driven without a browser."""

import ipywidgets
import numpy as np
import pytest

from dlkit.data import embedded_reber
from dlkit.data.text import one_hot
from dlkit.models.dense import softmax
from dlkit.widgets.ch08_gates import LONGEST, NETS, SHOWN, GateMicroscope, _bits
from dlkit.widgets.ch08_listener import GATES, PASSAGE, listen, novel_listener, reber_listener
from dlkit.widgets.explorer import Key, Pointer

REBER = "Reber words"


@pytest.fixture
def gates():
    return GateMicroscope()


def words(explorer):
    explorer._prepare()
    assert not explorer.message
    return explorer.description


@pytest.mark.parametrize("make", [novel_listener, reber_listener])
def test_listening_is_the_layers_own_forward(make):
    listener = make()
    codes = np.arange(30) % len(listener.alphabet.symbols)
    heard = listen(listener, codes)
    h = listener.lstm(one_hot(codes[:, None], len(listener.alphabet.symbols)))
    np.testing.assert_allclose(heard.states, h[:, 0], atol=1e-5)
    np.testing.assert_allclose(heard.cells, listener.lstm.cells[:, 0], atol=1e-5)
    for name, gate in listener.lstm.gates.items():
        np.testing.assert_allclose(heard.gates[name], gate[:, 0], atol=1e-5)
    np.testing.assert_allclose(heard.p, softmax(listener.readout(h[:, 0])), atol=1e-5)
    # In two pieces, the second from where the first has ended: the same.
    first = listen(listener, codes[:11])
    second = listen(listener, codes[11:], state=(first.states[-1], first.cells[-1]))
    np.testing.assert_allclose(second.p, heard.p[11:], atol=1e-5)


def test_a_gate_is_held_in_all_units_or_in_some():
    listener = reber_listener()
    codes = listener.alphabet.encode("BTBTXSETE")
    value = np.full(12, 0.25, np.float32)
    heard = listen(listener, codes, held={"o": value})
    assert (heard.gates["o"] == 0.25).all()
    some = listen(listener, codes, held={"o": value}, units=np.array([3]))
    assert (some.gates["o"][:, 3] == 0.25).all()
    assert (some.gates["o"][:, 4] != 0.25).any()
    # With f = 1 and i = 0 the cells stay empty.
    still = listen(listener, codes, held={"f": value * 0 + 1, "i": value * 0})
    assert not still.cells.any()


def test_the_reber_net_has_learned_the_grammar():
    # Trained from one fixed start; other words than it has learned from.
    listener = reber_listener()
    found = embedded_reber(200, rng=np.random.default_rng(77), longest=20)
    right = 0
    for word in found.strings:
        codes = listener.alphabet.encode(word)
        right += listen(listener, codes).p[-3].argmax() == codes[-2]
    assert right >= 195


def test_without_its_forget_gate_it_no_longer_knows_the_second_symbol(gates):
    gates.set(net=REBER, word="BTBTXSETE", at=6)
    t = gates.data.listener.alphabet.symbols.index("T")
    assert gates.data.whole.p[6, t] > 0.9
    gates.actions()["Forget everything"]()
    assert gates.data.held.p[6, t] < 0.5
    assert gates.data.held_bits.mean() > gates.data.bits.mean() + 1
    assert "With the forget gate f held at 0 in all units it expects" in words(gates)


@pytest.mark.parametrize("name", GATES)
def test_holding_any_gate_costs_the_novels_net_bits(gates, name):
    # Over this passage a gate at its mean costs 0.3 bits (i) to 2.5 bits (g) a character.
    listener = novel_listener()
    codes = listener.alphabet.encode(PASSAGE)
    whole = listen(listener, codes)
    mean = whole.gates[GATES[name]].mean(axis=0)
    held = listen(listener, codes, held={GATES[name]: mean})
    assert _bits(held, codes).mean() > _bits(whole, codes).mean() + 0.1
    gates.set(ablate=name, level="its mean", alone=True)
    change = gates.data.held_bits.mean() - gates.data.bits.mean()
    assert abs(change) < 0.1  # one unit of 160


def test_the_chapter_s_answer_has_the_bits_of_the_first_text(gates):
    """1.4 bits; forgetting everything 3.2 and nothing 7.9; at their means i 1.4, f 2.2, o 3.7."""
    assert gates.data.bits.mean() == pytest.approx(1.4, abs=0.05)
    for name, level, bits in (
        ("forget gate f", "0", 3.2),
        ("forget gate f", "1", 7.9),
        ("input gate i", "its mean", 1.4),
        ("forget gate f", "its mean", 2.2),
        ("output gate o", "its mean", 3.7),
    ):
        gates.set(ablate=name, level=level)
        assert gates.data.held_bits.mean() == pytest.approx(bits, abs=0.05)


def test_the_text_is_what_was_typed_and_the_bits_are_those_of_its_symbols(gates):
    gates.set(text="She was")
    data = gates.data
    assert data.text == "She was"
    heard = listen(data.listener, data.codes)
    assert data.bits == pytest.approx(_bits(heard, data.codes))
    p = np.prod([heard.p[t, data.codes[t + 1]] for t in range(6)], dtype=float)
    assert data.bits.sum() == pytest.approx(-np.log2(p), rel=1e-5)
    assert "“S”" in words(gates)


def test_a_word_that_is_none_is_told(gates):
    gates.set(net=REBER, word="bts", at=2)
    assert "The grammar allows nothing: this is no word of it." in words(gates)
    gates.set(at=0)
    assert "The grammar allows T, P." in words(gates)


def test_step_and_unit_are_chosen_by_pointer_and_keys(gates):
    gates.set(text="Anne was there")  # 14 symbols, four wide each
    gates.on_pointer(Pointer("move", gates.chances, 4 * 5 + 1, 1.0))
    assert gates.values["at"] == 5
    gates.on_pointer(Pointer("down", gates.map, 4 * 2 + 1, 1 - 3.5 / SHOWN, pressed=True))
    assert (gates.values["at"], gates.values["unit"]) == (2, 3)
    gates.on_key(Key("ArrowRight"))
    gates.on_key(Key("ArrowDown"))
    assert (gates.data.at, gates.data.unit) == (3, 4)
    for _ in range(30):
        gates.on_key(Key("ArrowLeft"))
        gates.on_key(Key("ArrowUp"))
    assert (gates.data.at, gates.data.unit) == (0, 0)
    before = gates.values
    gates.on_pointer(Pointer("down", gates.panel, 0.5, 0.5, pressed=True))
    assert gates.values == before


def test_what_is_too_short_too_long_or_unknown_gets_a_sentence(gates):
    for text, sentence in (
        ("", "Type 2 to 64 symbols; there are 0"),
        ("x" * (LONGEST + 1), "there are 65"),
        ("Ωmega", "has no character 'Ω'"),
    ):
        gates.set(text=text)
        assert sentence in gates.message
        assert gates.data.text.startswith("Anne")
    gates.set(text="good")
    assert not gates.message
    gates.set(net=REBER, word="BTZ")
    assert "Reber's grammar has no character 'Z'" in gates.message


@pytest.mark.parametrize("net", NETS)
def test_every_control_to_both_ends_and_back(gates, net):
    first = words(gates)
    for name, control in gates.inputs.items():
        gates.set(net=net)
        ends = getattr(control, "options", None) or (True, False)
        if isinstance(control, ipywidgets.Text):
            ends = "BT", "BP" * (LONGEST // 2)
        for value in ends:
            gates.set(**{name: value})
            for ablate in ("nothing", "input gate i"):
                gates.set(ablate=ablate) if name != "ablate" else None
                assert "nan" not in words(gates)
    gates.set(net=net, at=LONGEST - 1, unit=SHOWN - 1)
    words(gates)
    gates.reset()
    assert words(gates) == first


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"at": LONGEST}, "at must lie in 0 … 63"),
        ({"unit": -1}, "unit must lie in 0 … 23"),
        ({"net": "GPT"}, "net cannot be 'GPT'"),
        ({"ablate": "all"}, "ablate cannot be 'all'"),
        ({"level": "2"}, "level cannot be '2'"),
        ({"text": None}, "text must have a value"),
    ],
)
def test_nonsense_is_told_in_a_sentence_and_changes_nothing(gates, values, sentence):
    before = gates.values
    with pytest.raises(ValueError, match=sentence):
        gates.set(**values)
    assert gates.values == before
