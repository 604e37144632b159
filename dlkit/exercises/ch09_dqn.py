"""Exercises of chapter 09: returns, targets, coins, and a clinic of deep Q-networks.

Where an answer is off, the message names the usual suspect: a future after the end, a forgotten γ,
the worth taken from the wrong net, a gradient for actions that nobody took.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import gymnasium
import numpy as np

from dlkit.envs.grid_world import GridWorld
from dlkit.exercises.clinic import Clinic
from dlkit.exercises.exercise import Exercise, call, call_array, compare, wrong_if
from dlkit.models.dense import mlp
from dlkit.models.dqn import DQN, Practice
from dlkit.models.optimisers import Adam
from dlkit.models.tabular import value_iteration

# Rewards, values and tables ----------------------------------------------------------------------


class Returns(Exercise):
    """What every step of an episode was worth, counted from its end."""

    hints = (
        "After the last step nothing comes: its return is its reward.",
        "G[t] = r[t] + γ G[t+1]: go through the episode from its last step to its first.",
        "Start with total = 0; for t in reversed(range(T)): total = rewards[t] + gamma * total.",
    )
    praise = "Right: one pass from the end to the start, and every return is known."

    def examine(self, answer):
        rng = np.random.default_rng(0)
        for rewards, gamma in (
            (rng.normal(size=5), 0.5),
            (np.array([0.0, 0.0, 1.0]), 0.9),
            (np.array([2.0]), 0.9),
            (np.ones(4), 1.0),
        ):
            got = call_array(answer, rewards, gamma, shape=rewards.shape)
            powers = gamma ** np.arange(len(rewards))
            before = np.cumsum(rewards * powers)
            compare(
                f"the returns of the rewards {_show(rewards)} with gamma = {gamma}",
                got,
                self.answer(rewards, gamma),
                {
                    "the rewards to come count as much as the present one: γ is missing": np.cumsum(
                        rewards[::-1]
                    )[::-1],
                    "that is what was earned so far; a return is what is still to come": before,
                    "the present reward is missing, or γ is on it, too": gamma
                    * self.answer(rewards, gamma),
                    "every step should count its own future from itself: the reward of the present "
                    "step counts in full": np.cumsum((rewards * powers)[::-1])[::-1],
                    "that is one return, that of the first step": np.full(
                        len(rewards), rewards @ powers
                    ),
                    "the order is turned round: the first entry belongs to the first step": (
                        self.answer(rewards, gamma)[::-1]
                    ),
                    "each step's own reward is missing": np.append(
                        self.answer(rewards, gamma)[1:], 0.0
                    ),
                },
            )

    @staticmethod
    def answer(rewards, gamma):
        returns, total = np.zeros(len(rewards)), 0.0
        for t in reversed(range(len(rewards))):
            total = rewards[t] + gamma * total
            returns[t] = total
        return returns


class Sweep(Exercise):
    """One sweep of value iteration over all states at once."""

    hints = (
        "P @ V sums over the last axis of P, the next state: (states, actions).",
        "Q = R + gamma * (P @ V) is the worth of every action in every state.",
        "The best action of each state: the largest entry of each row of Q.",
    )
    praise = "Right: Bellman's equation, read as an instruction."

    def examine(self, answer):
        rng = np.random.default_rng(1)
        P, R, V = rng.random((4, 3, 4)), rng.normal(size=(4, 3)), rng.normal(size=4)
        P /= P.sum(axis=2, keepdims=True)
        q = R + 0.8 * (P @ V)
        got = call_array(answer, V, P, R, 0.8)
        wrong_if(
            got.shape == (4, 3),
            "That is one number for every action. The value of a state is that of its best action: "
            "one number for every state.",
        )
        wrong_if(got.shape != (4,), f"Expected one value per state, shape (4,), got {got.shape}.")
        compare(
            "the values",
            got,
            q.max(axis=1),
            {
                "that is the mean over the actions; the best one counts": q.mean(axis=1),
                "γ is missing": (R + P @ V).max(axis=1),
                "γ belongs to the future alone, not to the reward": (0.8 * (R + P @ V)).max(axis=1),
                "the reward is missing": (0.8 * (P @ V)).max(axis=1),
                "that is the worst action": q.min(axis=1),
                "that is the number of the best action; its worth is wanted": q.argmax(axis=1),
                "the best reward and the best future need not belong to the same action": R.max(
                    axis=1
                )
                + 0.8 * (P @ V).max(axis=1),
                "that is added to the old values; it takes their place": V + q.max(axis=1),
            },
        )

    @staticmethod
    def answer(V, P, R, gamma):
        return (R + gamma * (P @ V)).max(axis=1)


class SarsaUpdate(Exercise):
    """One step of SARSA on a copy of the table."""

    hints = (
        "The target is reward + gamma * Q[next_state, next_action], or the reward alone at an end.",
        "Move Q[state, action] by the share eta of the way to the target.",
        "new = Q.copy(); new[state, action] += eta * (target - Q[state, action]); return new.",
    )
    praise = "Right: its own next action counts, not the best one, and nothing after the end."

    def examine(self, answer):
        Q = np.array([[1.0, 2.0], [5.0, 3.0], [0.5, 0.0]])
        for ended in (False, True):
            given, step = Q.copy(), (0, 1, 4.0, 1, 1, ended, 0.25, 0.5)
            new = call(answer, given, *step, copies=False)
            wrong_if(bool((given != Q).any()), "You changed the table itself: work on Q.copy().")
            new = call_array(lambda new=new: new, shape=Q.shape)
            wrong_if(
                bool((new == Q).all()),
                "Nothing has changed in the table that you return"
                + (": the last step of an episode teaches its reward." if ended else "."),
            )
            others = [place for place in np.argwhere(new != Q).tolist() if place != [0, 1]]
            wrong_if(
                bool(others),
                f"For state 0 and action 1 only Q[0, 1] should change; {others} did, too.",
            )

            def moved(future, rate=0.25, old=2.0):
                table = Q.copy()
                table[0, 1] = old + rate * (4.0 + future - 2.0)
                return table

            suspects = {
                "η is missing": moved(0.0 if ended else 1.5, rate=1.0),
                "the sign is turned round": moved(0.0 if ended else 1.5, rate=-0.25),
            }
            if ended:
                suspects["the step ended the episode, and yet it has a future"] = moved(1.5)
            else:
                suspects |= {
                    "that is Q-learning: the best next action counts there, here the one that is "
                    "taken": moved(2.5),
                    "γ is missing": moved(3.0),
                    "the future is missing": moved(0.0),
                }
            compare(
                f"the table for terminated = {ended}",
                new,
                moved(0.0 if ended else 1.5),
                suspects,
                tolerance=1e-9,
            )

    @staticmethod
    def answer(Q, state, action, reward, next_state, next_action, terminated, eta, gamma):
        target = reward + (0 if terminated else gamma * Q[next_state, next_action])
        new = Q.copy()
        new[state, action] += eta * (target - Q[state, action])
        return new


class EpsilonGreedy(Exercise):
    """The best action, or by chance any."""

    hints = (
        "rng.random() < epsilon is true with probability epsilon.",
        "Then draw any of the actions, the best one included: rng.integers(len(q)).",
        "Else q.argmax().",
    )
    praise = "Right: mostly the best, now and then any."

    def examine(self, answer):
        q = np.array([0.1, 0.9, 0.3, -2.0])
        for epsilon in (0.0, 0.4, 1.0):
            rng, throws = np.random.default_rng(0), 4000
            actions = np.array([self._one(answer, q, epsilon, rng) for _ in range(throws)])
            shares = np.bincount(actions, minlength=4) / throws
            best = 1 - epsilon + epsilon / 4
            often, wanted = 100 * shares[1], 100 * best
            said = f"With epsilon = {epsilon} the best action comes in {often:.0f} % of the cases"
            wrong_if(
                epsilon < 1 and shares[1] == 0,
                f"{said}. Take the action with the largest q, not the smallest.",
            )
            wrong_if(
                epsilon > 0 and shares.max() == 1, f"{said}: it never tries anything by chance."
            )
            swapped = epsilon + (1 - epsilon) / 4
            wrong_if(
                abs(shares[1] - swapped) < 0.03 and abs(best - swapped) > 0.1,
                f"{said}. ε is the chance of an action at random, not that of the best.",
            )
            wrong_if(
                0 < epsilon < 1 and abs(shares[1] - (1 - epsilon)) < 0.03,
                f"{said}; expected are {wanted:.0f} %. An action at random may be the best one, "
                "too.",
            )
            wrong_if(
                abs(shares[1] - best) > 0.03,
                f"{said}; expected are {wanted:.0f} % in the long run.",
            )
            rest = np.delete(shares, 1)
            wrong_if(
                epsilon > 0 and bool(np.abs(rest - epsilon / 4).max() > 0.03),
                f"With epsilon = {epsilon} each of the others should come in {25 * epsilon:.0f} % "
                f"of the cases, but their shares are {_show(rest)}.",
            )
        coins = np.random.default_rng(1), np.random.default_rng(1)
        first, again = ([self._one(answer, q, 1.0, rng) for _ in range(50)] for rng in coins)
        wrong_if(
            first != again,
            "Called again with a generator of the same seed it takes other actions. All chance "
            "comes from rng.",
        )

    @staticmethod
    def _one(answer: Any, q: np.ndarray, epsilon: float, rng: np.random.Generator) -> int:
        action = call_array(answer, q, epsilon, rng, shape=())
        wrong_if(
            action not in range(4),
            f"Expected the number of an action, 0 to 3 for these four, got {action}.",
        )
        return int(action)

    @staticmethod
    def answer(q, epsilon, rng):
        if rng.random() < epsilon:
            return rng.integers(len(q))
        return q.argmax()


# The net -----------------------------------------------------------------------------------------


def _batch() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(3)
    rewards, ended = rng.normal(size=6), np.array([0, 1, 0, 0, 1, 0], bool)
    return rewards, rng.normal(size=(6, 3)), rng.normal(size=(6, 3)), ended


class QTarget(Exercise):
    """What Q(s, a) should be, for a batch of remembered steps."""

    hints = (
        "The worth of the next observation is the largest entry of its row in next_q.",
        "~terminated is True where the story goes on; times a number, True counts as 1.",
        "rewards + gamma * next_q.max(axis=1) * ~terminated.",
    )
    praise = "Right: the best future, discounted, where there is one."

    def examine(self, answer):
        rewards, next_q, _, ended = _batch()
        best, on = next_q.max(axis=1), ~ended
        got = call_array(answer, rewards, next_q, ended, 0.9, shape=(6,))
        compare(
            "the targets",
            got,
            rewards + 0.9 * best * on,
            {
                "a terminal state has no future: nothing may be added there": rewards + 0.9 * best,
                "the story goes on where terminated is False, and you have it the other way "
                "round": rewards + 0.9 * best * ended,
                "γ is missing": rewards + best * on,
                "that is the mean over the actions; the best one counts": rewards
                + 0.9 * next_q.mean(axis=1) * on,
                "that is the number of the best action; its worth is wanted": rewards
                + 0.9 * next_q.argmax(axis=1) * on,
                "the largest entry of all of next_q is taken; each row has its own": rewards
                + 0.9 * next_q.max() * on,
                "the reward at the end counts as well: only the future is missing there": (
                    rewards + 0.9 * best
                )
                * on,
                "γ belongs to the future alone, not to the reward": 0.9 * (rewards + best * on),
            },
        )

    @staticmethod
    def answer(rewards, next_q, terminated, gamma):
        return rewards + gamma * next_q.max(axis=1) * ~terminated


class DoubleTarget(Exercise):
    """One net chooses, the other one says what the choice is worth."""

    hints = (
        "The net chooses: the place of the largest entry in each row of next_q.",
        "The target network says what this choice is worth: next_q_target at that place.",
        "best = next_q.argmax(axis=1); worth = next_q_target[np.arange(len(best)), best].",
    )
    praise = "Right: who chooses does not judge, and luck is not counted twice."

    def examine(self, answer):
        rewards, q, held, ended = _batch()
        rows, on = np.arange(6), ~ended
        got = call_array(answer, rewards, q, held, ended, 0.9, shape=(6,))

        def target(worth, on=on):
            return rewards + 0.9 * worth * on

        compare(
            "the targets",
            got,
            target(held[rows, q.argmax(axis=1)]),
            {
                "the two nets have changed places: the net chooses and the target network judges": (
                    target(q[rows, held.argmax(axis=1)])
                ),
                "that is the plain target: the target network chooses and judges": target(
                    held.max(axis=1)
                ),
                "the net chooses and judges": target(q.max(axis=1)),
                "a terminal state has no future": target(held[rows, q.argmax(axis=1)], np.ones(6)),
                "the smaller of the two best values is taken; double DQN asks for the value of "
                "one action": target(np.minimum(q.max(axis=1), held.max(axis=1))),
            },
        )

    @staticmethod
    def answer(rewards, next_q, next_q_target, terminated, gamma):
        best = next_q.argmax(axis=1)
        worth = next_q_target[np.arange(len(best)), best]
        return rewards + gamma * worth * ~terminated


class LossGradient(Exercise):
    """∂L/∂Q of the mean Huber loss: only the actions that were taken, and clipped."""

    hints = (
        "The error of each step is q[n, actions[n]] - y[n]. Its clipped value is the slope.",
        "Begin with zeros in the shape of q: of the other actions nothing is known.",
        "g[np.arange(N), actions] = np.clip(error, -1, 1) / N.",
    )
    praise = "Right: an error of a hundred pulls no harder than an error of one."

    def examine(self, answer):
        rng = np.random.default_rng(4)
        q, actions, rows = rng.normal(size=(5, 3)), np.array([0, 2, 1, 1, 0]), np.arange(5)
        y = q[rows, actions] - np.array([0.3, -0.6, 4.0, -8.0, 0.9])
        before = q.copy()
        got = call_array(answer, q, actions, y, shape=q.shape)

        def only(values):
            gradient = np.zeros(q.shape)
            gradient[rows, actions] = values
            return gradient

        error = before[rows, actions] - y
        whole = before - y[:, None]
        columns = np.zeros(q.shape)
        columns[:, actions] = np.clip(before[:, actions] - y, -1, 1) / 5
        compare(
            "∂L/∂Q",
            got,
            only(np.clip(error, -1, 1) / 5),
            {
                "the mean over the N steps is missing: divide by N": only(np.clip(error, -1, 1)),
                "an error beyond 1 is not clipped": only(error / 5),
                "the sign is turned round: the gradient points uphill": only(
                    np.clip(-error, -1, 1) / 5
                ),
                "actions that were not taken have a gradient, too, and nobody knows what they "
                "would have brought": np.clip(whole, -1, 1) / 5,
                "divide by the number of steps N, not by the number of entries of q": only(
                    np.clip(error, -1, 1) / 15
                ),
                "an error beyond 1 gives no gradient at all; it should give ±1": only(
                    np.where(np.abs(error) <= 1, error, 0) / 5
                ),
                "[:, actions] means these columns of every row: take one entry of each row, "
                "[np.arange(N), actions]": columns,
                "clip the error first, then divide by N": only(np.clip(error / 5, -1, 1)),
                "an error within -1 … 1 is its own slope; here only its sign is left": only(
                    np.sign(error) / 5
                ),
                "that is the loss itself; its slope is wanted": only(
                    np.where(np.abs(error) <= 1, error**2 / 2, np.abs(error) - 0.5) / 5
                ),
                "the loss inside is δ² / 2, whose slope is δ, not 2 δ": only(
                    np.clip(2 * error, -1, 1) / 5
                ),
            },
        )

    @staticmethod
    def answer(q, actions, y):
        rows, gradient = np.arange(len(q)), np.zeros(q.shape)
        gradient[rows, actions] = np.clip(q[rows, actions] - y, -1, 1) / len(q)
        return gradient


# --- The bug clinic ------------------------------------------------------------------------------

HEALTHY = "healthy"
NEVER = "the target network is never updated"
PAST_END = "a terminal state bootstraps"
CLOCK = "a time limit is taken for the end"
NO_GAMMA = "γ is forgotten in the target"
ALL_ACTIONS = "every action of a state is taught, not only the one taken"
NO_CHANCE = "it never tries an action at random"
FAULTS = (HEALTHY, NEVER, PAST_END, CLOCK, NO_GAMMA, ALL_ACTIONS, NO_CHANCE)

WORLD = ("S...", ".#.P", "....", "#..G")
GAMMA, STEPS, LIMIT, LOOKS = 0.9, 2_000, 6, 40


class Squares(gymnasium.Env):
    """The clinic's world for a net: the number of the square as a row of zeros with a one in it."""

    def __init__(self):
        self.world = GridWorld(WORLD, step=-0.05, limit=LIMIT, anywhere=True)
        size = self.world.cells.size
        self.observation_space = gymnasium.spaces.Box(0, 1, (size,), np.float32)
        self.action_space = self.world.action_space
        self.eye = np.eye(size, dtype=np.float32)

    def reset(self, *, seed=None, options=None):
        state, info = self.world.reset(seed=seed, options=options)
        return self.eye[state], info

    def step(self, action):
        state, reward, terminated, truncated, info = self.world.step(action)
        return self.eye[state], reward, terminated, truncated, info


class Impatient(Squares):
    """A seeded fault: says that the story is over when the clock runs out."""

    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated or truncated, truncated, info


class Sick(DQN):
    """A DQN with one seeded fault in what it learns."""

    fault = HEALTHY

    def targets(self, rewards, next_observations, terminated):
        if self.fault == PAST_END:
            terminated = np.zeros_like(terminated)
        return super().targets(rewards, next_observations, terminated)

    def learn(self, batch):
        if self.fault == ALL_ACTIONS:
            seen, _, rewards, after, ended = batch
            losses = []
            for action in range(4):
                all_of_one = np.full(len(seen), action)
                losses.append(super().learn((seen, all_of_one, rewards, after, ended)))
            return float(np.mean(losses))
        return super().learn(batch)


@dataclass(frozen=True)
class Patient:
    """What the clinic measured of one program."""

    steps: np.ndarray  # when it was looked at
    values: np.ndarray  # its max Q at each look, mean over all squares
    true: float  # what that should be: value iteration's
    losses: np.ndarray  # the mean loss between two looks
    apart: float  # largest difference between the net's Q and the target network's at the end
    spread: float  # best less worst action of a square, mean; for the best Q it is `true_spread`
    true_spread: float
    surprised: float  # share of steps, late, in which it did not take its best action
    goals: float  # share of squares from which its best actions lead to the goal


CLUES = {
    HEALTHY: "its values reach the true ones, its actions differ, and it gets to the goal.",
    NEVER: "how far is its net from its target network?",
    PAST_END: "its values lie above the true ones. What could be won after the goal?",
    CLOCK: "its values lie below the true ones, although its nets are together. What does it think "
    "happens after the sixth step?",
    NO_GAMMA: "its values lie above the true ones, and a goal far away is worth nearly as much as "
    "a near one: a step costs it its 0.05 and no more.",
    ALL_ACTIONS: "look at the difference between its best and its worst action.",
    NO_CHANCE: "count how often it does something else than what it thinks best.",
}


class BugClinic(Clinic):
    """Seven deep Q-networks in one small world; six have a fault each. Which is which?"""

    hints = (
        "Three give themselves away by one number of the table each: its target network, its "
        "coins, the difference between its actions.",
        "Of the others compare the values with the true ones: two are too high, one is too low.",
        "Without γ a value is the goal's 1 less 0.05 for every step: the mean can be computed. It "
        "stays below 1. What bootstraps at the end adds a future to the 1.",
    )
    praise = (
        "Right, all seven. Ask a net that learns by itself for what can be known: the value of a "
        "state whose future you can compute."
    )
    answer = {  # noqa: RUF012
        "A": CLOCK,
        "B": NEVER,
        "C": ALL_ACTIONS,
        "D": HEALTHY,
        "E": PAST_END,
        "F": NO_CHANCE,
        "G": NO_GAMMA,
    }
    clues = CLUES

    def patient(self, fault):
        return _patient(fault)


@cache
def _patient(fault: str) -> Patient:
    """Train a net 16-32-4 with this fault for 2,000 steps, and examine it."""
    rng = np.random.default_rng(0)
    env = Impatient() if fault == CLOCK else Squares()
    world = env.world
    q = value_iteration(*world.model(), GAMMA)
    squares = np.array(world._open())
    network = mlp((world.cells.size, 32, 4), rng=rng)
    dqn = Sick(
        network,
        gamma=1.0 if fault == NO_GAMMA else GAMMA,
        target_every=10**9 if fault == NEVER else 25,
        optimiser=Adam(network.parameters, 0.003),
    )
    dqn.fault = fault
    chance = (0.0, 0.0, 1) if fault == NO_CHANCE else (0.5, 0.3, STEPS)
    practice = Practice(
        dqn, env, rng, capacity=STEPS, batch_size=32, begin=50, every=1, epsilon=chance
    )
    seen, values, losses, odd = env.eye[squares], [], [], 0
    for look in range(LOOKS):
        before = len(practice.losses)
        for _ in range(STEPS // LOOKS):
            best = dqn.q(practice.observation[None]).argmax()
            odd += look >= LOOKS // 2 and practice.step().action != best
            if look < LOOKS // 2:
                practice.step()
        values.append(dqn.q(seen).max(axis=1).mean())
        losses.append(np.mean(practice.losses[before:]))
    mine = dqn.q(seen)
    return Patient(
        steps=np.arange(1, LOOKS + 1) * (STEPS // LOOKS),
        values=np.array(values),
        true=float(q[squares].max(axis=1).mean()),
        losses=np.array(losses),
        apart=float(np.abs(mine - dqn.target.forward(seen)).max()),
        spread=float(np.ptp(mine, axis=1).mean()),
        true_spread=float(np.ptp(q[squares], axis=1).mean()),
        surprised=odd / (STEPS - STEPS // 2),
        goals=_reached(world, squares, mine.argmax(axis=1)),
    )


def _reached(world: GridWorld, squares: np.ndarray, actions: np.ndarray) -> float:
    """The share of squares from which these actions lead to the goal within 20 steps."""
    P, _ = world.model()
    follow = np.zeros((world.cells.size, world.cells.size))
    follow[squares] = P[squares, actions]
    goal = world.cells.ravel() == "G"
    follow[goal, goal] = 1
    return float(np.linalg.matrix_power(follow, 20)[squares][:, goal].sum(axis=1).mean())


def _show(values: Any) -> str:
    return np.array2string(np.asarray(values, dtype=float), precision=3, separator=", ")


returns = Returns("09/returns", "my_returns")
sweep = Sweep("09/sweep", "my_sweep")
sarsa_update = SarsaUpdate("09/sarsa-update", "my_sarsa_update")
epsilon_greedy = EpsilonGreedy("09/epsilon-greedy", "my_epsilon_greedy")
q_target = QTarget("09/q-target", "my_q_target")
double_target = DoubleTarget("09/double-target", "my_double_target")
loss_gradient = LossGradient("09/loss-gradient", "my_loss_gradient")
bug_clinic = BugClinic("09/bug-clinic", "diagnosis")
