"""One run of agentctl: the daemon at one end, standard output at the other."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import msgspec

from agentd.base.errors import BadRequest
from agentd.client.address import Address, find_address
from agentd.client.catalogue import Catalogue, CommandEntry, of_document
from agentd.client.content import CONTENT, content_in
from agentd.client.options import usage
from agentd.client.terminal import Terminal, event_line, rendered, size

if TYPE_CHECKING:
    from agentd.client.sync_transport import SyncTransport


class Session:
    """Calls and prints.

    Args:
        address: the daemon.
        as_json: print one JSON document (a line each, for a stream) and nothing else.
        timeout_s: deadline of calls, None for the commands' own.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        address: Address,
        *,
        as_json: bool = False,
        timeout_s: float | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.as_json = as_json
        self.terminal = terminal_of_stdout()
        self.address = address
        self._timeout_s = timeout_s
        self._transport: SyncTransport | None = None

    @classmethod
    def made(
        cls, catalogue: Catalogue, *, socket: str, url: str, timeout: str, as_json: bool
    ) -> Self:
        """Return a session for what the options say."""
        try:
            timeout_s = float(timeout) if timeout else None
        except ValueError:
            raise usage(f"--timeout: wanted seconds, got {timeout!r}") from None
        address = find_address(socket or None, url=url)
        return cls(catalogue, address, as_json=as_json, timeout_s=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._transport is not None:
            self._transport.close()

    def call(self, command: str, parameters: Mapping[str, object]) -> Any:
        """Call a command that answers JSON."""
        return self._connected().value(command, parameters, self._timeout_s)

    def look_up(self) -> None:
        """Learn the commands of the running daemon, which may know more than this agentctl."""
        self.catalogue = of_document(self._connected().get("/v1/describe"))

    def run(self, command: CommandEntry, parameters: Mapping[str, object], output: str) -> None:
        """Call a command and print or save what it answers.

        Args:
            output: a file for bytes, `-` for standard output, or empty.
        """
        if command.kind == "stream":
            self.follow(command.name, parameters)
        elif command.kind == "blob":
            self._fetch(command, parameters, output)
        elif command.name in CONTENT and not self.as_json:
            self._put_content(self.call(command.name, parameters), output)
        elif output and not self.catalogue.answers_image(command):
            raise usage(f"{command.name} answers no file, so that -o means nothing")
        else:
            value = self.call(command.name, parameters)
            self.put_value(self._saved(value, output) if output else value)

    def follow(self, command: str, parameters: Mapping[str, object]) -> None:
        """Print the items of a stream as they come, a line each."""
        with self._connected().stream(command, parameters, dict[str, Any]) as items:
            for item in items:
                if self.as_json:
                    self.put(msgspec.json.encode(item).decode())
                elif {"time", "type", "data"} <= set(item):
                    self.put(event_line(item, self.terminal))
                else:
                    self.put(" ".join(f"{key}={value}" for key, value in item.items()))

    def put_value(self, value: Any) -> None:
        """Print a JSON value, for a person unless JSON is wanted."""
        if self.as_json:
            self.put_json(value)
        elif text := rendered(value, self.terminal):
            self.put(text)

    def put_json(self, value: Any) -> None:
        """Print one JSON document."""
        text = msgspec.json.encode(value)
        self.put(msgspec.json.format(text, indent=2).decode())

    def put(self, text: str) -> None:
        """Print lines; they are out when this returns, as a reader of a stream wants it."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def _put_content(self, answer: Mapping[str, Any], output: str) -> None:
        """Print what an answer holds and nothing around it, or save it."""
        content, is_text = content_in(answer)
        if output and output != "-":
            self._save(output, content)
            return
        on_terminal = sys.stdout.isatty()
        if on_terminal and not is_text:
            raise BadRequest(
                "these are bytes, which a terminal cannot show",
                code="usage",
                hint="write them to a file: -o FILE",
            )
        # A terminal's prompt begins on a line of its own; a pipe gets what was copied exactly.
        end = b"\n" if on_terminal and content and not content.endswith(b"\n") else b""
        sys.stdout.flush()
        sys.stdout.buffer.write(content + end)
        sys.stdout.buffer.flush()

    def _fetch(self, command: CommandEntry, parameters: Mapping[str, object], output: str) -> None:
        """Get bytes into a file or to standard output, never onto a terminal."""
        to_stdout = output == "-" or (not output and not self.as_json)
        if to_stdout and sys.stdout.isatty():
            raise BadRequest(
                f"{command.name} answers bytes, which a terminal cannot show",
                code="usage",
                hint="write them to a file: -o FILE",
            )
        blob = self._connected().blob(command.name, parameters, self._timeout_s)
        is_unchanged = bool(blob.meta.get("unchanged"))
        if to_stdout:
            sys.stdout.buffer.write(blob.body)
            sys.stdout.buffer.flush()
        elif output and not is_unchanged:
            self._save(output, blob.body)
        if self.as_json and output != "-":
            self._put_blob(blob.body, blob.media_type, blob.meta, output)
        elif not to_stdout or is_unchanged:
            _note(_told(output, blob.body, blob.media_type, blob.meta))

    def _saved(self, value: dict[str, Any], output: str) -> dict[str, Any]:
        """Write the picture of a document to a file; the document then tells of the file."""
        image = value.get("image")
        if image is None:
            _note("there is no picture: nothing written")
            return value
        self._save(output, image)
        return {**value, "image": {"file": os.path.abspath(output), "size_bytes": len(image)}}

    def _save(self, path: str, body: bytes) -> None:
        try:
            with open(path, "wb") as file:
                file.write(body)
        except OSError as exc:
            raise usage(f"cannot write {path}: {exc.strerror}") from exc

    def _put_blob(self, body: bytes, media_type: str, meta: dict[str, Any], output: str) -> None:
        """Print what the bytes are; without a file, the bytes themselves in base64."""
        document: dict[str, Any] = {"media_type": media_type, "meta": meta}
        if output:
            document |= {"file": os.path.abspath(output), "size_bytes": len(body)}
        else:
            document["data"] = body  # msgspec writes bytes as base64.
        self.put_json(document)

    def _connected(self) -> SyncTransport:
        if self._transport is None:
            # Half of the time that agentctl takes to start is http.client's import.
            from agentd.client.sync_transport import SyncTransport

            self._transport = SyncTransport(self.address)
        return self._transport


def terminal_of_stdout() -> Terminal:
    """Return what standard output is: its width, and whether it shows colours (no-color.org)."""
    if not sys.stdout.isatty():
        return Terminal()
    try:
        width = os.get_terminal_size(sys.stdout.fileno()).columns
    except OSError:
        width = 80
    has_colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Terminal(width or 80, has_colour)


def _told(output: str, body: bytes, media_type: str, meta: dict[str, Any]) -> str:
    """Return a line about saved bytes, as `shot.png: 1280x800 image/png, 123 kB`."""
    if meta.get("unchanged"):
        return f"unchanged since frame {meta.get('frame')}: nothing written"
    shape = f"{meta['width']}x{meta['height']} " if {"width", "height"} <= set(meta) else ""
    return f"{output}: {shape}{media_type}, {size(len(body))}"


def _note(text: str) -> None:
    sys.stderr.write(text + "\n")
