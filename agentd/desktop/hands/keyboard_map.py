"""The text of our own keyboard map, to be loaded once into a fresh X server.

Pure. Does not load it: that is `xkbcomp -w0 - :N` with this text on its standard input. The map
is a US pc105 keyboard without media keys, so that chords and modifiers work as everywhere, and
all keycodes that are left have a name and no symbol: they are spare, for typing to bind. A stock
Xvfb leaves 19 of them, this map 143. Source: the XKB protocol specification and xkbcomp(1).
"""

from __future__ import annotations

MIN_KEYCODE = 8
MAX_KEYCODE = 255

# keycode, XKB name, symbols. The keycodes are those of Linux's evdev driver plus 8: browsers
# derive the physical key (`KeyboardEvent.code`) from them.
_ROWS: tuple[tuple[int, str, str], ...] = (
    (9, "ESC", "Escape"),
    (10, "AE01", "1 exclam"),
    (11, "AE02", "2 at"),
    (12, "AE03", "3 numbersign"),
    (13, "AE04", "4 dollar"),
    (14, "AE05", "5 percent"),
    (15, "AE06", "6 asciicircum"),
    (16, "AE07", "7 ampersand"),
    (17, "AE08", "8 asterisk"),
    (18, "AE09", "9 parenleft"),
    (19, "AE10", "0 parenright"),
    (20, "AE11", "minus underscore"),
    (21, "AE12", "equal plus"),
    (22, "BKSP", "BackSpace BackSpace"),
    (23, "TAB", "Tab ISO_Left_Tab"),
    (24, "AD01", "q Q"),
    (25, "AD02", "w W"),
    (26, "AD03", "e E"),
    (27, "AD04", "r R"),
    (28, "AD05", "t T"),
    (29, "AD06", "y Y"),
    (30, "AD07", "u U"),
    (31, "AD08", "i I"),
    (32, "AD09", "o O"),
    (33, "AD10", "p P"),
    (34, "AD11", "bracketleft braceleft"),
    (35, "AD12", "bracketright braceright"),
    (36, "RTRN", "Return"),
    (37, "LCTL", "Control_L"),
    (38, "AC01", "a A"),
    (39, "AC02", "s S"),
    (40, "AC03", "d D"),
    (41, "AC04", "f F"),
    (42, "AC05", "g G"),
    (43, "AC06", "h H"),
    (44, "AC07", "j J"),
    (45, "AC08", "k K"),
    (46, "AC09", "l L"),
    (47, "AC10", "semicolon colon"),
    (48, "AC11", "apostrophe quotedbl"),
    (49, "TLDE", "grave asciitilde"),
    (50, "LFSH", "Shift_L"),
    (51, "BKSL", "backslash bar"),
    (52, "AB01", "z Z"),
    (53, "AB02", "x X"),
    (54, "AB03", "c C"),
    (55, "AB04", "v V"),
    (56, "AB05", "b B"),
    (57, "AB06", "n N"),
    (58, "AB07", "m M"),
    (59, "AB08", "comma less"),
    (60, "AB09", "period greater"),
    (61, "AB10", "slash question"),
    (62, "RTSH", "Shift_R"),
    (63, "KPMU", "KP_Multiply"),
    (64, "LALT", "Alt_L Meta_L"),
    (65, "SPCE", "space"),
    (66, "CAPS", "Caps_Lock"),
    (67, "FK01", "F1"),
    (68, "FK02", "F2"),
    (69, "FK03", "F3"),
    (70, "FK04", "F4"),
    (71, "FK05", "F5"),
    (72, "FK06", "F6"),
    (73, "FK07", "F7"),
    (74, "FK08", "F8"),
    (75, "FK09", "F9"),
    (76, "FK10", "F10"),
    (77, "NMLK", "Num_Lock"),
    (78, "SCLK", "Scroll_Lock"),
    (79, "KP7", "KP_Home KP_7"),
    (80, "KP8", "KP_Up KP_8"),
    (81, "KP9", "KP_Prior KP_9"),
    (82, "KPSU", "KP_Subtract"),
    (83, "KP4", "KP_Left KP_4"),
    (84, "KP5", "KP_Begin KP_5"),
    (85, "KP6", "KP_Right KP_6"),
    (86, "KPAD", "KP_Add"),
    (87, "KP1", "KP_End KP_1"),
    (88, "KP2", "KP_Down KP_2"),
    (89, "KP3", "KP_Next KP_3"),
    (90, "KP0", "KP_Insert KP_0"),
    (91, "KPDL", "KP_Delete KP_Decimal"),
    (94, "LSGT", "less greater"),
    (95, "FK11", "F11"),
    (96, "FK12", "F12"),
    (104, "KPEN", "KP_Enter"),
    (105, "RCTL", "Control_R"),
    (106, "KPDV", "KP_Divide"),
    (107, "PRSC", "Print Sys_Req"),
    (108, "RALT", "Alt_R Meta_R"),
    (110, "HOME", "Home"),
    (111, "UP", "Up"),
    (112, "PGUP", "Prior"),
    (113, "LEFT", "Left"),
    (114, "RGHT", "Right"),
    (115, "END", "End"),
    (116, "DOWN", "Down"),
    (117, "PGDN", "Next"),
    (118, "INS", "Insert"),
    (119, "DELE", "Delete"),
    (127, "PAUS", "Pause Break"),
    (133, "LWIN", "Super_L"),
    (134, "RWIN", "Super_R"),
    (135, "COMP", "Menu"),
)

# Shift+Alt, Shift+Print and Control+Pause give another symbol on a stock keyboard through types
# of their own; TWO_LEVEL has the same effect for the first and loses nothing for the others.
_MODIFIERS = (
    ("Shift", "LFSH"),
    ("Shift", "RTSH"),
    ("Lock", "CAPS"),
    ("Control", "LCTL"),
    ("Control", "RCTL"),
    ("Mod1", "LALT"),
    ("Mod1", "RALT"),
    ("Mod2", "NMLK"),
    ("Mod4", "LWIN"),
    ("Mod4", "RWIN"),
)

# All types of a stock map, though four would do: the server checks the types of the keys that it
# has before it takes the keys that come, and refuses a map with fewer types (BadValue in SetMap).
_TYPES = """
    include "complete"
"""

_COMPATIBILITY = """
    virtual_modifiers NumLock,Alt,Meta,Super;
    interpret.useModMapMods= AnyLevel;
    interpret.repeat= False;
    interpret.locking= False;
    interpret Num_Lock+AnyOf(all) {
        virtualModifier= NumLock;
        action= LockMods(modifiers=NumLock);
    };
    interpret Alt_L+AnyOf(all) {
        virtualModifier= Alt;
        action= SetMods(modifiers=modMapMods,clearLocks);
    };
    interpret Alt_R+AnyOf(all) {
        virtualModifier= Alt;
        action= SetMods(modifiers=modMapMods,clearLocks);
    };
    interpret Meta_L+AnyOf(all) {
        virtualModifier= Meta;
        action= SetMods(modifiers=modMapMods,clearLocks);
    };
    interpret Meta_R+AnyOf(all) {
        virtualModifier= Meta;
        action= SetMods(modifiers=modMapMods,clearLocks);
    };
    interpret Super_L+AnyOf(all) {
        virtualModifier= Super;
        action= SetMods(modifiers=modMapMods,clearLocks);
    };
    interpret Super_R+AnyOf(all) {
        virtualModifier= Super;
        action= SetMods(modifiers=modMapMods,clearLocks);
    };
    interpret Any+Exactly(Lock) {
        action= LockMods(modifiers=Lock);
    };
    interpret Any+AnyOf(all) {
        action= SetMods(modifiers=modMapMods,clearLocks);
    };
    indicator "Caps Lock" {
        whichModState= locked;
        modifiers= Lock;
    };
    indicator "Num Lock" {
        whichModState= locked;
        modifiers= NumLock;
    };
"""


def spare_keycodes() -> tuple[int, ...]:
    """Return the keycodes that the map leaves without a symbol, rising."""
    used = {keycode for keycode, _, _ in _ROWS}
    return tuple(code for code in range(MIN_KEYCODE, MAX_KEYCODE + 1) if code not in used)


def keyboard_map() -> str:
    """Return the whole map as xkbcomp reads it.

    Every keycode has a name: clients built on libxkbcommon ignore keycodes without one, even
    when a symbol is bound to them later.
    """
    spare = spare_keycodes()
    names = [f"<{name}> = {keycode};" for keycode, name, _ in _ROWS]
    names += [f"<I{keycode:03}> = {keycode};" for keycode in spare]
    symbols = [
        f"key <{name}> {{ [ {', '.join(keysyms.split())} ] }};" for _, name, keysyms in _ROWS
    ]
    symbols += [f"key <I{keycode:03}> {{ [ NoSymbol ] }};" for keycode in spare]
    modifiers = [f"modifier_map {modifier} {{ <{name}> }};" for modifier, name in _MODIFIERS]
    keycodes = [f"minimum = {MIN_KEYCODE};", f"maximum = {MAX_KEYCODE};", *names]
    keycodes += ['indicator 1 = "Caps Lock";', 'indicator 2 = "Num Lock";']
    sections = (
        ('xkb_keycodes "agentd"', _lines(keycodes)),
        ('xkb_types "agentd"', _TYPES),
        ('xkb_compatibility "agentd"', _COMPATIBILITY),
        (
            'xkb_symbols "agentd"',
            _lines(['name[group1]="English (US)";', *symbols, *modifiers]),
        ),
    )
    body = "".join(f"{head} {{\n{text}}};\n" for head, text in sections)
    return f"xkb_keymap {{\n{body}}};\n"


def _lines(lines: list[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)
