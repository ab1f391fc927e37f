"""Looks into videos with ffprobe, and at frames of them with ffmpeg."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Video(NamedTuple):
    """What a player would find."""

    codec: str
    pixel_format: str
    width: int
    height: int
    duration_s: float
    times_s: list[float]


def probe(path: Path) -> Video:
    """Read a whole video; AssertionError where a player would stumble."""
    entries = "format=duration:stream=codec_name,pix_fmt,width,height:packet=pts_time"
    argv = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "json", str(path)]
    found = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert found.stderr == ""
    document = json.loads(found.stdout)
    (stream,) = document["streams"]
    times_s = [float(packet["pts_time"]) for packet in document["packets"]]
    return Video(
        stream["codec_name"],
        stream["pix_fmt"],
        stream["width"],
        stream["height"],
        # WebM that was cut off has no length written down: then the last picture tells.
        float(document["format"].get("duration", times_s[-1])),
        times_s,
    )


def picture_at(path: Path, at_s: float) -> np.ndarray:
    """Return the picture that a player shows at a time: height x width x 3, RGB."""
    video = probe(path)
    number = max(i for i, time_s in enumerate(video.times_s) if time_s <= at_s)
    argv = ["ffmpeg", "-v", "error", "-i", str(path), "-vf", f"select=eq(n\\,{number})"]
    argv += ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    found = subprocess.run(argv, capture_output=True, check=True)
    return np.frombuffer(found.stdout, np.uint8).reshape(video.height, video.width, 3)
