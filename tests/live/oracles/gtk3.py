"""A GTK 3 window that tells every event it gets. Run by Debian's Python (python3-gi)."""

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("Gdk", "3.0")
gi.require_version("GdkX11", "3.0")
from gi.repository import Gdk, GdkPixbuf, GdkX11, GLib, Gtk  # noqa: E402, F401
from wire import TextReport, Wire, buttons_of, modifiers_of, picture  # noqa: E402

wire = Wire()
window = Gtk.Window(title="oracle gtk3")
window.set_default_size(620, 400)
view = Gtk.TextView()
view.set_wrap_mode(Gtk.WrapMode.CHAR)
window.add(view)
text = view.get_buffer()
board = Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD)
PRESSES = {
    Gdk.EventType.BUTTON_PRESS: 1,
    Gdk.EventType._2BUTTON_PRESS: 2,
    Gdk.EventType._3BUTTON_PRESS: 3,
}
DIRECTIONS = {
    Gdk.ScrollDirection.UP: (0, -1),
    Gdk.ScrollDirection.DOWN: (0, 1),
    Gdk.ScrollDirection.LEFT: (-1, 0),
    Gdk.ScrollDirection.RIGHT: (1, 0),
}


def read():
    return text.get_text(text.get_start_iter(), text.get_end_iter(), True)


def key(_, event):
    wire.tell(
        "key",
        press=event.type == Gdk.EventType.KEY_PRESS,
        keysym=Gdk.keyval_name(event.keyval),
        keycode=event.hardware_keycode,
        modifiers=modifiers_of(int(event.state)),
    )
    return False


def button(_, event):
    wire.tell(
        "button",
        press=event.type in PRESSES,
        button=event.button,
        count=PRESSES.get(event.type, 0),
        x=event.x_root,
        y=event.y_root,
        modifiers=modifiers_of(int(event.state)),
    )
    return event.button != 1


def scroll(_, event):
    if event.direction == Gdk.ScrollDirection.SMOOTH:
        dx, dy = event.delta_x, event.delta_y
    else:
        dx, dy = DIRECTIONS[event.direction]
    wire.tell("scroll", dx=dx, dy=dy, modifiers=modifiers_of(int(event.state)))
    return False


def motion(_, event):
    wire.tell("motion", x=event.x_root, y=event.y_root, buttons=buttons_of(int(event.state)))
    return False


def tell_image(_, image):
    rows = range(image.get_height())
    row = slice(0, image.get_width() * image.get_n_channels())
    data = image.get_pixels()
    pixels = b"".join(data[y * image.get_rowstride() :][row] for y in rows)
    if image.get_n_channels() == 4:
        pixels = bytes(value for at, value in enumerate(pixels) if at % 4 != 3)
    wire.tell("image", width=image.get_width(), height=image.get_height(), pixels=list(pixels))


def copy_image():
    width, height, pixels = picture()
    board.set_image(
        GdkPixbuf.Pixbuf.new_from_bytes(
            GLib.Bytes(pixels), GdkPixbuf.Colorspace.RGB, False, 8, width, height, width * 3
        )
    )


def command(*_):
    for name in wire.commands():
        if name == "clear":
            text.set_text("")
            GLib.idle_add(lambda: wire.tell("cleared"))
        elif name == "copy image":
            copy_image()
        elif name == "paste image":
            board.request_image(tell_image)
        elif name == "paste files":
            board.request_uris(lambda _, uris: wire.tell("files", uris=list(uris)))
    return True


report = TextReport(wire, read, GLib.idle_add)
text.connect("changed", report.changed)
view.add_events(Gdk.EventMask.SCROLL_MASK | Gdk.EventMask.POINTER_MOTION_MASK)
for name, handler in (
    ("key-press-event", key),
    ("key-release-event", key),
    ("button-press-event", button),
    ("button-release-event", button),
    ("scroll-event", scroll),
    ("motion-notify-event", motion),
):
    view.connect(name, handler)
view.connect("focus-in-event", lambda *_: wire.tell("focus") or False)
window.connect("destroy", Gtk.main_quit)
GLib.io_add_watch(wire.socket.fileno(), GLib.IO_IN | GLib.IO_HUP, command)
window.show_all()
view.grab_focus()
GLib.idle_add(lambda: wire.tell("ready", window=window.get_window().get_xid()) or False)
Gtk.main()
