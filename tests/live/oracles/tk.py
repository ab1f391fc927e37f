"""A Tk window that tells every event it gets. Run by Debian's Python (python3-tk)."""

import tkinter

from wire import TextReport, Wire, buttons_of, modifiers_of

wire = Wire()
root = tkinter.Tk()
root.title("oracle tk")
root.geometry("620x400")
field = tkinter.Text(root, font=("DejaVu Sans", 11), undo=False)
field.pack(fill="both", expand=True)
report = TextReport(wire, lambda: field.get("1.0", "end-1c"), root.after_idle)


def modified(_):
    if field.edit_modified():
        field.edit_modified(False)
        report.changed()


def key(event):
    wire.tell(
        "key",
        press=str(event.type) in ("2", "KeyPress"),
        keysym=event.keysym,
        keycode=event.keycode,
        modifiers=modifiers_of(event.state),
    )


def button(press, count):
    def tell(event):
        wire.tell(
            "button",
            press=press,
            button=event.num,
            count=count,
            x=event.x_root,
            y=event.y_root,
            modifiers=modifiers_of(event.state),
        )

    return tell


def scroll(event):
    turn = {4: -1, 5: 1}[event.num]
    # Tk 8.6 turns buttons 6 and 7 into 4 and 5 with Shift.
    dx, dy = (turn, 0) if event.state & 1 else (0, turn)
    wire.tell("scroll", dx=dx, dy=dy, modifiers=modifiers_of(event.state))
    return "break"


def motion(event):
    wire.tell("motion", x=event.x_root, y=event.y_root, buttons=buttons_of(event.state))


def command(*_):
    for name in wire.commands():
        if name == "clear":
            field.delete("1.0", "end")
            root.after_idle(lambda: wire.tell("cleared"))


field.bind("<<Modified>>", modified)
field.bind("<KeyPress>", key)
field.bind("<KeyRelease>", key)
# Tk 8.6 knows no button above 5.
for number in (1, 2, 3):
    for times, prefix in ((1, ""), (2, "Double-"), (3, "Triple-")):
        field.bind(f"<{prefix}ButtonPress-{number}>", button(True, times))
    field.bind(f"<ButtonRelease-{number}>", button(False, 0))
for number in (4, 5):
    field.bind(f"<ButtonPress-{number}>", scroll)
field.bind("<Motion>", motion)
field.bind("<FocusIn>", lambda _: wire.tell("focus"))
root.createfilehandler(wire.socket, tkinter.READABLE, command)
root.after_idle(lambda: (field.focus_force(), wire.tell("ready", window=root.winfo_id())))
root.mainloop()
