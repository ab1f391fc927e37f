"""The pointer, seen by real programs: buttons, click counts, drags, the wheel, the edges."""

from __future__ import annotations

import asyncio
import time

import pytest
from Xlib.display import Display

from agentd.base.errors import BadRequest, Conflict
from agentd.desktop.hands.input import Input
from agentd.desktop.xlink import DisplayAddress
from tests.live.conftest import HEIGHT, WIDTH
from tests.live.oracle import Oracle

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Inside every oracle's window, wherever openbox centres it; each test has a place of its own, so
# that no click continues the series of the one before.
X, Y = 450, 300

RIGHT, BOTTOM = WIDTH - 1, HEIGHT - 1

# What the text interface of a terminal does not tell is not asked of it.
NO_BUTTONS = ("xterm",)
NO_SIDE_BUTTONS = ("xterm", "tk")


def buttons_down(address: DisplayAddress) -> int:
    display = Display(address.name)
    try:
        mask: int = display.screen().root.query_pointer().mask
        return mask & 0x1F00
    finally:
        display.close()


@pytest.mark.not_told_by(*NO_BUTTONS)
@pytest.mark.parametrize(("button", "number"), [("left", 1), ("middle", 2), ("right", 3)])
async def test_each_button_arrives(hands: Input, field: Oracle, button: str, number: int) -> None:
    await hands.pointer.click(X + 10 * number, Y, owner="test", button=button)
    await field.wait_event("button", press=True, button=number)
    if field.toolkit != "gtk4":  # Its gesture tells no release of a claimed button.
        await field.wait_event("button", press=False, button=number)


@pytest.mark.not_told_by(*NO_SIDE_BUTTONS, "chromium", "firefox")
@pytest.mark.parametrize(("button", "number"), [("back", 8), ("forward", 9)])
async def test_side_buttons_arrive(hands: Input, field: Oracle, button: str, number: int) -> None:
    await hands.pointer.click(X + 10 * number, Y, owner="test", button=button)
    await field.wait_event("button", press=True, button=number)


@pytest.mark.not_told_by(*NO_BUTTONS)
@pytest.mark.parametrize("count", [1, 2, 3])
async def test_programs_count_clicks(hands: Input, field: Oracle, count: int) -> None:
    await hands.pointer.click(X + 40 * count, Y + 40, owner="test", count=count)
    await field.wait(lambda: len(field.of("button", press=False)) >= count)
    # Qt knows double clicks alone: the third press of three is a single one again.
    wanted = min(count, 2) if field.toolkit == "qt" else count
    assert max(event["count"] for event in field.of("button", press=True)) == wanted


@pytest.mark.not_told_by(*NO_BUTTONS, "qt")
async def test_double_clicks_do_not_grow_into_more(hands: Input, field: Oracle) -> None:
    await hands.pointer.click(X, Y + 80, owner="test", count=2)
    await hands.pointer.click(X, Y + 80, owner="test")
    await field.wait(lambda: len(field.of("button", press=False)) >= 3)
    assert max(event["count"] for event in field.of("button", press=True)) == 2


@pytest.mark.not_told_by(*NO_BUTTONS)
async def test_modifiers_are_held_for_a_click_alone(hands: Input, field: Oracle) -> None:
    await hands.pointer.click(X, Y + 120, owner="test", modifiers=["ctrl", "shift"])
    event = await field.wait_event("button", press=True, button=1)
    assert sorted(event["modifiers"]) == ["ctrl", "shift"]
    await hands.pointer.click(X + 60, Y + 120, owner="test")
    await field.wait(lambda: len(field.of("button", press=True)) == 2)
    assert field.of("button", press=True)[1]["modifiers"] == []


@pytest.mark.not_told_by(*NO_BUTTONS)
@pytest.mark.parametrize("duration_ms", [0, 150])
async def test_a_drag_is_one_press_a_path_and_one_release(
    hands: Input, field: Oracle, duration_ms: int
) -> None:
    path = [(X, Y), (X + 120, Y + 60), (X + 20, Y + 100)]
    await hands.pointer.drag(path, owner="test", duration_ms=duration_ms)
    await field.wait_event("button", press=False, button=1)
    assert [event["press"] for event in field.of("button")] == [True, False]
    press, release = field.of("button")
    assert release["x"] - press["x"] == pytest.approx(20, abs=1)
    assert release["y"] - press["y"] == pytest.approx(100, abs=1)
    motions = field.of("motion", buttons=[1])
    assert motions
    if duration_ms:
        # The path's far corner was seen, not jumped over.
        assert max(event["x"] for event in motions) - press["x"] > 100


@pytest.mark.parametrize(
    ("dx", "dy"), [(0, 3), (0, -2), (2, 0), (-2, 0)], ids=["down", "up", "right", "left"]
)
@pytest.mark.not_told_by(*NO_BUTTONS)
async def test_the_wheel_turns_in_four_directions(
    hands: Input, field: Oracle, dx: int, dy: int
) -> None:
    ticks = await hands.pointer.scroll(dx, dy, owner="test", x=X, y=Y)
    assert ticks == (dx, dy)

    def turned() -> tuple[float, float]:
        events = field.of("scroll")
        return sum(e["dx"] for e in events), sum(e["dy"] for e in events)

    if field.toolkit in ("chromium", "firefox"):
        # Browsers tell pixels, their own number a tick.
        def is_there() -> bool:
            # The last test's events may still come after the field was cleared.
            return any(e["dx"] * dx > 0 or e["dy"] * dy > 0 for e in field.of("scroll"))

        await field.wait(is_there)
    else:
        await field.wait(lambda: turned() == (dx, dy))


async def test_pixels_are_carried_over(hands: Input) -> None:
    scroll = hands.pointer.scroll
    assert await scroll(0, 150, owner="carry", unit="pixels") == (0, 1)
    assert await scroll(0, 50, owner="carry", unit="pixels") == (0, 1)
    assert await scroll(-30, 0, owner="carry", unit="pixels") == (0, 0)
    assert await scroll(-70, 0, owner="carry", unit="pixels") == (-1, 0)
    await scroll(0, 50, owner="carry", unit="pixels")
    await hands.release("carry")
    assert await scroll(0, 50, owner="carry", unit="pixels") == (0, 0)


@pytest.mark.parametrize(
    "point", [(0, 0), (WIDTH - 1, 0), (0, HEIGHT - 1), (WIDTH - 1, HEIGHT - 1)]
)
async def test_corners_can_be_reached(hands: Input, point: tuple[int, int]) -> None:
    await hands.pointer.move(*point, owner="test")
    assert await hands.pointer.cursor() == point
    await hands.pointer.click(*point, owner="test", button=9)
    assert await hands.pointer.cursor() == point


@pytest.mark.parametrize("point", [(-1, 0), (0, -1), (WIDTH, 0), (0, HEIGHT)])
async def test_points_off_the_screen_are_refused(hands: Input, point: tuple[int, int]) -> None:
    with pytest.raises(BadRequest, match=f"{WIDTH}x{HEIGHT}"):
        await hands.pointer.move(*point, owner="test")
    with pytest.raises(BadRequest, match=r"path\[1\]"):
        await hands.pointer.drag([(0, 0), point], owner="test")


async def test_half_a_point_is_refused(hands: Input) -> None:
    with pytest.raises(BadRequest, match="both x and y"):
        await hands.pointer.click(0, owner="test")


@pytest.mark.parametrize("button", ["middel", 0, 10, True])
async def test_unknown_buttons_are_refused(hands: Input, button: int | str) -> None:
    with pytest.raises(BadRequest, match="left, middle"):
        await hands.pointer.click(5, 5, owner="test", button=button)


async def test_cancelled_drag_lifts_its_button(hands: Input, display: DisplayAddress) -> None:
    async with asyncio.TaskGroup() as tasks:
        drag = tasks.create_task(
            hands.pointer.drag(
                [(5, 5), (200, 5)], owner="test", duration_ms=60_000, modifiers=["ctrl"]
            )
        )
        await wait_until(lambda: buttons_down(display) != 0)
        drag.cancel()
    assert drag.cancelled()
    # The next call on the lane comes after the lifting.
    await hands.pointer.cursor()
    assert buttons_down(display) == 0


async def test_release_ends_a_drag(hands: Input, display: DisplayAddress) -> None:
    async def drag() -> None:
        with pytest.raises(Conflict, match="lifted"):
            await hands.pointer.drag([(5, 5), (200, 5)], owner="gone", duration_ms=60_000)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(drag())
        await wait_until(lambda: buttons_down(display) != 0)
        assert await hands.release("gone") == 1
    assert buttons_down(display) == 0


async def test_others_press_keys_while_one_drags(hands: Input) -> None:
    async with asyncio.TaskGroup() as tasks:
        drag = tasks.create_task(
            hands.pointer.drag([(5, 5), (200, 5)], owner="one", duration_ms=60_000)
        )
        await asyncio.wait_for(hands.keys.press("Escape", owner="two"), 5)
        drag.cancel()


async def test_a_held_button_is_shared(hands: Input, display: DisplayAddress) -> None:
    await hands.pointer.button_down("left", owner="one", x=3, y=3)
    await hands.pointer.button_down("left", owner="two")
    with pytest.raises(Conflict, match="held"):
        await hands.pointer.click(owner="three")
    assert await hands.release("one") == 0
    assert buttons_down(display) == 0x100
    await hands.pointer.button_up("left", owner="two")
    assert buttons_down(display) == 0


async def wait_until(condition: object, limit_s: float = 5.0) -> None:
    """Ask the server again and again: it has no event for its own pointer state."""
    assert callable(condition)
    deadline = time.monotonic() + limit_s
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline
