"""The `desktop` commands of the asynchronous client.

Generated from the daemon's registry by `python -m agentd --write-generated .`: change the
commands, not this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from agentd.client.blob import Blob
from agentd.client.commands import values
from agentd.client.picture import Picture
from agentd.client.transport import AsyncTransport


class Desktop:
    """`desktop.*`.

    `deadline_s` is how long the daemon may take, in seconds. Cancelling a call cancels the command
    in the daemon.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def act(
        self,
        actions: Sequence[Mapping[str, Any]],
        *,
        dialect: str = "native",
        display: values.DeclaredDisplay | None = None,
        settle: values.Settle | msgspec.UnsetType | None = msgspec.UNSET,
        observe: values.Observe | msgspec.UnsetType | None = msgspec.UNSET,
        generation: int | None = None,
        space: Literal["image", "normalised", "screen"] = "screen",
        frame: int | None = None,
        picture: values.ScreenSpace | None = None,
        step_timeout_ms: int = 300000,
        timeout_ms: int = 600000,
        idempotency_key: str | None = None,
        deadline_s: float = 660.0,
    ) -> values.ActReport:
        """Do a batch of actions, wait until the screen is quiet, take one picture.

        All actions are checked before the first one runs. The batch halts at the first that
        fails: `steps` tells what became of each, keys that were held are lifted, and the picture
        is taken all the same. A screenshot or zoom in the midst settles the screen first.

        Args:
            actions: In order; a vendor's tool calls as they are with `dialect`; for example
                [{"action": "click", "x": 640, "y": 400}, {"action": "type", "text": "hello"},
                {"action": "press", "keys": "Return"}].
            dialect: Whose words: native, anthropic, openai, gemini, or the exact tool, as
                computer_20251124; for example "anthropic".
            display: With a dialect: the display as the vendor's tool declares it; for example
                {"width": 1280, "height": 800}.
            settle: Wait until the screen is quiet before a picture; null = do not; for example
                {"quiet_ms": 150, "timeout_ms": 5000}.
            observe: The picture at the end, as desktop.screenshot takes it; null = none; for
                example {"show": "if_changed", "max_long_edge": 1568}.
            generation: Of the picture that the point was found on; refused if the screen has been
                resized or started anew since; at least 0; for example 1.
            space: What points are given in: screen pixels, pixels of a picture, or 0..1 of the
                screen.
            frame: Frame number of the picture of space image; at least 0; for example 17.
            picture: Instead of frame: `space` of the picture's metadata, as it is; for example
                {"x": 0, "y": 0, "width": 1280, "height": 800, "scale": 0.8, "screen_width": 1280,
                "screen_height": 800}.
            step_timeout_ms: Milliseconds; 0..600000; for example 250.
            timeout_ms: Milliseconds; 0..600000; for example 250.
            idempotency_key: The same call sent again under its key is not done again; for example
                "turn-17".
        """
        return await self._transport.json(
            "desktop.act",
            {
                "actions": actions,
                "dialect": dialect,
                "display": display,
                "settle": settle,
                "observe": observe,
                "generation": generation,
                "space": space,
                "frame": frame,
                "picture": picture,
                "step_timeout_ms": step_timeout_ms,
                "timeout_ms": timeout_ms,
                "idempotency_key": idempotency_key,
            },
            values.ActReport,
            deadline_s,
        )

    async def anchor(
        self,
        *,
        region: values.Region | None = None,
        deadline_s: float = 30.0,
    ) -> values.AnchorReport:
        """Tell what a part of the screen looks like, to compare with a recording.

        `hash` is of its pixels; `look` is 8 x 8 shades of grey, two hexadecimal digits each, as
        in the `before` of an action log's lines.

        Args:
            region: The part of the screen; none: the square around the cursor; for example {"x":
                600, "y": 360, "width": 96, "height": 96}.
        """
        return await self._transport.json(
            "desktop.anchor",
            {"region": region},
            values.AnchorReport,
            deadline_s,
        )

    async def button_down(
        self,
        x: int | None = None,
        y: int | None = None,
        *,
        button: str | int = "left",
        generation: int | None = None,
        deadline_s: float = 30.0,
    ) -> values.CursorAt:
        """Press a button and keep it down until button_up, or until the connection ends.

        Args:
            x: Column in screen pixels, 0 is the left; 0..16383; for example 640.
            y: Row in screen pixels, 0 is the top; 0..16383; for example 400.
            button: left, middle, right, back, forward, or the X button number 1..9; for example
                "left".
            generation: Of the picture that the point was found on; refused if the screen has been
                resized or started anew since; at least 0; for example 1.
        """
        return await self._transport.json(
            "desktop.button_down",
            {"x": x, "y": y, "button": button, "generation": generation},
            values.CursorAt,
            deadline_s,
        )

    async def button_up(
        self,
        x: int | None = None,
        y: int | None = None,
        *,
        button: str | int = "left",
        generation: int | None = None,
        deadline_s: float = 30.0,
    ) -> values.CursorAt:
        """Let go of a button that this connection holds.

        Args:
            x: Column in screen pixels, 0 is the left; 0..16383; for example 640.
            y: Row in screen pixels, 0 is the top; 0..16383; for example 400.
            button: left, middle, right, back, forward, or the X button number 1..9; for example
                "left".
            generation: Of the picture that the point was found on; refused if the screen has been
                resized or started anew since; at least 0; for example 1.
        """
        return await self._transport.json(
            "desktop.button_up",
            {"x": x, "y": y, "button": button, "generation": generation},
            values.CursorAt,
            deadline_s,
        )

    async def click(
        self,
        x: int | None = None,
        y: int | None = None,
        *,
        button: str | int = "left",
        count: int = 1,
        modifiers: Sequence[str] = (),
        generation: int | None = None,
        deadline_s: float = 30.0,
    ) -> values.CursorAt:
        """Click at a point, or where the pointer is.

        Args:
            x: Column in screen pixels, 0 is the left; 0..16383; for example 640.
            y: Row in screen pixels, 0 is the top; 0..16383; for example 400.
            button: left, middle, right, back, forward, or the X button number 1..9; for example
                "left".
            count: 2 double click, 3 triple click; 1..10; for example 2.
            modifiers: Keys held during the action: ctrl, shift, alt, super; for example ["ctrl"].
            generation: Of the picture that the point was found on; refused if the screen has been
                resized or started anew since; at least 0; for example 1.
        """
        return await self._transport.json(
            "desktop.click",
            {
                "x": x,
                "y": y,
                "button": button,
                "count": count,
                "modifiers": modifiers,
                "generation": generation,
            },
            values.CursorAt,
            deadline_s,
        )

    async def cursor(self, *, deadline_s: float = 30.0) -> values.CursorAt:
        """Tell where the pointer is."""
        return await self._transport.json("desktop.cursor", {}, values.CursorAt, deadline_s)

    async def drag(
        self,
        path: Sequence[values.Point],
        *,
        button: str | int = "left",
        modifiers: Sequence[str] = (),
        duration_ms: int = 0,
        generation: int | None = None,
        deadline_s: float = 660.0,
    ) -> values.CursorAt:
        """Drag along a path: one press, all points, one release.

        Args:
            path: Points to pass: pressed at the first, lifted at the last; for example [{"x": 100,
                "y": 100}, {"x": 300, "y": 200}].
            button: left, middle, right, back, forward, or the X button number 1..9; for example
                "left".
            modifiers: Keys held during the action: ctrl, shift, alt, super; for example ["ctrl"].
            duration_ms: Milliseconds; 0..600000; for example 250.
            generation: Of the picture that the point was found on; refused if the screen has been
                resized or started anew since; at least 0; for example 1.
        """
        return await self._transport.json(
            "desktop.drag",
            {
                "path": path,
                "button": button,
                "modifiers": modifiers,
                "duration_ms": duration_ms,
                "generation": generation,
            },
            values.CursorAt,
            deadline_s,
        )

    async def hold(self, keys: str, duration_ms: int, *, deadline_s: float = 660.0) -> values.Done:
        """Hold a key or a chord for a time; others may act meanwhile.

        Args:
            keys: A key or a chord joined by +; names in any case, as X, xdotool or browsers call
                them; for example "ctrl+s".
            duration_ms: Milliseconds; 0..600000; for example 250.
        """
        return await self._transport.json(
            "desktop.hold",
            {"keys": keys, "duration_ms": duration_ms},
            values.Done,
            deadline_s,
        )

    async def key_down(self, key: str, *, deadline_s: float = 30.0) -> values.Done:
        """Press a key and keep it down until key_up, or until the connection ends.

        For callers that keep their connection. A caller of one request at a time, as agentctl,
        uses hold, or the modifiers of a click.

        Args:
            key: One key, named as in keys; for example "shift".
        """
        return await self._transport.json("desktop.key_down", {"key": key}, values.Done, deadline_s)

    async def key_up(self, key: str, *, deadline_s: float = 30.0) -> values.Done:
        """Let a key go that this connection holds.

        Args:
            key: One key, named as in keys; for example "shift".
        """
        return await self._transport.json("desktop.key_up", {"key": key}, values.Done, deadline_s)

    async def move(
        self,
        x: int,
        y: int,
        *,
        modifiers: Sequence[str] = (),
        generation: int | None = None,
        deadline_s: float = 30.0,
    ) -> values.CursorAt:
        """Move the pointer to a point.

        Args:
            x: Column in screen pixels, 0 is the left; 0..16383; for example 640.
            y: Row in screen pixels, 0 is the top; 0..16383; for example 400.
            modifiers: Keys held during the action: ctrl, shift, alt, super; for example ["ctrl"].
            generation: Of the picture that the point was found on; refused if the screen has been
                resized or started anew since; at least 0; for example 1.
        """
        return await self._transport.json(
            "desktop.move",
            {"x": x, "y": y, "modifiers": modifiers, "generation": generation},
            values.CursorAt,
            deadline_s,
        )

    async def press(self, keys: str, *, repeat: int = 1, deadline_s: float = 30.0) -> values.Done:
        """Press a key or a chord and let it go.

        Args:
            keys: A key or a chord joined by +; names in any case, as X, xdotool or browsers call
                them; for example "ctrl+s".
            repeat: Times; 1..100; for example 3.
        """
        return await self._transport.json(
            "desktop.press",
            {"keys": keys, "repeat": repeat},
            values.Done,
            deadline_s,
        )

    async def record_delete(self, id: str, *, deadline_s: float = 30.0) -> values.Done:
        """Delete a recording for good; one that is being made must be stopped first.

        Args:
            id: A recording's id; for example "20261123-233005-7f3a".
        """
        return await self._transport.json(
            "desktop.record_delete",
            {"id": id},
            values.Done,
            deadline_s,
        )

    async def record_get(
        self,
        id: str,
        *,
        part: Literal["actions", "video"] = "video",
        offset: int = 0,
        max_bytes: int | None = None,
        deadline_s: float = 600.0,
    ) -> Blob:
        """Get the video of a recording, or its action log, also while it is being made.

        The metadata are `{id, part, offset, size_bytes}`.

        Args:
            id: A recording's id; for example "20261123-233005-7f3a".
            part: actions: the log, JSON line by line.
            offset: From this byte on; at least 0; for example 0.
            max_bytes: At most so much of it; at least 1; for example 1000000.
        """
        return await self._transport.blob(
            "desktop.record_get",
            {"id": id, "part": part, "offset": offset, "max_bytes": max_bytes},
            deadline_s,
        )

    async def record_list(self, *, deadline_s: float = 30.0) -> list[values.Recording]:
        """List all recordings, the newest first.

        `state` is recording, finished, failed, or interrupted by the daemon's crash; what there
        is of a failed or interrupted one can be played all the same.
        """
        return await self._transport.json(
            "desktop.record_list",
            {},
            list[values.Recording],
            deadline_s,
        )

    async def record_start(
        self,
        label: str = "",
        *,
        format: Literal["mp4", "webm"] = "mp4",
        video: bool = True,
        max_duration_s: float = 3600,
        max_bytes: int | None = None,
        quality: int = 70,
        scale: float = 1.0,
        max_long_edge: int | None = None,
        keys: Literal["hidden", "shown"] = "shown",
        deadline_s: float = 30.0,
    ) -> values.Recording:
        """Record the screen, and what is done on it, until desktop.record_stop.

        The video shows every change, up to 15 a second, with the real times and the cursor. The
        action log has one line of JSON for each action of an agent or a person, and for each
        handover of the desktop; while a person withholds the screen, nothing shown or typed is in
        it. One recording is made at a time. It ends by itself at its limits and when the desktop
        ends, whole and playable; the event recording.stopped or recording.failed says so.

        Args:
            label: For people; for example "order form".
            format: mp4 is H.264, webm is VP9, which is more work.
            video: false: the action log alone.
            max_duration_s: It ends by then; above 0, at most 86400; for example 600.
            max_bytes: It ends when it is this large; at least 65536; for example 100000000.
            quality: Of the video; 1..100; for example 80.
            scale: Video pixels per screen pixel; above 0, at most 1; for example 0.5.
            max_long_edge: Longer edge at most, pixels; 1..16384; for example 1568.
            keys: hidden: the action log has *** for what is typed and pressed.
        """
        return await self._transport.json(
            "desktop.record_start",
            {
                "label": label,
                "format": format,
                "video": video,
                "max_duration_s": max_duration_s,
                "max_bytes": max_bytes,
                "quality": quality,
                "scale": scale,
                "max_long_edge": max_long_edge,
                "keys": keys,
            },
            values.Recording,
            deadline_s,
        )

    async def record_stop(
        self,
        id: str | None = None,
        *,
        deadline_s: float = 30.0,
    ) -> values.Recording:
        """End the recording that is being made, and wait until its files are whole.

        Without an id it is whichever runs. One that has ended already is answered as it is.

        Args:
            id: A recording's id; for example "20261123-233005-7f3a".
        """
        return await self._transport.json(
            "desktop.record_stop",
            {"id": id},
            values.Recording,
            deadline_s,
        )

    async def release_all(self, *, deadline_s: float = 30.0) -> values.Released:
        """Lift every key and button that anybody holds, and end holds and drags."""
        return await self._transport.json("desktop.release_all", {}, values.Released, deadline_s)

    async def request_help(
        self,
        reason: str,
        *,
        wait_s: float = 0.0,
        deadline_s: float = 3600.0,
    ) -> values.HelpAnswer:
        """Ask a person for help, as with a captcha, a password or a decision.

        Everybody who looks at the desktop sees it; the event desktop.help_requested tells others.
        `done`: a person said that it is, or took the desktop over and gave it back. With wait_s
        it is withdrawn when the time is up; without, the event desktop.help_done tells.

        Args:
            reason: What a person is to do, in words for them; for example "Please solve the
                captcha, then press Done".
            wait_s: Wait so long for it; 0: ask and go on; 0..3500; for example 300.
        """
        return await self._transport.json(
            "desktop.request_help",
            {"reason": reason, "wait_s": wait_s},
            values.HelpAnswer,
            deadline_s,
        )

    async def resize(
        self,
        width: int,
        height: int,
        *,
        deadline_s: float = 30.0,
    ) -> values.DisplayInfo:
        """Change the size of the screen while it runs, in steps of one pixel.

        Up to desktop.max_width x desktop.max_height of the configuration. A new generation
        begins: points computed on older pictures no longer fit.

        Args:
            width: Pixels along this edge; 64..16384; for example 1280.
            height: Pixels along this edge; 64..16384; for example 1280.
        """
        return await self._transport.json(
            "desktop.resize",
            {"width": width, "height": height},
            values.DisplayInfo,
            deadline_s,
        )

    async def restart(
        self,
        part: str | None = None,
        *,
        deadline_s: float = 60.0,
    ) -> values.DesktopStatus:
        """Restart the whole desktop, or one part of it, and wait until all run.

        A restarted window manager keeps the windows; a restarted X server loses them and comes
        back as a new generation.

        Args:
            part: One part: xserver, session_bus, session or window_manager; none = all; for example
                "window_manager".
        """
        return await self._transport.json(
            "desktop.restart",
            {"part": part},
            values.DesktopStatus,
            deadline_s,
        )

    async def screenshot(
        self,
        *,
        region: values.Region | None = None,
        window: int | None = None,
        scale: float = 1.0,
        max_long_edge: int | None = None,
        max_pixels: int | None = None,
        max_bytes: int | None = None,
        format: values.ImageFormat = "png",
        quality: int = 80,
        cursor: bool = True,
        if_changed_since: int | None = None,
        deadline_s: float = 30.0,
    ) -> Picture:
        """Take a picture of the screen, a part of it, or a window.

        The body is the picture. The metadata (header Agentd-Meta) are `{frame, generation,
        width, height, space:{x,y,width,height,scale,screen_width,screen_height}, cursor:{x,y},
        format, unchanged, quality}`; a point (px, py) of the picture lies on the screen at
        (space.x + px / space.scale, space.y + py / space.scale). A window is shown as it lies on
        the screen, with what covers it. While a person withholds the screen, the answer is
        screen_withheld.

        Args:
            region: Only this part of the screen; for example {"x": 0, "y": 0, "width": 640,
                "height": 400}.
            window: A window's id from windows.list; 1..4294967295; for example 12582919.
            scale: Picture pixels per screen pixel; above 0, at most 8; for example 0.5.
            max_long_edge: Longer edge at most, pixels; 1..16384; for example 1568.
            max_pixels: Width times height at most, pixels; at least 1; for example 1150000.
            max_bytes: Body at most, bytes: first quality gives way, then size; at least 64; for
                example 500000.
            format: raw is BGRX, 4 bytes a pixel, row by row; for example "jpeg".
            quality: Of jpeg and webp; 1..100; for example 80.
            cursor: Draw the real cursor into it; for example False.
            if_changed_since: Frame number of an earlier picture: if nothing on the screen has
                changed since, the body is empty and the metadata say unchanged; at least 0; for
                example 17.
        """
        return await self._transport.picture(
            "desktop.screenshot",
            {
                "region": region,
                "window": window,
                "scale": scale,
                "max_long_edge": max_long_edge,
                "max_pixels": max_pixels,
                "max_bytes": max_bytes,
                "format": format,
                "quality": quality,
                "cursor": cursor,
                "if_changed_since": if_changed_since,
            },
            deadline_s,
        )

    async def scroll(
        self,
        *,
        x: int | None = None,
        y: int | None = None,
        dx: float = 0,
        dy: float = 0,
        unit: Literal["pixels", "ticks"] = "ticks",
        modifiers: Sequence[str] = (),
        generation: int | None = None,
        deadline_s: float = 30.0,
    ) -> values.Scrolled:
        """Turn the wheel at a point: positive dx is right, positive dy is down.

        What is less than a tick is kept and added to the caller's next scroll.

        Args:
            x: Column in screen pixels, 0 is the left; 0..16383; for example 640.
            y: Row in screen pixels, 0 is the top; 0..16383; for example 400.
            dx: Ticks or pixels by unit; -100000..100000; for example 3.
            dy: Ticks or pixels by unit; -100000..100000; for example 3.
            unit: pixels: 100 to a wheel tick.
            modifiers: Keys held during the action: ctrl, shift, alt, super; for example ["ctrl"].
            generation: Of the picture that the point was found on; refused if the screen has been
                resized or started anew since; at least 0; for example 1.
        """
        return await self._transport.json(
            "desktop.scroll",
            {
                "x": x,
                "y": y,
                "dx": dx,
                "dy": dy,
                "unit": unit,
                "modifiers": modifiers,
                "generation": generation,
            },
            values.Scrolled,
            deadline_s,
        )

    async def start(self, *, deadline_s: float = 60.0) -> values.DesktopStatus:
        """Start the desktop and wait until it can be used.

        A running desktop stays as it is. What is started here starts again with the daemon.
        """
        return await self._transport.json("desktop.start", {}, values.DesktopStatus, deadline_s)

    async def status(self, *, deadline_s: float = 30.0) -> values.DesktopStatus:
        """Tell the screen's size and generation, and the state of every part.

        `environment` holds the variables by which a program of the desktop's user reaches it.
        """
        return await self._transport.json("desktop.status", {}, values.DesktopStatus, deadline_s)

    async def stop(self, *, deadline_s: float = 60.0) -> values.DesktopStatus:
        """Stop the desktop with every program on it.

        It stays stopped, over restarts of the daemon too, until desktop.start.
        """
        return await self._transport.json("desktop.stop", {}, values.DesktopStatus, deadline_s)

    async def type(
        self,
        text: str,
        *,
        delay_ms: int = 0,
        deadline_s: float = 300.0,
    ) -> values.TypeReport:
        """Type any Unicode text into what has the focus, exactly as given.

        Args:
            text: Any Unicode text; a line break presses Return, a tab presses Tab; for example
                "Grüße, мир, 你好 🎉".
            delay_ms: Between characters, ms; 0..1000; for example 20.
        """
        return await self._transport.json(
            "desktop.type",
            {"text": text, "delay_ms": delay_ms},
            values.TypeReport,
            deadline_s,
        )

    async def wait(
        self,
        *,
        until: Literal["change", "pixels", "stable", "window"] = "stable",
        quiet_ms: int | None = None,
        timeout_ms: int = 5000,
        region: values.Region | None = None,
        ignore: Sequence[values.Region] = (),
        title: str | None = None,
        class_name: str | None = None,
        pixels: Sequence[values.PixelColor] = (),
        deadline_s: float = 610.0,
    ) -> values.WaitReport:
        """Wait until the screen is quiet, changes, or shows what is wanted.

        By default until no pixel has changed for 150 ms. What keeps changing by itself, as a
        blinking caret, a spinner or a clock, is learnt within seconds and told as `periodic`
        instead of being waited for. A screen that does not become as wanted is no error:
        `outcome` and `changing` say so.

        Args:
            until: stable: no pixel changes; change: a pixel changes; window: a window is open;
                pixels: these have these colours; for example "change".
            quiet_ms: stable: this long unchanged, ms, 150 by default. change: the same after the
                change, by default not at all; 20..60000; for example 150.
            timeout_ms: Wait at most, ms; 0..600000; for example 5000.
            region: stable, change: look at this part of the screen only; for example {"x": 0, "y":
                0, "width": 640, "height": 400}.
            ignore: stable, change: parts that may change; for example [{"x": 1200, "y": 0, "width":
                80, "height": 24}].
            title: window: part of its title, in any case; for example "Save as".
            class_name: window: its class, in any case; for example "XTerm".
            pixels: pixels: all of these at once; for example [{"x": 20, "y": 10, "color":
                "#ff0000", "tolerance": 8}].
        """
        return await self._transport.json(
            "desktop.wait",
            {
                "until": until,
                "quiet_ms": quiet_ms,
                "timeout_ms": timeout_ms,
                "region": region,
                "ignore": ignore,
                "title": title,
                "class_name": class_name,
                "pixels": pixels,
            },
            values.WaitReport,
            deadline_s,
        )

    async def wait_turn(self, *, timeout_ms: int = 60000, deadline_s: float = 610.0) -> values.Turn:
        """Wait until no person has the desktop, so that an agent may act.

        Returns at once when it is free. A screen that a person has used may look different.

        Args:
            timeout_ms: Wait at most, ms; 0..600000; for example 5000.
        """
        return await self._transport.json(
            "desktop.wait_turn",
            {"timeout_ms": timeout_ms},
            values.Turn,
            deadline_s,
        )
