"""Gemini's dialect: function calls in, function responses out, for both generations.

Pure. A call may be a part (`functionCall`, or `function_call` as Python spells it), a bare call,
or a step of the Interactions API; the answer has the same spelling. Every answer carries a
picture. A safety decision is not confirmed here: whoever hands in a call has asked, and adds
`safety_acknowledgement`. Source: ai.google.dev, "Computer use" and "Interactions API"; the types
of the `google-genai` package 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping as Object
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from agentd.base.errors import BadRequest, FieldError
from agentd.base.schema import shown
from agentd.desktop.dialects.dialect import Outcome, Picture, Read, View, error_of, view_of
from agentd.desktop.dialects.gemini_browser import BROWSER_SET, REFUSED, wants_url
from agentd.desktop.dialects.gemini_members import DESKTOP_SET
from agentd.desktop.dialects.vocabulary import (
    Member,
    member_of,
    object_of,
    read_member,
    unknown,
)
from agentd.desktop.screen.frame import Size

# Points are shares of the screen, so that the picture's size decides nothing but detail; Gemini
# scales what is larger than this down itself.
MAX_LONG_EDGE = 3072
MAX_PIXELS = 3072 * 3072

# Answers of a browser must name an address, and a desktop does not know it.
UNKNOWN_URL = "about:blank"

_TOLERATED = ("intent", "safety_decision", "safety_acknowledgement")


@dataclass(frozen=True, slots=True)
class _Call:
    """One call: how it was spelled, the function, its arguments, and what stands beside it."""

    spelling: str
    name: str
    id: str | None
    arguments: Object[str, object]
    beside: Object[str, object]


@dataclass(frozen=True, slots=True)
class Gemini:
    """One generation's functions, or both.

    Args:
        name: as callers name it.
        vocabulary: the functions that are admitted.
        is_browser: whether every answer carries an address, as the browser's generation wants.
    """

    name: str
    vocabulary: Object[str, type[Member]]
    is_browser: bool = False

    @property
    def ends_with_picture(self) -> bool:
        """True: an answer without a picture leaves the model blind."""
        return True

    def view(self, screen: Size, declared: Size | None) -> View:
        """Return the screen as it is, up to what Gemini keeps of it."""
        return view_of(screen, declared, max_long_edge=MAX_LONG_EDGE, max_pixels=MAX_PIXELS)

    def read(self, call: Object[str, object], view: View) -> list[Read]:
        """Read a function call in any spelling. Raises: BadRequest if it is none."""
        understood = _call_of(call)
        name, kind = understood.name, self.vocabulary.get(understood.name)
        if kind is not None:
            return [read_member(name, kind, understood.arguments, view)]
        if name in REFUSED:
            return [Read(fault=f"{name}: {REFUSED[name]}")]
        for other, members in (("3.5", DESKTOP_SET), ("2.5 and 3", BROWSER_SET)):
            if name in members:
                return [Read(fault=f"{name}: a function of Gemini {other}, not of {self.name}")]
        return [Read(fault=unknown("function", name, list(self.vocabulary)))]

    def answer(
        self,
        calls: Sequence[Object[str, object]],
        outcomes: Sequence[Sequence[Outcome]],
        view: View,
        final: Picture | None,
    ) -> list[dict[str, object]]:
        """Return one function response a call.

        The last one shows the final picture, any other its own if it took one.
        """
        results = []
        for number, (call, done) in enumerate(zip(calls, outcomes, strict=True), 1):
            own = [picture for outcome in done for picture in outcome.pictures]
            picture = final or (own[-1] if own else None)
            if number < len(calls) and own:
                picture = own[-1]
            understood = _call_of(call)
            results.append(_spelled(understood, self._response(understood, done, view), picture))
        return results

    def _response(self, call: _Call, outcomes: Sequence[Outcome], view: View) -> dict[str, object]:
        if error := error_of(outcomes):
            response: dict[str, object] = {"error": error}
        else:
            member = member_of(self.vocabulary[call.name], call.arguments)
            response = {"output": member.done(outcomes[-1], view)}
        url: object = call.beside.get("url")
        if url is None and (self.is_browser or wants_url(call.name, call.arguments)):
            opened = call.name == "navigate" and "output" in response
            url = call.arguments["url"] if opened else UNKNOWN_URL
        if url is not None:
            response["url"] = url
        acknowledged = call.beside.get("safety_acknowledgement")
        if acknowledged is not None:
            response["safety_acknowledgement"] = acknowledged
        return response


def _call_of(item: Object[str, object]) -> _Call:
    """Tell the spelling of a call. Raises: BadRequest for what is no function call."""
    call, spelling, arguments = item, "bare", "args"
    for key in ("functionCall", "function_call"):
        if key in item:
            inner = object_of(item[key])
            if inner is None:
                raise _not_a_call(key, "an object with name and args", item[key])
            call, spelling = inner, key
    if item.get("type") == "function_call":
        spelling, arguments = "step", "arguments"
    elif spelling == "bare" and item.get("type") is not None:
        raise _not_a_call("type", '"function_call"', item["type"])
    name, ident = call.get("name"), call.get("id")
    given = object_of({} if call.get(arguments) is None else call[arguments])
    if not isinstance(name, str):
        raise _not_a_call("name", "text", name)
    if ident is not None and not isinstance(ident, str):
        raise _not_a_call("id", "text", ident)
    if given is None:
        raise _not_a_call(arguments, "an object", call[arguments])
    if not isinstance(item.get("url", ""), str):
        raise _not_a_call("url", "text", item["url"])
    rest = {key: value for key, value in given.items() if key not in _TOLERATED}
    # Arguments are the model's: what it says there of an acknowledgement is nobody's word.
    return _Call(spelling, name, ident, rest, {**call, **item})


def _spelled(
    call: _Call, response: dict[str, object], picture: Picture | None
) -> dict[str, object]:
    """Return an answer in the spelling of its call."""
    if call.spelling == "step":
        text = {"type": "text", "text": msgspec.json.encode(response).decode()}
        image = picture and {
            "type": "image",
            "mime_type": picture.media_type,
            "data": picture.base64(),
        }
        step = {"type": "function_result", "name": call.name, "call_id": call.id}
        failed = {"is_error": True} if "error" in response else {}
        return {**step, **failed, "result": [text, image] if image else [text]}
    snake = call.spelling == "function_call"
    answer: dict[str, object] = {"name": call.name, "response": response}
    if call.id is not None:
        answer = {"id": call.id, **answer}
    if picture is not None:
        media_type, data = picture.media_type, picture.base64()
        answer["parts"] = [
            {"inline_data": {"mime_type": media_type, "data": data}}
            if snake
            else {"inlineData": {"mimeType": media_type, "data": data}}
        ]
    return {"function_response" if snake else "functionResponse": answer}


def _not_a_call(path: str, wanted: str, found: object) -> BadRequest:
    fault = FieldError(path, wanted, shown(found))
    return BadRequest(f"reading a function call of Gemini: {fault}", errors=[fault])
