"""The window manager's configuration: what an agent and a watching human expect, no more.

Pure. Windows get the focus when they open, so that typed text goes where the eye is; no keyboard
shortcut is taken from the programs but Alt+Tab and Alt+F4; one workspace. Source: openbox's
configuration schema (http://openbox.org/3.4/rc).
"""

from __future__ import annotations

_CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <focus>
    <focusNew>yes</focusNew>
    <followMouse>no</followMouse>
    <focusLast>yes</focusLast>
    <raiseOnFocus>no</raiseOnFocus>
  </focus>
  <placement>
    <policy>Smart</policy>
    <center>yes</center>
    <monitor>Primary</monitor>
  </placement>
  <theme>
    <name>{theme}</name>
    <titleLayout>NLIMC</titleLayout>
    <keepBorder>yes</keepBorder>
    <animateIconify>no</animateIconify>
    <font place="ActiveWindow"><name>DejaVu Sans</name><size>9</size></font>
    <font place="InactiveWindow"><name>DejaVu Sans</name><size>9</size></font>
  </theme>
  <desktops><number>1</number><popupTime>0</popupTime></desktops>
  <resize><drawContents>yes</drawContents><popupShow>Never</popupShow></resize>
  <keyboard>
    <keybind key="A-Tab"><action name="NextWindow"><raise>yes</raise></action></keybind>
    <keybind key="A-S-Tab"><action name="PreviousWindow"><raise>yes</raise></action></keybind>
    <keybind key="A-F4"><action name="Close"/></keybind>
  </keyboard>
  <mouse>
    <dragThreshold>4</dragThreshold>
    <doubleClickTime>400</doubleClickTime>
    <screenEdgeWarpTime>0</screenEdgeWarpTime>
{mouse}
  </mouse>
  <menu><showIcons>no</showIcons></menu>
</openbox_config>
"""

_SELECT = '<action name="Focus"/><action name="Raise"/>'
_MOVE = '<action name="Move"/>'
_RESIZE = '<action name="Resize"/>'

# Where on a window, which button, what it does there, what follows.
_MOUSE = (
    ("Frame", "A-Left", "Press", _SELECT),
    ("Frame", "A-Left", "Drag", _MOVE),
    ("Titlebar", "Left", "Press", _SELECT),
    ("Titlebar", "Left", "Drag", _MOVE),
    ("Titlebar", "Left", "DoubleClick", '<action name="ToggleMaximize"/>'),
    ("Client", "Left", "Press", _SELECT),
    ("Client", "Middle", "Press", _SELECT),
    ("Client", "Right", "Press", _SELECT),
    ("Top", "Left", "Drag", '<action name="Resize"><edge>top</edge></action>'),
    ("Bottom", "Left", "Drag", '<action name="Resize"><edge>bottom</edge></action>'),
    ("Left", "Left", "Drag", '<action name="Resize"><edge>left</edge></action>'),
    ("Right", "Left", "Drag", '<action name="Resize"><edge>right</edge></action>'),
    ("TLCorner", "Left", "Drag", _RESIZE),
    ("TRCorner", "Left", "Drag", _RESIZE),
    ("BLCorner", "Left", "Drag", _RESIZE),
    ("BRCorner", "Left", "Drag", _RESIZE),
    ("Close", "Left", "Click", '<action name="Close"/>'),
    ("Maximize", "Left", "Click", '<action name="ToggleMaximize"/>'),
    ("Iconify", "Left", "Click", '<action name="Iconify"/>'),
)


def openbox_config(theme: str = "Clearlooks") -> str:
    """Return the text of the configuration file."""
    return _CONFIG.format(theme=theme, mouse="\n".join(_binding(*row) for row in _MOUSE))


def _binding(context: str, button: str, event: str, actions: str) -> str:
    return (
        f'    <context name="{context}"><mousebind button="{button}" action="{event}">'
        f"{actions}</mousebind></context>"
    )
