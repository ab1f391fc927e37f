"""The types that the desktop's commands take: what a caller may write, with meaning and example.

Pure. One definition for one thing: every command that takes a coordinate, a chord or a region
takes it from here, so that they read the same everywhere.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agentd.desktop.pictures.image import ImageFormat
from agentd.desktop.screen.frame import MAX_EDGE, MAX_SCALE, Rect

X = Annotated[
    int,
    Meta(ge=0, lt=MAX_EDGE, description="Column in screen pixels, 0 is the left", examples=[640]),
]
Y = Annotated[
    int,
    Meta(ge=0, lt=MAX_EDGE, description="Row in screen pixels, 0 is the top", examples=[400]),
]
ScreenEdge = Annotated[
    int, Meta(ge=64, le=MAX_EDGE, description="Pixels along this edge", examples=[1280])
]
Offset = Annotated[
    int,
    Meta(
        gt=-MAX_EDGE,
        lt=MAX_EDGE,
        description="Screen pixels; may be negative",
        examples=[100],
    ),
]
Button = Annotated[
    str | int,
    Meta(
        description="left, middle, right, back, forward, or the X button number 1..9",
        examples=["left"],
    ),
]
Modifiers = Annotated[
    list[str],
    Meta(
        max_length=8,
        description="Keys held during the action: ctrl, shift, alt, super",
        examples=[["ctrl"]],
    ),
]
Keys = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        description="A key or a chord joined by +; names in any case, as X, xdotool or browsers "
        "call them",
        examples=["ctrl+s"],
    ),
]
Key = Annotated[
    str,
    Meta(min_length=1, max_length=64, description="One key, named as in keys", examples=["shift"]),
]
Text = Annotated[
    str,
    Meta(
        max_length=100_000,
        description="Any Unicode text; a line break presses Return, a tab presses Tab",
        examples=["Grüße, мир, 你好 🎉"],
    ),
]
Amount = Annotated[
    float,
    Meta(ge=-100_000, le=100_000, description="Ticks or pixels by unit", examples=[3]),
]
ScrollUnit = Annotated[Literal["ticks", "pixels"], Meta(description="pixels: 100 to a wheel tick")]
Count = Annotated[
    int, Meta(ge=1, le=10, description="2 double click, 3 triple click", examples=[2])
]
Repeat = Annotated[int, Meta(ge=1, le=100, description="Times", examples=[3])]
TypeDelay = Annotated[int, Meta(ge=0, le=1000, description="Between characters, ms", examples=[20])]
QuietMs = Annotated[
    int, Meta(ge=20, le=60_000, description="This long unchanged, ms", examples=[150])
]
WaitMs = Annotated[int, Meta(ge=0, le=600_000, description="Wait at most, ms", examples=[5000])]
Milliseconds = Annotated[int, Meta(ge=0, le=600_000, description="Milliseconds", examples=[250])]
Scale = Annotated[
    float,
    Meta(gt=0, le=MAX_SCALE, description="Picture pixels per screen pixel", examples=[0.5]),
]
MaxLongEdge = Annotated[
    int,
    Meta(ge=1, le=MAX_EDGE, description="Longer edge at most, pixels", examples=[1568]),
]
MaxPixels = Annotated[
    int,
    Meta(ge=1, description="Width times height at most, pixels", examples=[1150000]),
]
MaxBytes = Annotated[
    int,
    Meta(
        ge=64,
        description="Body at most, bytes: first quality gives way, then size",
        examples=[500000],
    ),
]
Format = Annotated[
    ImageFormat,
    Meta(description="raw is BGRX, 4 bytes a pixel, row by row", examples=["jpeg"]),
]
Quality = Annotated[int, Meta(ge=1, le=100, description="Of jpeg and webp", examples=[80])]
WithCursor = Annotated[bool, Meta(description="Draw the real cursor into it", examples=[False])]
Generation = Annotated[
    int,
    Meta(
        ge=0,
        description="Of the picture that the point was found on; refused if the screen has "
        "been resized or started anew since",
        examples=[1],
    ),
]
WindowId = Annotated[
    int, Meta(ge=1, lt=1 << 32, description="A window's id from windows.list", examples=[12582919])
]
TimeoutS = Annotated[
    float, Meta(gt=0, le=600, description="How long to wait, in seconds", examples=[10])
]


# What models and their clients take: larger pictures are scaled down there, unseen, so that points
# no longer fit; answers over a megabyte, base64 and all, are refused.
MODEL_PICTURE = {"max_long_edge": 1568, "max_pixels": 1_150_000, "max_bytes": 750_000}


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the screen, in screen pixels; what lies off the screen is cut away."""

    x: Offset
    y: Offset
    width: Annotated[int, Meta(ge=1, le=MAX_EDGE)]
    height: Annotated[int, Meta(ge=1, le=MAX_EDGE)]

    def rect(self) -> Rect:
        """Return it as a rectangle of the screen."""
        return Rect(self.x, self.y, self.width, self.height)


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A point of the screen, in screen pixels."""

    x: X
    y: Y


class Done(msgspec.Struct, frozen=True):
    """It is done; there is nothing else to say."""
