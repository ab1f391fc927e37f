"""The one table of key names, and the X keysyms that keys and characters have.

Pure. Does not know keycodes or which key makes a keysym: that is `keymap.py`. The names are
those that callers use: X keysyms and xdotool, OpenAI, Gemini and Playwright, pyautogui, cua,
Daytona. Source: X11 protocol, appendix A (keysym encoding).
"""

from __future__ import annotations

import difflib
import re

from agentd.base.errors import BadRequest, FieldError

SHIFT_L = 0xFFE1
SHIFT_R = 0xFFE2
CAPS_LOCK = 0xFFE5
RETURN = 0xFF0D
TAB = 0xFF09

SHIFTS = frozenset({SHIFT_L, SHIFT_R})

_UNICODE = 0x01000000

# Keysym, then its names. Case, "_", "-" and blanks do not count in a name, so that Page_Up,
# page-up and PageUp are one entry here.
_TABLE: tuple[tuple[int, str], ...] = (
    (0xFF08, "backspace bksp bs"),
    (0xFF09, "tab"),
    (0xFF0A, "linefeed"),
    (0xFF0B, "clear"),
    (0xFF0D, "return enter ret newline"),
    (0xFF13, "pause"),
    (0xFF14, "scrolllock scroll scrlk"),
    (0xFF15, "sysreq"),
    (0xFF1B, "escape esc"),
    (0xFF20, "multikey compose"),
    (0xFF21, "kanji"),
    (0xFF22, "muhenkan nonconvert"),
    (0xFF23, "henkan henkanmode convert"),
    (0xFF27, "hiraganakatakana kana"),
    (0xFF2A, "zenkakuhankaku"),
    (0xFF31, "hangul hangulmode"),
    (0xFF34, "hangulhanja hanja"),
    (0xFF50, "home"),
    (0xFF51, "left arrowleft leftarrow"),
    (0xFF52, "up arrowup uparrow"),
    (0xFF53, "right arrowright rightarrow"),
    (0xFF54, "down arrowdown downarrow"),
    (0xFF55, "pageup pgup prior"),
    (0xFF56, "pagedown pgdn pgdown next"),
    (0xFF57, "end"),
    (0xFF58, "begin"),
    (0xFF60, "select"),
    (0xFF61, "print printscreen prtscr prtsc prntscrn snapshot"),
    (0xFF62, "execute"),
    (0xFF63, "insert ins"),
    (0xFF65, "undo"),
    (0xFF66, "redo again"),
    (0xFF67, "menu contextmenu apps"),
    (0xFF68, "find"),
    (0xFF69, "cancel"),
    (0xFF6A, "help"),
    (0xFF6B, "break"),
    (0xFF7E, "modeswitch"),
    (0xFF7F, "numlock"),
    (0xFF80, "kpspace"),
    (0xFF89, "kptab"),
    (0xFF8D, "kpenter numpadenter numenter"),
    (0xFF95, "kphome"),
    (0xFF96, "kpleft"),
    (0xFF97, "kpup"),
    (0xFF98, "kpright"),
    (0xFF99, "kpdown"),
    (0xFF9A, "kpprior kppageup kppgup"),
    (0xFF9B, "kpnext kppagedown kppgdn"),
    (0xFF9C, "kpend"),
    (0xFF9D, "kpbegin"),
    (0xFF9E, "kpinsert kpins"),
    (0xFF9F, "kpdelete kpdel"),
    (0xFFAA, "kpmultiply numpadmultiply multiply nummultiply"),
    (0xFFAB, "kpadd kpplus numpadadd numplus add"),
    (0xFFAC, "kpseparator numpadcomma separator"),
    (0xFFAD, "kpsubtract kpminus numpadsubtract numminus subtract"),
    (0xFFAE, "kpdecimal numpaddecimal decimal numdecimal"),
    (0xFFAF, "kpdivide numpaddivide divide numdivide"),
    (0xFFBD, "kpequal numpadequal numequal"),
    (0xFFE1, "shiftl shift leftshift shiftleft lshift"),
    (0xFFE2, "shiftr rightshift shiftright rshift"),
    (0xFFE3, "controll control ctrl ctl ctrll leftctrl leftcontrol ctrlleft controlleft lctrl"),
    (0xFFE4, "controlr ctrlr rightctrl rightcontrol ctrlright controlright rctrl"),
    (0xFFE5, "capslock caps"),
    (0xFFE7, "metal"),
    (0xFFE8, "metar"),
    (0xFFE9, "altl alt option opt leftalt altleft lalt optionleft"),
    (0xFFEA, "altr rightalt altright ralt optionright"),
    (0xFFEB, "superl super meta cmd command win windows os leftsuper superleft metaleft"),
    (0xFFEB, "winleft leftwin lwin cmdl cmdleft commandleft leftcmd leftmeta lcmd"),
    (0xFFEC, "superr rightsuper superright metaright winright rightwin rwin"),
    (0xFFEC, "cmdr cmdright commandright rightcmd rightmeta rcmd"),
    (0xFFED, "hyperl hyper"),
    (0xFFEE, "hyperr"),
    (0xFE03, "isolevel3shift altgr altgraph"),
    (0xFE08, "isonextgroup"),
    (0xFE0A, "isoprevgroup"),
    (0xFE20, "isolefttab backtab"),
    (0xFFFF, "delete del"),
    (0x0020, "space spacebar"),
    (0x0021, "exclam exclamation exclamationmark"),
    (0x0022, "quotedbl doublequote"),
    (0x0023, "numbersign hash pound"),
    (0x0024, "dollar"),
    (0x0025, "percent"),
    (0x0026, "ampersand"),
    (0x0027, "apostrophe quote singlequote quoteright"),
    (0x0028, "parenleft leftparen"),
    (0x0029, "parenright rightparen"),
    (0x002A, "asterisk star"),
    (0x002B, "plus"),
    (0x002C, "comma"),
    (0x002D, "minus dash hyphen"),
    (0x002E, "period dot"),
    (0x002F, "slash"),
    (0x003A, "colon"),
    (0x003B, "semicolon"),
    (0x003C, "less lessthan"),
    (0x003D, "equal equals"),
    (0x003E, "greater greaterthan"),
    (0x003F, "question questionmark"),
    (0x0040, "at"),
    (0x005B, "bracketleft leftbracket openbracket"),
    (0x005C, "backslash"),
    (0x005D, "bracketright rightbracket closebracket"),
    (0x005E, "asciicircum caret"),
    (0x005F, "underscore"),
    (0x0060, "grave backquote backtick quoteleft"),
    (0x007B, "braceleft leftbrace"),
    (0x007C, "bar pipe"),
    (0x007D, "braceright rightbrace"),
    (0x007E, "asciitilde tilde"),
    (0x1008FF11, "xf86audiolowervolume audiovolumedown volumedown"),
    (0x1008FF12, "xf86audiomute audiovolumemute volumemute mute"),
    (0x1008FF13, "xf86audioraisevolume audiovolumeup volumeup"),
    (0x1008FF14, "xf86audioplay mediaplaypause playpause"),
    (0x1008FF15, "xf86audiostop mediastop stop"),
    (0x1008FF16, "xf86audioprev mediatrackprevious prevtrack"),
    (0x1008FF17, "xf86audionext mediatracknext nexttrack"),
    (0x1008FF18, "xf86homepage browserhome"),
    (0x1008FF19, "xf86mail launchmail"),
    (0x1008FF1B, "xf86search browsersearch"),
    (0x1008FF26, "xf86back browserback"),
    (0x1008FF27, "xf86forward browserforward"),
    (0x1008FF28, "xf86stop browserstop"),
    (0x1008FF29, "xf86refresh xf86reload browserrefresh"),
    (0x1008FF30, "xf86favorites browserfavorites"),
)


def _names() -> dict[str, int]:
    names = {name: keysym for keysym, row in _TABLE for name in row.split()}
    for number in range(1, 36):
        names[f"f{number}"] = 0xFFBD + number
    for digit in range(10):
        for prefix in ("kp", "numpad", "num"):
            names[f"{prefix}{digit}"] = 0xFFB0 + digit
        # The names of KeyboardEvent.code, which Playwright also takes.
        names[f"digit{digit}"] = 0x30 + digit
    for letter in "abcdefghijklmnopqrstuvwxyz":
        names[f"key{letter}"] = ord(letter)
    return names


NAMES: dict[str, int] = _names()

_SEPARATORS = re.compile(r"[\s_-]")
_CODE_POINT = re.compile(r"u([0-9a-f]{4,6})")


def parse_key(name: str, *, path: str = "key", fold_case: bool = False) -> int:
    """Return the keysym of one key name or one character.

    Args:
        name: `Return`, `page_up`, `ctrl`, `U20AC`, or a single character; a single character is
            itself, so `T` is an upper-case T.
        path: where the name stood in the request, for the error.
        fold_case: take a single upper-case letter for the key of that letter; for callers whose
            models write `CTRL+C` for what is ctrl+c.

    Raises: BadRequest when the name is empty, unknown, or a character that no key can make.
    """
    if len(name) == 1:
        keysym = keysym_of(name.lower() if fold_case and len(name.lower()) == 1 else name)
        if keysym is None:
            raise _refusal(path, _shown(name), "a key name or a printable character")
        return keysym
    plain = _SEPARATORS.sub("", name).casefold()
    if keysym := NAMES.get(plain):
        return keysym
    if (match := _CODE_POINT.fullmatch(plain)) and int(match[1], 16) < 0x110000:
        keysym = keysym_of(chr(int(match[1], 16)))
        if keysym is not None:
            return keysym
    nearest = difflib.get_close_matches(plain, NAMES, 1, 0.5)
    raise _refusal(path, _shown(name), "a key name", nearest[0] if nearest else "")


def parse_chord(text: str, *, path: str = "keys", fold_case: bool = False) -> tuple[int, ...]:
    """Return the keysyms of a chord such as `ctrl+shift+t`, in the order they are pressed.

    Raises: BadRequest when a part is empty or unknown.
    """
    parts = split_chord(text, path=path)
    return tuple(parse_key(part, path=path, fold_case=fold_case) for part in parts)


def split_chord(text: str, *, path: str = "keys") -> list[str]:
    """Return the names in a chord; `+` alone and at the end, as in `ctrl++`, is the character.

    Raises: BadRequest when a part is empty.
    """
    if text == "+":
        parts = ["+"]
    elif text.endswith("++"):
        parts = [*text[:-2].split("+"), "+"]
    else:
        parts = text.split("+")
    stripped = [part.strip() or part for part in parts]
    if not all(stripped):
        raise _refusal(path, _shown(text), "key names joined by '+', none of them empty")
    return stripped


def keysym_of(character: str) -> int | None:
    """Return the keysym of a character; None for one that no key makes.

    Latin-1 has keysyms of its own, equal to the code point; all others get the Unicode form,
    also where an older keysym exists: every toolkit reads it (tried with Tk, GTK, Qt, xterm,
    Chromium and Firefox), and the older ones only cover scraps.
    """
    code = ord(character)
    if 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xFF:
        return code
    if character in "\n\r":
        return RETURN
    if character == "\t":
        return TAB
    if code <= 0xFF or 0xD800 <= code <= 0xDFFF or code & 0xFFFE == 0xFFFE:
        return None
    return _UNICODE + code


def keysyms_of_text(text: str, *, path: str = "text") -> list[int]:
    """Return one keysym for every character; a line end of any kind is one Return.

    Raises: BadRequest naming the first character that cannot be typed.
    """
    keysyms: list[int] = []
    # Most texts repeat few characters, so each one is looked at once.
    known: dict[str, int | None] = {}
    for position, character in enumerate(text.replace("\r\n", "\n")):
        if character not in known:
            known[character] = keysym_of(character)
        keysym = known[character]
        if keysym is None:
            wanted = "printable characters, tab and newline"
            raise _refusal(f"{path}[{position}]", _shown(character), wanted)
        keysyms.append(keysym)
    return keysyms


def _shown(text: str) -> str:
    # Not repr(): a lone surrogate in an answer could not be encoded.
    return ascii(text[:40])


def _refusal(path: str, found: str, wanted: str, nearest: str = "") -> BadRequest:
    fault = FieldError(path=path, wanted=wanted, found=found, nearest=nearest)
    return BadRequest(str(fault), errors=[fault])
