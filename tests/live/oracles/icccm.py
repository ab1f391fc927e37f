"""A program that copies and pastes as few do: slowly, halfway, by old rules. Needs python-xlib.

icccm.py owner PIECES exit|stop    copies without end, and ends or stops after so many pieces
icccm.py requestor PIECES          pastes, and stops after so many pieces
icccm.py conventions               asks in all the ways of ICCCM section 2, prints the answers
"""

import signal
import sys

from Xlib import X, Xatom
from Xlib.display import Display
from Xlib.protocol import event as xevent

PIECE = b"x" * 100_000

display = Display()
window = display.screen().root.create_window(
    0, 0, 1, 1, 0, X.CopyFromParent, event_mask=X.PropertyChangeMask
)
CLIPBOARD, INCR, UTF8, STRING = (
    display.intern_atom(name) for name in ("CLIPBOARD", "INCR", "UTF8_STRING", "STRING")
)
TARGETS, MULTIPLE, PAIRS = (
    display.intern_atom(name) for name in ("TARGETS", "MULTIPLE", "ATOM_PAIR")
)
ANSWER = display.intern_atom("ORACLE_ANSWER")


def say(line):
    print(line, flush=True)


def wait(kind, **wanted):
    while True:
        event = display.next_event()
        if event.type == kind and all(getattr(event, k) == v for k, v in wanted.items()):
            return event


def notify(request, property_):
    request.requestor.send_event(
        xevent.SelectionNotify(
            time=request.time,
            requestor=request.requestor,
            selection=request.selection,
            target=request.target,
            property=property_,
        )
    )


def old_owner():
    """Own the clipboard and know STRING alone."""
    window.set_selection_owner(CLIPBOARD, X.CurrentTime)
    display.sync()
    say("owns")
    while True:
        event = wait(X.SelectionRequest)
        if event.target == STRING:
            event.requestor.change_property(event.property, STRING, 8, b"h\xe4user")
        notify(event, event.property if event.target == STRING else X.NONE)
        display.sync()


def owner(pieces, then):
    """Own the clipboard; announce little and send pieces."""
    window.set_selection_owner(CLIPBOARD, X.CurrentTime)
    display.sync()
    say("owns")
    left = pieces
    while True:
        event = display.next_event()
        if event.type == X.SelectionRequest:
            requestor = event.requestor
            if event.target == TARGETS:
                requestor.change_property(event.property, Xatom.ATOM, 32, [TARGETS, UTF8])
            else:
                requestor.change_attributes(event_mask=X.PropertyChangeMask)
                requestor.change_property(event.property, INCR, 32, [10])
                under_way = event.property
            notify(event, event.property)
        elif event.type == X.PropertyNotify and event.window != window:
            if event.state != X.PropertyDelete or event.atom != under_way:
                continue
            if not left and then == "exit":
                sys.exit(0)
            if not left:
                say("stops")
                signal.pause()
            left -= 1
            event.window.change_property(event.atom, UTF8, 8, PIECE)
        display.sync()


def requestor(pieces):
    """Paste from the clipboard, but take no more than so many pieces."""
    window.convert_selection(CLIPBOARD, UTF8, ANSWER, X.CurrentTime)
    wait(X.SelectionNotify)
    assert window.get_full_property(ANSWER, X.AnyPropertyType).property_type == INCR
    for _ in range(pieces):
        window.delete_property(ANSWER)
        wait(X.PropertyNotify, state=X.PropertyNewValue)
    say("enough")
    signal.pause()


def shown(property_):
    found = window.get_full_property(property_, X.AnyPropertyType)
    if found is None:
        return "refused"
    encoding = "utf-8" if found.property_type == UTF8 else "latin-1"
    return f"{display.get_atom_name(found.property_type)} {found.value.decode(encoding)}"


def ask(target, property_, at=X.CurrentTime):
    """Ask, and return the property that the answer is in, 0 if it was refused."""
    window.convert_selection(CLIPBOARD, target, property_, at)
    return wait(X.SelectionNotify).property


def conventions():
    say(f"obsolete requestor: {shown(ask(UTF8, X.NONE))}")
    properties = [display.intern_atom(f"ORACLE_{number}") for number in range(3)]
    unknown = display.intern_atom("ORACLE_UNKNOWN")
    pairs = [UTF8, properties[0], unknown, properties[1], STRING, properties[2]]
    window.change_property(ANSWER, PAIRS, 32, pairs)
    ask(MULTIPLE, ANSWER)
    told = list(window.get_full_property(ANSWER, X.AnyPropertyType).value)
    assert told[3] == 0, told
    say("multiple: " + ", ".join(map(shown, properties)))
    say(f"before our time: {'refused' if not ask(UTF8, ANSWER, 1) else 'given'}")
    say(f"unknown target: {'refused' if not ask(unknown, ANSWER) else 'given'}")
    found = window.get_full_property(
        ask(display.intern_atom("TIMESTAMP"), ANSWER), X.AnyPropertyType
    )
    window.change_property(ANSWER, Xatom.STRING, 8, b"")
    now = wait(X.PropertyNotify).time
    is_ours = 0 <= now - found.value[0] < 20_000
    say(f"timestamp: {display.get_atom_name(found.property_type)} of our time" * is_ours)


match sys.argv[1:]:
    case ["owner", count, then]:
        owner(int(count), then)
    case ["old-owner"]:
        old_owner()
    case ["requestor", count]:
        requestor(int(count))
    case ["kill", number]:
        display.create_resource_object("window", int(number)).kill_client()
        display.sync()
    case ["conventions"]:
        conventions()
