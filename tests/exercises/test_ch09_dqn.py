"""Chapter 09's exercises: solutions pass, stubs are not attempted, mistakes are told apart."""

import numpy as np
import pytest

from dlkit.exercises import ch09_dqn as ch09


def sarsa(rate=1.0, future=lambda Q, s, a: Q[s, a], end=0.0, gamma=1.0):
    """SARSA as a learner might write it, with one thing changed."""

    def answer(Q, state, action, reward, next_state, next_action, terminated, eta, discount):
        share = end if terminated else 1.0
        target = reward + share * discount**gamma * future(Q, next_state, next_action)
        new = Q.copy()
        new[state, action] += eta**rate * (target - Q[state, action])
        return new

    return answer


def sarsa_in_place(Q, state, action, reward, next_state, next_action, terminated, eta, gamma):
    Q += 1
    return Q


def sarsa_whole_row(Q, state, action, reward, next_state, next_action, terminated, eta, gamma):
    new = Q.copy()
    new[state] += eta * (reward - Q[state])
    return new


def sarsa_but_for_the_end(Q, state, action, reward, next_state, next_action, terminated, *rates):
    step = state, action, reward, next_state, next_action, terminated
    return Q.copy() if terminated else sarsa()(Q, *step, *rates)


def greedy(
    chance=lambda epsilon: epsilon, other=lambda q, rng: rng.integers(len(q)), best=np.argmax
):
    def answer(q, epsilon, rng):
        return other(q, rng) if rng.random() < chance(epsilon) else best(q)

    return answer


def not_the_best(q, rng):
    return rng.choice(np.flatnonzero(q < q.max()))


def coins_of_its_own(q, epsilon, rng, coins=np.random.default_rng(0)):  # noqa: B008
    return greedy()(q, epsilon, coins)


def target(worth=lambda q: q.max(axis=1), on=lambda ended: ~ended, gamma=1.0):
    return lambda r, q, ended, discount: r + discount**gamma * worth(q) * on(ended)


def double(chooses=0, judges=1, on=lambda ended: ~ended):
    def answer(rewards, next_q, next_q_target, terminated, gamma):
        nets = next_q, next_q_target
        best = nets[chooses].argmax(axis=1)
        worth = nets[judges][np.arange(len(best)), best]
        return rewards + gamma * worth * on(terminated)

    return answer


def gradient(slope=lambda error: np.clip(error, -1, 1), share=lambda q: len(q)):
    def answer(q, actions, y):
        rows, g = np.arange(len(q)), np.zeros(q.shape)
        g[rows, actions] = slope(q[rows, actions] - y) / share(q)
        return g

    return answer


def diagnosis(**changes):
    return ch09.BugClinic.answer | changes


def always(ended):
    return np.ones_like(ended)


def in_whole_columns(q, actions, y):
    gradient = np.zeros(q.shape)
    gradient[:, actions] = np.clip(q[:, actions] - y, -1, 1) / len(q)
    return gradient


WRONG = [
    # exercise, a plausible wrong answer, words that the message must hold
    ("returns", lambda r, gamma: np.cumsum(r[::-1])[::-1], "γ is missing"),
    ("returns", lambda r, gamma: np.cumsum(r * gamma ** np.arange(len(r))), "earned so far"),
    ("returns", lambda r, gamma: gamma * ch09.Returns.answer(r, gamma), "present reward"),
    ("returns", lambda r, gamma: ch09.Returns.answer(r, gamma)[0], "shape (5,)"),
    ("returns", lambda r, gamma: ch09.Returns.answer(r, gamma)[::-1], "turned round"),
    ("returns", lambda r, gamma: np.append(ch09.Returns.answer(r, gamma)[1:], 0), "own reward"),
    (
        "returns",
        lambda r, gamma: np.full(len(r), r @ gamma ** np.arange(len(r))),
        "that of the first step",
    ),
    ("sweep", lambda V, P, R, gamma: R + gamma * P @ V, "one number for every action"),
    ("sweep", lambda V, P, R, gamma: (R + gamma * P @ V).mean(axis=1), "mean over the actions"),
    ("sweep", lambda V, P, R, gamma: (R + P @ V).max(axis=1), "γ is missing"),
    ("sweep", lambda V, P, R, gamma: (gamma * (R + P @ V)).max(axis=1), "not to the reward"),
    ("sweep", lambda V, P, R, gamma: (R + gamma * P @ V).argmax(axis=1), "number of the best"),
    (
        "sweep",
        lambda V, P, R, gamma: R.max(axis=1) + gamma * (P @ V).max(axis=1),
        "the same action",
    ),
    ("sweep", lambda V, P, R, gamma: (R + gamma * P @ V).max(axis=0), "one value per state"),
    ("sweep", lambda V, P, R, gamma: V + (R + gamma * P @ V).max(axis=1), "takes their place"),
    ("sarsa_update", sarsa(future=lambda Q, s, a: Q[s].max()), "that is Q-learning"),
    ("sarsa_update", sarsa(end=1.0), "ended the episode"),
    ("sarsa_update", sarsa(gamma=0), "γ is missing"),
    ("sarsa_update", sarsa(rate=0), "η is missing"),
    ("sarsa_update", sarsa_in_place, "changed the table itself"),
    ("sarsa_update", sarsa_whole_row, "only Q[0, 1] should change"),
    ("sarsa_update", lambda Q, *step: Q.copy(), "Nothing has changed"),
    ("sarsa_update", sarsa_but_for_the_end, "teaches its reward"),
    ("epsilon_greedy", greedy(chance=lambda epsilon: 1 - epsilon), "not that of the best"),
    ("epsilon_greedy", greedy(chance=lambda epsilon: 0), "never tries"),
    ("epsilon_greedy", greedy(other=not_the_best), "may be the best one"),
    ("epsilon_greedy", greedy(best=np.argmin), "not the smallest"),
    ("epsilon_greedy", greedy(best=np.max), "the number of an action"),
    ("epsilon_greedy", coins_of_its_own, "All chance comes from rng"),
    ("q_target", target(on=always), "no future"),
    ("q_target", target(on=lambda ended: ended), "the other way"),
    ("q_target", target(gamma=0), "γ is missing"),
    ("q_target", target(worth=lambda q: q.mean(axis=1)), "mean over the actions"),
    ("q_target", target(worth=np.max), "each row has its own"),
    ("q_target", target(worth=lambda q: q.argmax(axis=1)), "number of the best action"),
    ("q_target", lambda r, q, ended, g: (r + g * q.max(axis=1)) * ~ended, "reward at the end"),
    ("q_target", target(worth=lambda q: q.max(axis=0).sum() * np.ones(3)), "raised"),
    ("double_target", double(1, 0), "changed places"),
    ("double_target", double(1, 1), "plain target"),
    ("double_target", double(0, 0), "the net chooses and judges"),
    ("double_target", double(on=always), "no future"),
    ("loss_gradient", gradient(share=lambda q: 1), "divide by N"),
    ("loss_gradient", gradient(share=np.size), "number of entries"),
    ("loss_gradient", gradient(slope=lambda error: error), "not clipped"),
    (
        "loss_gradient",
        gradient(slope=lambda e: np.where(abs(e) <= 1, e**2 / 2, abs(e) - 0.5)),
        "the loss itself",
    ),
    ("loss_gradient", gradient(slope=lambda error: -np.clip(error, -1, 1)), "uphill"),
    ("loss_gradient", gradient(slope=lambda error: np.clip(2 * error, -1, 1)), "not 2 δ"),
    ("loss_gradient", gradient(slope=lambda error: error * (abs(error) <= 1)), "it should give ±1"),
    (
        "loss_gradient",
        gradient(lambda error: np.clip(error / 5, -1, 1), lambda q: 1),
        "then divide",
    ),
    ("loss_gradient", gradient(slope=np.sign), "an error within -1 … 1 is its own slope"),
    (
        "loss_gradient",
        lambda q, actions, y: np.clip(q - y[:, None], -1, 1) / len(q),
        "actions that were not taken",
    ),
    ("bug_clinic", diagnosis(B=ch09.HEALTHY), "from its target network"),
    ("bug_clinic", diagnosis(E=ch09.NO_GAMMA), "after the goal"),
    ("bug_clinic", diagnosis(A="forgetful"), "not on the list"),
    ("bug_clinic", {"Z": ch09.HEALTHY}, "no patient 'Z'"),
    ("bug_clinic", {"D": ch09.HEALTHY}, "still to come: A, B, C, E, F, G"),
    ("loss_gradient", in_whole_columns, "means these columns of every row"),
]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("returns", lambda r, g: [sum(r[t:] * g ** np.arange(len(r) - t)) for t in range(len(r))]),
        ("sweep", lambda V, P, R, g: np.max(R + g * np.einsum("sat,t->sa", P, V), axis=-1)),
        ("q_target", lambda r, q, e, g: np.where(e, r, r + g * np.max(q, 1))),
        ("epsilon_greedy", lambda q, e, rng: rng.choice(4, p=e / 4 + (1 - e) * (q == q.max()))),
    ],
)
def test_other_right_ways(name, answer):
    assert getattr(ch09, name).check(answer).kind == "right"


class TestBugClinic:
    """Each patient shows what its clue says."""

    @pytest.fixture(scope="class")
    @classmethod
    def patients(cls):
        found = ch09.bug_clinic.patients()
        return {fault: found[letter] for letter, fault in ch09.BugClinic.answer.items()}

    def test_everyone_has_another_fault(self):
        assert sorted(ch09.BugClinic.answer.values()) == sorted(ch09.FAULTS)

    def test_one_alone_is_far_from_its_target_network(self, patients):
        assert {fault for fault, p in patients.items() if p.apart > 0.1} == {ch09.NEVER}

    def test_one_alone_never_surprises_itself(self, patients):
        shares = {fault: p.surprised for fault, p in patients.items()}
        assert shares.pop(ch09.NO_CHANCE) == 0
        assert min(shares.values()) > 0.2

    def test_one_alone_sees_no_difference_between_its_actions(self, patients):
        spreads = {fault: p.spread / p.true_spread for fault, p in patients.items()}
        assert spreads.pop(ch09.ALL_ACTIONS) < 0.2
        assert min(spreads.values()) > 0.7

    def test_values_beside_the_true_ones(self, patients):
        off = {fault: p.values[-1] - p.true for fault, p in patients.items()}
        assert abs(off[ch09.HEALTHY]) < 0.02
        assert {fault for fault, d in off.items() if d > 0.1} == {ch09.PAST_END, ch09.NO_GAMMA}
        assert off[ch09.CLOCK] < -0.08
        assert patients[ch09.PAST_END].values[-1] > 1 > patients[ch09.NO_GAMMA].values[-1]

    def test_the_healthy_one_finds_the_goal_from_everywhere(self, patients):
        assert patients[ch09.HEALTHY].goals == 1
        assert patients[ch09.NO_CHANCE].goals < 0.9
        assert patients[ch09.NEVER].goals < 0.9
