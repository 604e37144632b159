"""The explorers of chapter 09 in a real browser, on one page: by control, keyboard and pointer."""

import re

import pytest
from lab import expect


@pytest.fixture(scope="module")
def page(new_lab):
    """One page with all explorers of the chapter."""
    with new_lab() as lab:
        lab.show_all(
            "from dlkit.widgets.ch09_dqn import *",
            grid="PaintTheWorld()",
            work="DQNAtWork()",
            play="YouAgainstTheAgent(opponent='a rule')",
        )
        yield lab


def place(page, axes, x, y):
    """Where (x, y) of axes, in their data's units, lies on the picture."""
    return page.python(
        f"[float(v) for v in {axes}.figure.transFigure.inverted().transform("
        f"{axes}.transData.transform(({x}, {y})))]"
    )


def test_paint_the_world(page):
    grid = page.alive("explorer-grid")
    before = grid.settled()
    grid.button("Step").click()
    grid.wait_for_change(before)
    expect(grid.description).to_contain_text("1 move, 0 episodes")
    grid.button("One episode").click()
    expect(grid.description).to_contain_text("1 episode")
    # It runs by itself until it is paused.
    grid.control("one step is").select_option("10 episodes")
    grid.button("Run").click()
    expect(grid.description).not_to_contain_text("1 episode.")
    grid.button("Pause").click()
    expect(grid.button("Run")).to_be_visible()
    page.wait_idle()
    page.python("grid.advance(30)")
    # A wall in the door, by pointer, and another way out, by keyboard alone.
    page.wait_idle()
    at_best = page.python("grid.data.worth[2]")
    grid.control("pointer paints").select_option("wall")
    before = grid.settled()
    grid.click(*place(page, "grid.learned.axes", 4.5, 2.5))
    grid.wait_for_change(before)
    page.wait_idle()
    assert page.python("grid.data.worth[2]") < at_best  # no way to the goal
    assert page.python("grid.data.world.rows[3]") == "....#...."
    grid.canvas.focus()
    for key in ("ArrowDown", "ArrowDown", "f"):
        grid.canvas.press(key)
    page.wait_idle()
    assert page.python("grid.data.world.rows[5]") == "........G"
    page.python("grid.advance(30)")
    page.screenshot("09-grid-painted", grid)
    # A drag paints a row of squares.
    ends = (place(page, "grid.learned.axes", x, 5.5) for x in (1.5, 3.5))
    grid.drag(*map(tuple, ends), steps=12)
    page.wait_idle()
    assert page.python("grid.data.world.rows[0]") == "S####...."
    grid.button("Unpaint").click()
    grid.control("method").select_option("value iteration")
    page.wait_idle()
    page.python("grid.advance(60)")
    expect(grid.description).to_contain_text("value iteration on 6 × 9 squares")
    page.screenshot("09-grid-swept", grid)
    # The cliff: Q-learning's way and SARSA's, as a fork.
    grid.control("world").select_option("the cliff")
    grid.control("method").select_option("Q-learning")
    page.wait_idle()
    page.python("grid.advance(60)")
    grid.button("Fork").click()
    grid.control("method").select_option("SARSA")
    page.wait_idle()
    page.python("grid.advance(40)")
    expect(grid.description).to_contain_text("SARSA on 4 × 12 squares, branch B")
    grid.in_both_themes("ch09-grid-cliff", "grid")
    grid.button("Reset").click()
    expect(grid.description).to_contain_text("Q-learning on 6 × 9 squares, branch A: 0 moves")


def test_dqn_at_work(page):
    work = page.alive("explorer-work")
    before = work.settled()
    work.button("Step").click()
    work.wait_for_change(before)
    expect(work.description).to_contain_text("100 moves")
    work.button("Run").click()
    expect(work.description).not_to_contain_text("100 moves")
    work.button("Pause").click()
    expect(work.button("Run")).to_be_visible()
    page.wait_idle()
    reached = page.python("work.time")
    page.page.wait_for_timeout(300)
    assert page.python("work.time") == reached
    page.python("work.advance(max(60 - work.time, 0))")
    work.button("Test").click()
    expect(work.description).to_contain_text("Test after")
    page.screenshot("09-dqn-cartpole", work)
    # Back, and on without replay, in a branch of its own; by keyboard.
    work.slider("step").press("Home")
    expect(work.description).to_contain_text("0 moves")
    work.canvas.focus()
    work.canvas.press("r")
    page.wait_idle()
    assert not page.python("work.values['replay']")
    work.canvas.press("n")
    expect(work.description).to_contain_text("branch B (no replay)")
    page.wait_idle()
    page.python("work.advance(40)")
    page.screenshot("09-dqn-no-replay", work)
    work.control("game").select_option("Bricks")
    work.control("copy target every").select_option("1,000")
    page.wait_idle()
    page.python("work.advance(30)")
    expect(work.description).to_contain_text("Bricks, branch A (no replay, target every 1,000)")
    work.in_both_themes("ch09-dqn-bricks", "work")
    work.button("Reset").click()
    expect(work.description).to_contain_text("CartPole, branch A (usual settings). 0 moves")


def test_you_against_the_agent(page):
    play = page.alive("explorer-play")
    expect(play.description).to_contain_text("round 1, not begun")
    page.screenshot("09-play-ready", play)
    # A key that is held moves the paddle until it is let go; the clock runs meanwhile.
    play.canvas.focus()
    keyboard = page.page.keyboard
    page.python("play.set(speed=0.25)")  # a step takes 0.8 s
    keyboard.down("ArrowLeft")
    expect(play.description).to_contain_text(re.compile("under way, [2-4] steps"))
    assert page.python("play._held") == ["ArrowLeft"]
    keyboard.up("ArrowLeft")
    page.wait_idle()
    assert page.python("play._held") == []
    play.canvas.press(" ")
    expect(play.description).to_contain_text("paused")
    page.wait_idle()
    steps = page.python("play.data.you.steps")
    assert page.python("play.data.agent.steps") == steps  # the same clock
    page.page.wait_for_timeout(500)
    assert page.python("play.data.you.steps") == steps  # which stands still
    assert page.python("int(play.data.you.observation[0].any(axis=0).argmax())") < 4
    play.in_both_themes("ch09-play-paused", "play")
    # On with the pointer: the paddle comes to it.
    page.python("play.set(speed=4.0)")
    play.button("Next round").click()
    x, y = place(page, "play.page", 4.2, 3.0)
    play.click(x, y)
    expect(play.description).to_contain_text("round 2, under way")
    play.root.page.mouse.move(**play.point(x, y))
    page.page.wait_for_timeout(700)
    page.wait_idle()
    assert page.python("play._pointed") > 0.8
    page.python("play.tick(400)")
    expect(play.description).to_contain_text("round 2, over")
    assert sum(page.python("list(play.data.tally)")) == 1
    page.screenshot("09-play-over", play)
    # After a button the keys belong to the game.
    play.button("Start").click()
    expect(play.description).to_contain_text("round 3, under way")
    keyboard.press(" ")
    expect(play.description).to_contain_text("round 3, paused")
    # CartPole against chance.
    play.control("game").select_option("CartPole")
    play.control("beside you plays").select_option("chance")
    expect(play.description).to_contain_text("CartPole, round 3, not begun")
    play.canvas.focus()
    play.canvas.press("ArrowRight")
    expect(play.description).to_contain_text("CartPole, round 3, over", timeout=60_000)
    page.screenshot("09-play-cartpole", play)
    play.button("Reset").click()
    expect(play.description).to_contain_text("Bricks, round 1, not begun")
