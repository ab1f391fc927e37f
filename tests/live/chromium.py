"""A headless Chromium with one page, driven by the DevTools protocol over a WebSocket.

Sources: chromedevtools.github.io/devtools-protocol (Page, Runtime, Input, Emulation, Browser).
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import aiohttp

START_S = 30.0
ANSWER_S = 30.0
CONDITION_S = 20.0
END_S = 2.0

_OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
_OPTIONS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
_OPTIONS += ["--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars"]
_OPTIONS += ["--remote-debugging-port=0", "--remote-allow-origins=*"]

# True as soon as the expression is, looked at after each frame; false when the time is up.
_CONDITION = """new Promise((done) => {
  const end = performance.now() + %d;
  const look = async () => {
    let holds = false;
    try { holds = Boolean(await (%s)); } catch { holds = false; }
    if (holds || performance.now() > end) done(holds);
    else setTimeout(look, 15);
  };
  look();
})"""

_KEYS = {"Enter": ("\r", 13), "Tab": ("", 9), "Escape": ("", 27), "Backspace": ("", 8)}


class PageError(AssertionError):
    """The page did not do what it was asked."""


class Browser:
    """The connection to a running browser; made by `chromium`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = iter(range(1, 1 << 30))
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}

    async def send(self, method: str, parameters: dict[str, Any], **more: str) -> dict[str, Any]:
        """Ask for one thing and return the answer."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters, **more})
        async with asyncio.timeout(ANSWER_S):
            found = await answer
        if "error" in found:
            raise PageError(f"{method}: {found['error']['message']}")
        return dict(found["result"])

    async def receive(self) -> None:
        """Hand out what comes, until the browser ends."""
        async for message in self._socket:
            event = json.loads(message.data)
            if "id" in event:
                answer = self._waiting.pop(event["id"])
                if not answer.done():
                    answer.set_result(event)
            elif event.get("sessionId") in self._pages:
                self._pages[event["sessionId"]].note(event["method"], event["params"])

    async def open_page(self) -> Page:
        """Open a page with a storage of its own."""
        context = (await self.send("Target.createBrowserContext", {}))["browserContextId"]
        target = await self.send(
            "Target.createTarget", {"url": "about:blank", "browserContextId": context}
        )
        attached = await self.send(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        page = Page(self, attached["sessionId"], context)
        self._pages[attached["sessionId"]] = page
        for domain in ("Page", "Runtime", "Log"):
            await page.send(f"{domain}.enable")
        # A page that is not in front counts as one without the focus.
        await page.send("Emulation.setFocusEmulationEnabled", enabled=True)
        await page.size(1280, 800)
        return page


class Page:
    """One page of a browser."""

    def __init__(self, browser: Browser, session_id: str, context_id: str) -> None:
        self._browser = browser
        self._session_id = session_id
        self._context_id = context_id
        # What the page wrote to its console, errors that it did not catch, what a policy refused.
        self.console: list[str] = []

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask the page for one thing and return the answer."""
        return await self._browser.send(method, parameters, sessionId=self._session_id)

    def note(self, method: str, event: dict[str, Any]) -> None:
        """Keep what the page complains of."""
        if method == "Runtime.consoleAPICalled":
            words = [str(word.get("value", word.get("description"))) for word in event["args"]]
            self.console.append(f"{event['type']}: {' '.join(words)}")
        elif method == "Runtime.exceptionThrown":
            detail = event["exceptionDetails"]
            self.console.append(f"uncaught: {detail.get('exception', detail).get('description')}")
        elif method == "Log.entryAdded":
            self.console.append(f"{event['entry']['level']}: {event['entry']['text']}")

    async def open(self, url: str) -> None:
        """Go to an address; returns when its document is there."""
        await self.send("Page.navigate", url="about:blank")
        await self.send("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def prepare(self, script: str) -> None:
        """Run a script in every document that is opened, before its own."""
        await self.send("Page.addScriptToEvaluateOnNewDocument", source=script)

    async def close(self) -> None:
        """Close the page, and forget its storage."""
        await self._browser.send(
            "Target.disposeBrowserContext", {"browserContextId": self._context_id}
        )

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, which may be a promise."""
        found = await self.send(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in found:
            raise PageError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    async def until(self, condition: str, *, limit_s: float = CONDITION_S) -> None:
        """Wait until an expression is true."""
        if not await self.evaluate(_CONDITION % (limit_s * 1000, condition)):
            text = await self.evaluate("document.body.innerText.slice(0, 600)")
            raise PageError(f"not true: {condition}\npage: {text}\nconsole: {self.console}")

    async def text(self, selector: str) -> str:
        """Return the text that an element shows; empty if it is not shown."""
        quoted = json.dumps(selector)
        return str(
            await self.evaluate(
                f"((e) => e && e.checkVisibility() ? e.innerText : '')"
                f"(document.querySelector({quoted}))"
            )
        )

    async def is_shown(self, selector: str) -> bool:
        """Whether an element is there and visible."""
        quoted = json.dumps(selector)
        return bool(await self.evaluate(f"!!document.querySelector({quoted})?.checkVisibility()"))

    async def middle_of(self, selector: str) -> tuple[float, float]:
        """Return the middle of an element, in the page's pixels."""
        quoted = json.dumps(selector)
        await self.until(f"document.querySelector({quoted})?.checkVisibility()")
        box = await self.evaluate(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
            f"(document.querySelector({quoted}).getBoundingClientRect())"
        )
        return box[0], box[1]

    async def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Send one mouse event: `mouseMoved`, `mousePressed`, `mouseReleased`, `mouseWheel`."""
        await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    async def click_at(self, x: float, y: float, *, button: str = "left") -> None:
        """Click at a point of the page."""
        await self.mouse("mouseMoved", x, y)
        await self.mouse("mousePressed", x, y, button=button, clickCount=1)
        await self.mouse("mouseReleased", x, y, button=button, clickCount=1)

    async def click(self, selector: str) -> None:
        """Click in the middle of an element."""
        await self.click_at(*await self.middle_of(selector))

    async def tap_at(self, x: float, y: float) -> None:
        """Touch a point of the page with one finger."""
        await self.send(
            "Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}]
        )
        await self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    async def press(self, key: str, *, code: str = "", modifiers: int = 0) -> None:
        """Press and release a key: a character, or a name such as `Enter`."""
        text, number = _KEYS.get(key, (key if len(key) == 1 else "", ord(key[0].upper())))
        shared = {
            "key": key,
            "code": code or (f"Key{key.upper()}" if key.isalpha() and len(key) == 1 else key),
            "windowsVirtualKeyCode": number,
            "modifiers": modifiers,
        }
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        await self.send("Input.dispatchKeyEvent", **shared, **down)
        await self.send("Input.dispatchKeyEvent", **shared, type="keyUp")

    async def insert(self, text: str) -> None:
        """Put text where the caret is, as a phone's keyboard does: without key events."""
        await self.send("Input.insertText", text=text)

    async def size(
        self, width: int, height: int, *, touch: bool = False, scale: float = 1.0
    ) -> None:
        """Give the window a size; `touch` makes it a phone's."""
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=touch,
        )
        await self.send("Emulation.setTouchEmulationEnabled", enabled=touch)

    async def prefer(self, **features: str) -> None:
        """Set media features: `color_scheme="light"`, `reduced_motion="reduce"`."""
        await self.send(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": f"prefers-{name.replace('_', '-')}", "value": value}
                for name, value in features.items()
            ],
        )

    async def permit(self, *names: str) -> None:
        """Grant permissions to every site: `clipboardReadWrite`, `wakeLockScreen`."""
        await self._browser.send(
            "Browser.grantPermissions",
            {"permissions": list(names), "browserContextId": self._context_id},
        )

    async def screenshot(self) -> bytes:
        """Return the page as a PNG."""
        found = await self.send("Page.captureScreenshot", format="png")
        return base64.b64decode(found["data"])


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run a browser for the time of the block."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        process = await asyncio.create_subprocess_exec(
            "chromium",
            *_OPTIONS,
            f"--user-data-dir={folder}",
            "about:blank",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        stack.push_async_callback(_end, process)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        async with asyncio.timeout(START_S):
            address = await _address(process)
            limit = aiohttp.ClientWSTimeout(ws_close=END_S)
            socket = await session.ws_connect(address, max_msg_size=0, timeout=limit)
        stack.push_async_callback(socket.close)
        browser = Browser(socket)
        for name, work in (("devtools", browser.receive()), ("its log", _drain(process))):
            # A fixture's two halves may be run by different tasks, which a TaskGroup forbids.
            task = asyncio.create_task(work, name=f"chromium {name}")  # noqa: TID251
            stack.callback(task.cancel)
        yield browser


async def _address(process: asyncio.subprocess.Process) -> str:
    """Read the address of DevTools, which the browser tells as it starts."""
    assert process.stderr is not None
    said = []
    async for line in process.stderr:
        said.append(line.decode(errors="replace"))
        if "DevTools listening on " in said[-1]:
            return said[-1].partition("listening on ")[2].strip()
    raise PageError(f"the browser did not start: {''.join(said)}")


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    async for _ in process.stderr:
        pass


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
