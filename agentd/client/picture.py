"""Pictures as answers, which know where they lie on the screen."""

from __future__ import annotations

import base64
import os

import msgspec

from agentd.base.errors import Conflict
from agentd.client.blob import write
from agentd.client.commands.values import PictureMeta


class Picture(msgspec.Struct, frozen=True):
    """A picture of the screen: `body` is the encoded file, empty if `meta.unchanged`.

    `meta.frame` may be given to the next screenshot as `if_changed_since`.
    """

    body: bytes
    media_type: str
    meta: PictureMeta

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file. Raises: Conflict when it is unchanged, so empty."""
        if self.meta.unchanged:
            raise Conflict(
                f"the screen has not changed since frame {self.meta.frame}: there is no picture",
                code="unchanged",
            )
        write(path, self.body)

    def data_url(self) -> str:
        """Return the picture as models take it inside JSON: a `data:` URL (RFC 2397)."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.body).decode('ascii')}"

    def to_screen(self, px: int, py: int) -> tuple[int, int]:
        """Return the screen pixel under the centre of a picture pixel.

        Args:
            px: column in the picture; one off the picture counts as the nearest on it.
            py: row in the picture, likewise.

        Returns: x and y as `desktop.click` takes them.
        """
        space, meta = self.meta.space, self.meta
        # Each axis by its own ratio: rounding to whole pixels leaves them a little apart.
        column, row = min(max(px, 0), meta.width - 1), min(max(py, 0), meta.height - 1)
        x = ((2 * column + 1) * space.width - 1) // (2 * meta.width)
        y = ((2 * row + 1) * space.height - 1) // (2 * meta.height)
        return space.x + x, space.y + y
