"""Screens that tests change, and a viewer that follows a plan."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, count

import numpy as np
from PIL import Image, ImageDraw

from agentd.desktop.screen.frame import Frame, Pixels, Rect
from agentd.vnc.updates.plan import Plan

_ids = count(1)


def frame(pixels: Pixels) -> Frame:
    """A frame of its own number."""
    height, width = pixels.shape[:2]
    return Frame(np.ascontiguousarray(pixels), next(_ids), 1, Rect(0, 0, width, height))


def flat(width: int, height: int, *, value: int = 70) -> Pixels:
    return np.full((height, width, 4), value, np.uint8)


def letters(
    width: int, height: int, *, line: int = 16, seed: int = 3, is_sharp: bool = False
) -> Pixels:
    """Lines of random words, as many as fit; sharp ones have two colours."""
    picture = Image.new("RGB", (width, height), (250, 250, 245))
    draw = ImageDraw.Draw(picture)
    if is_sharp:
        draw.fontmode = "1"
    generator = np.random.default_rng(seed)
    for y in range(2, height, line):
        text = "".join(generator.choice(list("abcdefghijklmnopqrstuvwxyz    "), width // 7))
        draw.text((5, y), text, fill=(20, 30, 60))
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[:, :, :3] = np.asarray(picture)[:, :, ::-1]
    return pixels


def photo(width: int, height: int, *, seed: int = 1) -> Pixels:
    """Soft colours with some grain: hardly any two pixels are the same."""
    generator = np.random.default_rng(seed)
    few = generator.integers(0, 256, (height // 40 + 2, width // 40 + 2, 3), dtype=np.uint8)
    soft = np.asarray(Image.fromarray(few).resize((width, height), Image.Resampling.BICUBIC))
    grain = generator.integers(-6, 7, soft.shape)
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[:, :, :3] = (soft + grain).clip(0, 255)
    return pixels


def put(ground: Pixels, picture: Pixels, x: int, y: int) -> Pixels:
    """A copy of the ground with a picture laid on it, cut at the edges."""
    screen = Rect(0, 0, ground.shape[1], ground.shape[0])
    seen = Rect(x, y, picture.shape[1], picture.shape[0]).intersect(screen)
    both = ground.copy()
    both[seen.y : seen.bottom, seen.x : seen.right] = picture[
        seen.y - y : seen.bottom - y, seen.x - x : seen.right - x
    ]
    return both


def followed(before: Pixels, after: Pixels, plan: Plan) -> Pixels:
    """What a viewer shows that showed `before` and was sent the plan: one step after the other."""
    shown = before.copy()
    screen = Rect(0, 0, shown.shape[1], shown.shape[0])
    for copy in plan.copies:
        to, source = copy.to, Rect(copy.x, copy.y, copy.to.width, copy.to.height)
        assert to.area > 0
        assert screen.covers(to)
        assert screen.covers(source)
        taken = shown[source.y : source.bottom, source.x : source.right].copy()
        shown[to.y : to.bottom, to.x : to.right] = taken
    for rect in plan.rects:
        assert rect.area > 0
        assert screen.covers(rect)
        part = slice(rect.y, rect.bottom), slice(rect.x, rect.right)
        shown[part] = after[part]
    return shown


def overlap(rects: Iterable[Rect]) -> bool:
    """Whether any two have a pixel in common."""
    return any(one.meets(other) for one, other in combinations(list(rects), 2))


def sent(plan: Plan) -> int:
    """How many pixels are sent."""
    return sum(rect.area for rect in plan.rects)
