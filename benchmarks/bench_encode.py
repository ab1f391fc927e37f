"""Times our encoders against those that agents use today, on two 1080p frames made here.

Run `.venv/bin/python -m benchmarks.bench_encode`; it prints a Markdown table and takes half a
minute. All encoders run in turn in each round, so that a slow moment of a shared machine meets
them alike: trust the ratios before the milliseconds. Every one starts from the BGRX pixels that a
capture gives and ends with the bytes of a file. Nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import mss.tools
import numpy as np
from mss.screenshot import ScreenShot
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from agentd.desktop.pictures.image import encode_raw, encode_webp
from agentd.desktop.pictures.jpeg import encode_jpeg
from agentd.desktop.pictures.png import encode_png
from agentd.desktop.pictures.scaling import scale_pixels
from agentd.desktop.screen.frame import Pixels, Size, fit

WIDTH, HEIGHT = 1920, 1080
QUALITY = 80
MODEL_EDGE = 1024
ROUNDS = 9

FONTS = Path("/usr/share/fonts/truetype/dejavu")
TEXT = (
    "the agent opens a window and reads each line of text before it clicks on a button near the "
    "lower edge return await self capture frame region damage settle 0x7f3a [ok] 127.0.0.1:5900 "
    "/usr/share/doc import"
)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Encoder:
    """A way from pixels to bytes, and the name of ours that it is measured against."""

    name: str
    encode: Callable[[Pixels], bytes]
    peer_of: str


def encoders(executor: Executor) -> list[Encoder]:
    """List ours, each followed by its peers; `executor` has the thread of a second core."""
    png, small, jpeg, webp = "PNG", f"PNG, long edge {MODEL_EDGE}", "JPEG", "WebP"
    return [
        Encoder(png, encode_png, png),
        Encoder("PNG, second thread", lambda pixels: encode_png(pixels, executor=executor), png),
        Encoder("Pillow PNG (level 6)", lambda pixels: pillow(pixels, "PNG"), png),
        Encoder("Pillow PNG level 1", lambda pixels: pillow(pixels, "PNG", compress_level=1), png),
        Encoder("mss.tools.to_png", mss_png, png),
        Encoder(small, small_png, small),
        Encoder(f"{small}, second thread", lambda pixels: small_png(pixels, executor), small),
        Encoder(f"Pillow LANCZOS, {small}", pillow_small_png, small),
        Encoder(jpeg, lambda pixels: encode_jpeg(pixels, QUALITY), jpeg),
        Encoder("Pillow JPEG", lambda pixels: pillow(pixels, "JPEG", quality=QUALITY), jpeg),
        Encoder(webp, lambda pixels: encode_webp(pixels, QUALITY), webp),
        Encoder("Pillow WebP", lambda pixels: pillow(pixels, "WEBP", quality=QUALITY), webp),
        Encoder("raw", encode_raw, "raw"),
    ]


def model_size(pixels: Pixels) -> Size:
    """The size at which models are shown a frame."""
    height, width = pixels.shape[:2]
    return fit(Size(width, height), max_long_edge=MODEL_EDGE)


def small_png(pixels: Pixels, executor: Executor | None = None) -> bytes:
    """Scale and encode with ours."""
    scaled = scale_pixels(pixels, model_size(pixels), executor=executor)
    return encode_png(scaled, executor=executor)


def pillow(pixels: Pixels, format: str, **options: int) -> bytes:
    """Encode with Pillow, by its defaults where no option says otherwise."""
    body = io.BytesIO()
    pillow_image(pixels).save(body, format, **options)
    return body.getvalue()


def pillow_small_png(pixels: Pixels) -> bytes:
    """Scale and encode with Pillow, in the way its tutorials do."""
    size = model_size(pixels)
    scaled = pillow_image(pixels).resize((size.width, size.height), Image.Resampling.LANCZOS)
    body = io.BytesIO()
    scaled.save(body, "PNG")
    return body.getvalue()


def pillow_image(pixels: Pixels) -> Image.Image:
    """Turn BGRX pixels into Pillow's RGB by its quickest route."""
    height, width = pixels.shape[:2]
    return Image.frombuffer("RGB", (width, height), pixels, "raw", "BGRX", 0, 1)


def mss_png(pixels: Pixels) -> bytes:
    """Encode with mss, in the way its own `save` does."""
    height, width = pixels.shape[:2]
    shot = ScreenShot.from_size(bytearray(pixels), width, height)
    body = mss.tools.to_png(shot.rgb, shot.size)
    assert body is not None, "without an output file mss returns the bytes"
    return body


def desk() -> Pixels:
    """A desktop: shaded wallpaper, a terminal, a page with text and a picture, an editor."""
    random = np.random.default_rng(7)
    down = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None]
    top, bottom = np.array([38, 84, 140]), np.array([150, 180, 200])
    wallpaper = np.broadcast_to(top + (bottom - top) * down, (HEIGHT, WIDTH, 3))
    picture = Image.fromarray(wallpaper.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    mono, sans, small = font("Mono", 13), font("", 15), font("", 13)
    draw.rectangle((0, 0, WIDTH, 25), fill=(46, 52, 64))
    draw.text((10, 5), "Applications   Places   System", font=small, fill=(236, 239, 244))
    draw.text((1800, 5), "Tue 14:32", font=small, fill=(236, 239, 244))

    draw_window(draw, (40, 60, 900, 700), "agent@desk: ~/main", (24, 26, 31))
    prompt: list[Colour] = [(208, 208, 208)] * 4 + [(138, 226, 52), (114, 159, 207)]
    draw_text(draw, random, (48, 96, 892, 696), mono, prompt, 16)

    draw_window(draw, (820, 130, 1860, 1010), "Reports and notes - Browser", (255, 255, 255))
    article: list[Colour] = [(32, 33, 36)] * 6 + [(26, 13, 171)]
    draw_text(draw, random, (850, 180, 1420, 1000), sans, article, 23)
    picture.paste(Image.fromarray(octaves(380, 280, seed=3)), (1450, 190))
    draw_text(draw, random, (1450, 490, 1840, 1000), sans, [(95, 99, 104)], 23)

    draw_window(draw, (120, 760, 760, 1040), "notes.txt", (250, 250, 245))
    draw_text(draw, random, (132, 800, 752, 1036), mono, [(30, 30, 30)], 17)
    return bgrx(np.asarray(picture))


def photo() -> Pixels:
    """What a photo or a film asks of an encoder: no two neighbours alike, no edge sharp."""
    return bgrx(octaves(WIDTH, HEIGHT, seed=11))


def octaves(width: int, height: int, *, seed: int) -> NDArray[np.uint8]:
    """Smooth noise, each octave finer and fainter than the last, with a little grain on top.

    Returns: height x width x 3.
    """
    random = np.random.default_rng(seed)
    total = 0.012 * random.standard_normal((height, width, 3))
    weight = 1.0
    for cell in (256, 128, 64, 32, 16, 8, 4, 2):
        columns, rows = width // cell + 2, height // cell + 2
        for channel in range(3):
            coarse = Image.fromarray(random.standard_normal((rows, columns)).astype(np.float32))
            fine = coarse.resize((columns * cell, rows * cell), Image.Resampling.BICUBIC)
            total[:, :, channel] += weight * np.asarray(fine)[:height, :width]
        weight *= 0.62
    lowest, highest = float(total.min()), float(total.max())
    total = (total - lowest) * (255 / (highest - lowest))
    return total.astype(np.uint8)


def draw_window(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], title: str, ground: Colour
) -> None:
    """Draw an empty window with its title and buttons."""
    left, top, right, _ = box
    draw.rectangle(box, fill=ground, outline=(90, 90, 96))
    draw.rectangle((left, top, right, top + 27), fill=(222, 222, 226), outline=(90, 90, 96))
    draw.text((left + 12, top + 6), title, font=font("-Bold", 13), fill=(40, 40, 44))
    for index, colour in enumerate(((237, 106, 94), (245, 191, 79), (98, 197, 84))):
        x = right - 22 - 20 * index
        draw.ellipse((x, top + 8, x + 12, top + 20), fill=colour)


def draw_text(
    draw: ImageDraw.ImageDraw,
    random: np.random.Generator,
    box: tuple[int, int, int, int],
    face: Font,
    colours: list[Colour],
    line_px: int,
) -> None:
    """Fill a box with lines of random words, ragged on both sides."""
    left, top, right, bottom = box
    words = TEXT.split()
    for y in range(top, bottom - line_px, line_px):
        x = left + 16 * int(random.integers(0, 3))
        end = left + int((right - left) * random.uniform(0.35, 1.0))
        while True:
            word = words[int(random.integers(len(words)))] + " "
            width = int(draw.textlength(word, font=face))
            if x + width > end:
                break
            colour = colours[int(random.integers(len(colours)))]
            draw.text((x, y), word, font=face, fill=colour)
            x += width


def font(style: str, size_px: int) -> Font:
    """DejaVu Sans in a style, or what Pillow brings along where it is not installed."""
    path = FONTS / f"DejaVuSans{style}.ttf"
    return ImageFont.truetype(path, size_px) if path.exists() else ImageFont.load_default(size_px)


def bgrx(rgb: NDArray[np.uint8]) -> Pixels:
    """Lay colours out as an X server does."""
    pixels = np.zeros((*rgb.shape[:2], 4), dtype=np.uint8)
    pixels[:, :, :3] = rgb[:, :, ::-1]
    return pixels


def measure(pixels: Pixels, contenders: list[Encoder], rounds: int) -> dict[str, tuple[float, int]]:
    """Return the median milliseconds and the size in bytes, by the encoder's name."""
    sizes = {encoder.name: len(encoder.encode(pixels)) for encoder in contenders}
    times: dict[str, list[float]] = {encoder.name: [] for encoder in contenders}
    for _ in range(rounds):
        for encoder in contenders:
            began = time.perf_counter()
            encoder.encode(pixels)
            times[encoder.name].append(1000 * (time.perf_counter() - began))
    return {name: (median(times[name]), size) for name, size in sizes.items()}


def print_table(
    contenders: list[Encoder], measured: dict[str, dict[str, tuple[float, int]]]
) -> None:
    """Print a row for each encoder and three columns for each frame."""
    columns = [f"{frame} {unit}" for frame in measured for unit in ("ms", "kB", "time, bytes")]
    print("| encoder |", " | ".join(columns), "|")
    print("|---|" + "---|" * len(columns))
    for encoder in contenders:
        cells = []
        for results in measured.values():
            (spent_ms, size), (ours_ms, ours) = results[encoder.name], results[encoder.peer_of]
            ratios = f"{spent_ms / ours_ms:.1f}x, {size / ours:.2f}x"
            cells += [f"{spent_ms:.1f}", f"{size / 1000:.0f}", ratios]
        print("|", " | ".join((encoder.name, *cells)), "|")


def run(rounds: int = ROUNDS) -> None:
    """Measure and print."""
    with ThreadPoolExecutor(1) as executor:
        contenders = encoders(executor)
        frames = {"desk": desk(), "photo": photo()}
        measured = {name: measure(frame, contenders, rounds) for name, frame in frames.items()}
    print(f"{WIDTH} x {HEIGHT}, median of {rounds}; lossy at quality {QUALITY}; ratios to ours")
    print()
    print_table(contenders, measured)


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="runs of each encoder")
    run(parser.parse_args().rounds)


if __name__ == "__main__":
    main()
