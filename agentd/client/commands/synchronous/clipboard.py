"""The `clipboard` commands of the synchronous client.

Generated from the daemon's registry by `python -m agentd --write-generated .`: change the
commands, not this file.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentd.client.commands import values
from agentd.client.sync_transport import SyncTransport


class Clipboard:
    """`clipboard.*`.

    `deadline_s` is how long the daemon may take, in seconds. A call blocks until its answer is
    here.
    """

    def __init__(self, transport: SyncTransport) -> None:
        self._transport = transport

    def clear(
        self,
        *,
        selection: values.Selection = "clipboard",
        deadline_s: float = 30.0,
    ) -> values.ClipboardSerial:
        """Empty the clipboard, whichever program filled it.

        Args:
            selection: clipboard is what Ctrl+C fills; primary is the text marked last, which the
                middle button pastes; for example "primary".
        """
        return self._transport.json(
            "clipboard.clear",
            {"selection": selection},
            values.ClipboardSerial,
            deadline_s,
        )

    def get(
        self,
        *,
        selection: values.Selection = "clipboard",
        type: values.ContentType = "text",
        timeout_ms: int = 2000,
        max_bytes: int = 67108864,
        deadline_s: float = 90.0,
    ) -> values.ClipboardContent:
        """Get what was copied last, by whatever program.

        `owner` is who copied it. An empty selection, and a type that its owner does not offer,
        are errors with status 404; the latter lists what is offered.

        Args:
            selection: clipboard is what Ctrl+C fills; primary is the text marked last, which the
                middle button pastes; for example "primary".
            type: What to get it as: files are paths, png is base64; for example "html".
            timeout_ms: How long the program that owns it may be silent, ms; 1..60000; for example
                2000.
            max_bytes: Refuse more than this; 1..67108864; for example 1000000.
        """
        return self._transport.json(
            "clipboard.get",
            {
                "selection": selection,
                "type": type,
                "timeout_ms": timeout_ms,
                "max_bytes": max_bytes,
            },
            values.ClipboardContent,
            deadline_s,
        )

    def set(
        self,
        text: str | None = None,
        *,
        html: str | None = None,
        png: bytes | None = None,
        files: Sequence[str] | None = None,
        selection: values.Selection = "clipboard",
        deadline_s: float = 30.0,
    ) -> values.ClipboardSerial:
        """Put something into the clipboard, to be pasted in any program.

        Several types at once are one content in several forms: the program that pastes takes the
        one it likes best. It stays until another program copies something; a restarted X server
        is given it again. Each type takes up to 64 MiB, but no call may be larger than
        control.max_body_bytes.

        Args:
            text: Any Unicode text; for example "Grüße, 你好 🎉".
            html: HTML, best with a text beside it; for example "<b>bold</b>".
            png: A PNG file, in base64; for example "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAA
                AC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=".
            files: Absolute paths, to be pasted in a file manager; for example
                ["/home/agent/report.pdf"].
            selection: clipboard is what Ctrl+C fills; primary is the text marked last, which the
                middle button pastes; for example "primary".
        """
        return self._transport.json(
            "clipboard.set",
            {"text": text, "html": html, "png": png, "files": files, "selection": selection},
            values.ClipboardSerial,
            deadline_s,
        )

    def types(
        self,
        *,
        selection: values.Selection = "clipboard",
        timeout_ms: int = 2000,
        deadline_s: float = 90.0,
    ) -> values.ClipboardTypes:
        """Tell as what types the content can be had, without fetching it.

        Args:
            selection: clipboard is what Ctrl+C fills; primary is the text marked last, which the
                middle button pastes; for example "primary".
            timeout_ms: How long the program that owns it may be silent, ms; 1..60000; for example
                2000.
        """
        return self._transport.json(
            "clipboard.types",
            {"selection": selection, "timeout_ms": timeout_ms},
            values.ClipboardTypes,
            deadline_s,
        )

    def wait_fetched(
        self,
        serial: int,
        *,
        selection: values.Selection = "clipboard",
        timeout_ms: int = 5000,
        deadline_s: float = 70.0,
    ) -> values.Fetched:
        """Wait until a program has been given what clipboard.set has put there.

        Returns at once if it has happened before. Then the program needs the clipboard no more:
        what is set next cannot be pasted in its place.

        Args:
            serial: What clipboard.set has told; at least 1; for example 7.
            selection: clipboard is what Ctrl+C fills; primary is the text marked last, which the
                middle button pastes; for example "primary".
            timeout_ms: Wait at most, ms; 0..60000; for example 5000.
        """
        return self._transport.json(
            "clipboard.wait_fetched",
            {"serial": serial, "selection": selection, "timeout_ms": timeout_ms},
            values.Fetched,
            deadline_s,
        )
