"""Programs that take a picture of a VNC server: they get what agents get, pointer included."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
import termios

import asyncvnc
import numpy as np
import pytest
import pytest_asyncio

from benchmarks.rfb_handshake import response
from tests.live.vnc_desk import Colours, colours_of, difference, open_desk, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

TAKES_S = 30.0
VNCDO = "import sys; from vncdotool.command import vncdo; sys.exit(vncdo())"
# What VNC programs hide passwords in files with.
FILE_KEY = bytes((23, 82, 107, 6, 35, 78, 88, 7)).decode("latin-1")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory):
    async with open_desk(tmp_path_factory.mktemp("desk")) as opened:
        opened.client.desktop.move(x=500, y=300)
        yield opened


@pytest_asyncio.fixture(loop_scope="module", params=["text", "photo"])
async def content(desk, request) -> None:
    """What the desktop shows."""
    await desk.show(request.param, 1)


@pytest.fixture
def wanted(desk, content) -> Colours:
    """The picture that is to be taken."""
    return desk.look_with_pointer()


async def run(*argv: str, stdin: int = asyncio.subprocess.DEVNULL) -> None:
    """Run a program to its end."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=stdin, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(TAKES_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said.decode(errors="replace")


async def test_vncdotool(desk, wanted, tmp_path):
    picture = tmp_path / "picture.png"
    server = desk.address.replace(":", "::")
    password = desk.grant().password
    argv = ("-s", server, "-p", password, "capture", str(picture))
    await run(sys.executable, "-c", VNCDO, *argv)
    assert not difference(wanted, colours_of(picture))


# It answers the challenge by a cipher that its library says has had its time.
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
async def test_asyncvnc(desk, wanted):
    host, port = desk.address.split(":")
    async with asyncvnc.connect(host, int(port), password=desk.grant().password) as client:
        pixels = (await client.screenshot()).astype(np.uint32)
    assert not difference(wanted, pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2])


async def test_gvnccapture(desk, content, tmp_path):
    picture = tmp_path / "picture.png"
    ours, theirs = pty.openpty()
    try:
        argv = ("gvnccapture", "-q", display_of(desk), str(picture))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run(*argv, stdin=theirs), name="gvnccapture")
            # It throws away what was typed before it asked, and asks without an echo.
            await until(lambda: has_echo(theirs), lambda has: not has, "it asks for the password")
            os.write(ours, desk.grant().password.encode() + b"\n")
    finally:
        os.close(ours)
        os.close(theirs)
    # It takes the first rectangle for the picture; the pointer is painted in a later one.
    assert not difference(desk.screen.look(), colours_of(picture))


@pytest.mark.parametrize("encodings", ["raw", "tight copyrect", "hextile", "zlib"])
async def test_vncsnapshot(desk, wanted, tmp_path, encodings):
    picture, secret = tmp_path / "picture.jpg", tmp_path / "password"
    secret.write_bytes(response(FILE_KEY, desk.grant().password.encode()))
    argv = ("-quiet", "-nojpeg", "-quality", "100", "-encodings", encodings)
    await run("vncsnapshot", "-passwd", str(secret), *argv, display_of(desk), str(picture))
    # It writes JPEG, which is never exact.
    assert error(wanted, colours_of(picture)) < 4.0


@pytest.mark.parametrize("version", ["3.3", "3.7", "3.8"])
async def test_gstreamer(desk, wanted, tmp_path, version):
    picture = tmp_path / "picture"
    host, port = desk.address.split(":")
    argv = ["rfbsrc", f"host={host}", f"port={port}", f"password={desk.grant().password}"]
    argv += [f"version={version}", "num-buffers=1", "view-only=true", "!", "videoconvert", "!"]
    argv += ["video/x-raw,format=BGRx", "!", "filesink", f"location={picture}"]
    await run("gst-launch-1.0", "-q", *argv)
    words = np.fromfile(picture, np.uint32).reshape(wanted.shape)
    assert not difference(wanted, words & np.uint32(0xFFFFFF))


def has_echo(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def display_of(desk) -> str:
    """Return the address as programs of old want it: 5900 and more are displays."""
    host, port = desk.address.split(":")
    return f"{host}:{int(port) - 5900}"


def error(wanted: Colours, seen: Colours) -> float:
    """Return by how much colours are wrong, on average."""
    assert wanted.shape == seen.shape
    return float(np.abs(channels(wanted) - channels(seen)).mean())


def channels(colours: Colours) -> np.ndarray:
    return np.stack([colours >> np.uint32(shift) & 255 for shift in (16, 8, 0)]).astype(float)
