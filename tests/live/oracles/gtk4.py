"""A GTK 4 window that tells every event it gets. Run by Debian's Python (python3-gi)."""

import gi

gi.require_version("Gtk", "4.0")
gi.require_version("GdkX11", "4.0")
from gi.repository import Gdk, GdkX11, GLib, Gtk  # noqa: E402, F401
from wire import TextReport, Wire, buttons_of, modifiers_of  # noqa: E402

wire = Wire()
Gtk.init()
window = Gtk.Window(title="oracle gtk4")
window.set_default_size(620, 400)
view = Gtk.TextView()
view.set_wrap_mode(Gtk.WrapMode.CHAR)
window.set_child(view)
text = view.get_buffer()
loop = GLib.MainLoop()


def read():
    return text.get_text(text.get_start_iter(), text.get_end_iter(), True)


def state_of(controller):
    return int(controller.get_current_event_state())


def key(press):
    def tell(controller, keyval, keycode, state):
        wire.tell(
            "key",
            press=press,
            keysym=Gdk.keyval_name(keyval),
            keycode=keycode,
            modifiers=modifiers_of(int(state)),
        )
        return False

    return tell


def button(press):
    def tell(gesture, count, x, y):
        if gesture.get_current_button() != 1:
            # No context menu: it would take the next click.
            gesture.set_state(Gtk.EventSequenceState.CLAIMED)
        wire.tell(
            "button",
            press=press,
            button=gesture.get_current_button(),
            count=count,
            x=x,
            y=y,
            modifiers=modifiers_of(state_of(gesture)),
        )

    return tell


def scroll(controller, dx, dy):
    wire.tell("scroll", dx=dx, dy=dy, modifiers=modifiers_of(state_of(controller)))
    return False


def motion(controller, x, y):
    wire.tell("motion", x=x, y=y, buttons=buttons_of(state_of(controller)))


def command(*_):
    for name in wire.commands():
        if name == "clear":
            text.set_text("")
            GLib.idle_add(lambda: wire.tell("cleared"))
    return True


report = TextReport(wire, read, GLib.idle_add)
text.connect("changed", report.changed)
keys = Gtk.EventControllerKey()
keys.set_propagation_phase(Gtk.PropagationPhase.CAPTURE)
keys.connect("key-pressed", key(True))
keys.connect("key-released", key(False))
view.add_controller(keys)
clicks = Gtk.GestureClick()
clicks.set_button(0)
clicks.set_propagation_phase(Gtk.PropagationPhase.CAPTURE)
clicks.connect("pressed", button(True))
clicks.connect("released", button(False))
view.add_controller(clicks)
wheel = Gtk.EventControllerScroll.new(Gtk.EventControllerScrollFlags.BOTH_AXES)
wheel.connect("scroll", scroll)
view.add_controller(wheel)
pointer = Gtk.EventControllerMotion()
pointer.set_propagation_phase(Gtk.PropagationPhase.CAPTURE)
pointer.connect("motion", motion)
view.add_controller(pointer)
focus = Gtk.EventControllerFocus()
focus.connect("enter", lambda _: wire.tell("focus"))
view.add_controller(focus)
window.connect("close-request", lambda _: loop.quit())
GLib.io_add_watch(wire.socket.fileno(), GLib.IO_IN | GLib.IO_HUP, command)
window.present()
view.grab_focus()
GLib.idle_add(lambda: wire.tell("ready", window=window.get_surface().get_xid()) or False)
loop.run()
