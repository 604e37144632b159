"""The RBM's twin: the same numbers as the original, torch's generators, nothing that waits."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from dlkit.models import rbm_torch
from dlkit.models.optimisers import SGD, Adam
from dlkit.models.rbm import RBM, GaussianRBM
from dlkit.parity import compare_cd, to_numpy, to_torch
from dlkit.train import fit
from tests.models.test_rbm import batch, machine

KINDS = pytest.mark.parametrize("kind", [RBM, GaussianRBM])


@KINDS
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"k": 5},
        {"sampled": False},
        {"sparsity": (0.1, 2.0)},
        {"chain": np.zeros((7, 5)), "k": 2},
        {"optimiser": lambda p: SGD(p, 0.05, momentum=0.9, weight_decay=1e-3)},
        {"optimiser": lambda p: Adam(p, 0.01)},
    ],
    ids=["CD-1", "CD-5", "means", "sparse", "chains", "SGD", "Adam"],
)
def test_twins_train_alike_from_the_same_numbers(kind, settings):
    report = compare_cd(machine(kind), batch(30), steps=20, **settings)
    report.require(1e-12)
    assert len(report.rows) >= 10


@KINDS
def test_float32_twins_agree_to_rounding(kind):
    compare_cd(machine(kind, dtype=np.float32), batch(30)).require(1e-5)


def test_a_comparison_leaves_the_machine_and_the_chain_alone():
    rbm, chain = machine(), np.zeros((7, 5))
    before = rbm.state_dict()
    compare_cd(rbm, batch(), chain=chain)
    assert not chain.any()
    for name, array in rbm.parameters.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    ("name", "culprit"),
    [("_draw_visible", "weight"), ("_visible_input", "reconstruct"), ("_hidden_input", "weight")],
)
def test_a_comparison_finds_a_twin_that_differs(name, culprit, monkeypatch):
    right = getattr(rbm_torch.RBM, name)

    def wrong(self, *args):
        return right(self, *args) * 0.9

    monkeypatch.setattr(rbm_torch.RBM, name, wrong)
    report = compare_cd(machine(), batch())
    assert report.largest > 0.01
    assert culprit in str(report)


@KINDS
def test_energies_agree(kind):
    rbm = machine(kind)
    twin = to_torch(rbm, "cpu")
    rng = np.random.default_rng(1)
    v, h = batch(), rng.integers(0, 2, (6, 4)).astype(float)
    pairs = [
        (rbm.energy(v, h), twin.energy(torch.tensor(v), torch.tensor(h))),
        (rbm.free_energy(v), twin.free_energy(torch.tensor(v))),
        (rbm.hidden_free_energy(h), twin.hidden_free_energy(torch.tensor(h))),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-12)


def test_softplus_is_exact_where_torchs_own_is_not():
    z = torch.tensor([-50.0, 0.0, 19.0, 21.0, 39.0, 500.0], dtype=torch.float64)
    expected = np.logaddexp(0, z.numpy())
    np.testing.assert_allclose(rbm_torch.softplus(z).numpy(), expected, rtol=1e-15)


@KINDS
def test_there_and_back_again(kind):
    rbm = machine(kind).eval()
    back = to_numpy(to_torch(rbm, "cpu"))
    assert type(back) is kind
    assert not back.training
    for name, array in rbm.parameters.items():
        np.testing.assert_array_equal(back.parameters[name], array)
        assert back.parameters[name] is not array


def test_samples_are_the_originals_when_its_generator_is_used():
    rbm = machine()
    twin = to_torch(rbm, "cpu")
    ours = rbm.gibbs(batch(50), np.random.default_rng(2), steps=10)
    theirs = twin.gibbs(torch.tensor(batch(50)), np.random.default_rng(2), steps=10)
    np.testing.assert_array_equal(ours, theirs.numpy())


def test_torchs_own_generator_is_used_and_repeats():
    twin = to_torch(machine(), "cpu")
    v = torch.tensor(batch(50))
    first, again, other = (
        twin.gibbs(v, torch.Generator().manual_seed(seed), steps=2) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.manual_seed(1)  # without a generator it is torch's own
    assert torch.equal(twin.gibbs(v, steps=2), first)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_come_as_often_as_their_probability_says(dtype):
    p = torch.tensor([[0.0, 0.2, 0.5, 0.9, 1.0]] * 40_000, dtype=dtype)
    draws = rbm_torch.bernoulli(p, torch.Generator().manual_seed(0))
    assert draws.dtype == dtype
    assert set(draws.unique().tolist()) == {0, 1}
    np.testing.assert_allclose(draws.mean(dim=0), p[0], atol=0.0125)
    assert (p == p[0]).all()  # p itself is left alone


@pytest.mark.parametrize("settings", [{}, {"k": 3}, {"persistent": True}, {"sampled": False}])
def test_it_learns_with_torchs_optimiser_and_the_same_loop(settings):
    v = torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]).repeat_interleave(10, dim=0)
    generator = torch.Generator().manual_seed(0)
    twin = rbm_torch.RBM(6, 4, device="cpu", generator=generator)
    optimiser = torch.optim.SGD(twin.parameters(), 0.1)
    step = rbm_torch.cd_step(twin, optimiser, generator, **settings)
    history = fit(
        step, (v,), epochs=300, batch_size=10, rng=np.random.default_rng(0), progress=False
    )
    assert history.losses[-1] < 0.1 < history.losses[0]


def test_a_chain_of_ones_own_is_used_from_step_to_step():
    twin = to_torch(machine(), "cpu")
    chain = torch.zeros(9, 5, dtype=torch.float64)
    step = rbm_torch.cd_step(twin, torch.optim.SGD(twin.parameters(), 0.1), chain=chain)
    step(torch.tensor(batch()))
    before = chain.clone()
    step(torch.tensor(batch()))
    assert before.any()
    assert not torch.equal(chain, before)


def test_the_gradient_of_cd_is_that_of_free_energies_on_the_same_fantasies():
    # ∇ [mean F(data) - mean F(fantasies)], the fantasies held still: autograd as a second formula
    rbm = machine()
    twin = to_torch(rbm, "cpu")
    v = torch.tensor(batch(30))
    twin.contrastive_divergence(v, np.random.default_rng(1), k=3)
    got = {name: p.grad.clone() for name, p in twin.named_parameters()}
    fantasies = twin.gibbs(v, np.random.default_rng(1), steps=3)
    twin.zero_grad()
    (twin.free_energy(v).mean() - twin.free_energy(fantasies).mean()).backward()
    for name, parameter in twin.named_parameters():
        np.testing.assert_allclose(got[name], parameter.grad, atol=1e-14, err_msg=name)


def test_initial_values_are_those_of_the_original():
    twin = rbm_torch.RBM(300, 200, device="cpu")
    assert twin.weight.shape == (200, 300)
    assert twin.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not twin.visible_bias.any()
    assert not twin.hidden_bias.any()
    assert {name: tuple(p.shape) for name, p in twin.named_parameters()} == {
        name: p.shape for name, p in RBM(300, 200, rng=np.random.default_rng(0)).parameters.items()
    }


def test_impossible_settings_are_refused():
    twin = to_torch(machine(), "cpu")
    v = torch.zeros(3, 5, dtype=torch.float64)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        twin.contrastive_divergence(v, k=0)
    with pytest.raises(ValueError, match=r"v must have shape \(N, 5\), got \(3, 4\)"):
        twin.contrastive_divergence(v[:, :4])
    with pytest.raises(ValueError, match=r"v must have shape \(N, 5\), got \(0, 5\)"):
        twin.contrastive_divergence(v[:0])
    with pytest.raises(ValueError, match=r"chain must have shape \(N, 5\), got \(5,\)"):
        twin.contrastive_divergence(v, chain=v[0])
    with pytest.raises(ValueError, match=r"sparsity must be a pair \(target, cost\), got 0.1"):
        twin.contrastive_divergence(v, sparsity=0.1)
    for sparsity in ((2.0, 1.0), (0.1, -1.0)):
        with pytest.raises(ValueError, match=r"sparsity (target|cost) must be"):
            twin.contrastive_divergence(v, sparsity=sparsity)
    with pytest.raises(ValueError, match="steps must be at least 0, got -1"):
        twin.gibbs(v, steps=-1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"visible": 0}, "visible must be at least 1, got 0"),
        ({"hidden": 2.5}, "hidden must be a whole number, got 2.5"),
        ({"std": -1}, "std must be at least 0, got -1"),
        (
            {"dtype": np.float32},
            r"dtype must be a floating type such as torch\.float32, got <class",
        ),
        (
            {"dtype": torch.int64},
            r"dtype must be a floating type such as torch\.float32, got torch",
        ),
    ],
)
def test_impossible_sizes_and_types_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        rbm_torch.RBM(**{"visible": 5, "hidden": 4, "device": "cpu"} | settings)
    assert rbm_torch.RBM(10 / 2, 4, device="cpu").weight.shape == (4, 5)


class Waits(TorchDispatchMode):
    """Counts the operations that make the CPU wait for a device."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += "_local_scalar_dense" in str(func) or "nonzero" in str(func)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("settings", [{}, {"k": 3, "persistent": True}, {"sparsity": (0.1, 1.0)}])
def test_a_step_never_waits_for_the_device(settings):
    generator = torch.Generator().manual_seed(0)
    twin = rbm_torch.RBM(6, 4, device="cpu", generator=generator)
    step = rbm_torch.cd_step(twin, torch.optim.SGD(twin.parameters(), 0.1), generator, **settings)
    with Waits() as waits:
        error = step(torch.ones(5, 6))
        assert not waits.count
        error.item()
        assert waits.count  # the counter itself works


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_it_draws_there_and_agrees_with_the_original():
    compare_cd(machine(), batch(30), device="cuda").require(1e-10)
    generator = torch.Generator("cuda").manual_seed(0)
    twin = rbm_torch.RBM(6, 4, generator=generator)
    assert twin.weight.is_cuda
    torch.cuda.set_sync_debug_mode("error")
    try:
        error = twin.contrastive_divergence(torch.ones(5, 6, device="cuda"), generator, k=3)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert error.is_cuda
