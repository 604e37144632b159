"""Worlds for an agent to act in, with gymnasium's interface.

grid_world    rooms with walls, rewards and pits that can be painted; its chances are known exactly
cartpole      gymnasium's CartPole-v1, faster, one at a time or many at once
bricks        a small pixel game of the course's own, in the spirit of Breakout
atari         Atari games as the papers of 2013 and 2015 showed them to the net (optional)

`reset(seed=…)` returns (observation, info); `step(action)` returns (observation, reward,
terminated, truncated, info). `terminated` says that the story is over and nothing more can be won,
`truncated` that the clock ran out in the middle of it: only the first makes the future worth
nothing.
"""
