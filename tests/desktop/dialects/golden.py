"""The golden files: vendors' calls as they are, what they mean, and the answers they get.

A case holds `calls`, and in `reads` for each call what each of its Reads holds: actions in screen
pixels, with their defaults left out, or a fault. Where it has `answer`, it has the `outcomes` that
lead there, and maybe the `final` picture. `live` marks what does nothing but send input, fit to be
run against a real screen of its size.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from agentd.desktop.actions import Action
from agentd.desktop.dialects.dialect import Outcome, Picture, Read, Status
from agentd.desktop.screen.frame import Rect, Size


class GoldenPicture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    body: bytes
    media_type: str
    rect: tuple[int, int, int, int]

    def picture(self) -> Picture:
        return Picture(self.body, self.media_type, Rect(*self.rect))


class GoldenOutcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status: Status
    error: str = ""
    results: list[dict[str, object]] = []
    pictures: list[GoldenPicture] = []

    def outcome(self) -> Outcome:
        results = [
            msgspec.defstruct("Result", list(each), frozen=True)(**each) for each in self.results
        ]
        pictures = tuple(picture.picture() for picture in self.pictures)
        return Outcome(self.status, self.error, tuple(results), pictures)


class GoldenFault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fault: str


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    dialects: list[str]
    screen: tuple[int, int]
    calls: list[dict[str, object]]
    reads: list[list[list[Action] | GoldenFault]]
    declared: tuple[int, int] | None = None
    live: bool = False
    outcomes: list[list[GoldenOutcome]] = []
    final: GoldenPicture | None = None
    answer: list[dict[str, object]] | None = None

    @property
    def screen_size(self) -> Size:
        return Size(*self.screen)

    @property
    def declared_size(self) -> Size | None:
        return Size(*self.declared) if self.declared else None

    def expected(self) -> list[list[Read]]:
        return [
            [
                Read(fault=read.fault) if isinstance(read, GoldenFault) else Read(tuple(read))
                for read in call
            ]
            for call in self.reads
        ]


CASES = {
    (path.stem, case.name): case
    for path in sorted((Path(__file__).parent / "golden").glob("*.json"))
    for case in msgspec.json.decode(path.read_bytes(), type=list[Case])
}
EACH = [(case, name) for case in CASES.values() for name in case.dialects]
IDS = [
    f"{file}: {case} as {name}" for (file, case), each in CASES.items() for name in each.dialects
]
