"""A Qt 6 window that tells every event it gets. Run by Debian's Python (python3-pyqt6)."""

from PyQt6.QtCore import QEvent, QMimeData, QSocketNotifier, Qt, QTimer, QUrl
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QApplication, QPlainTextEdit
from wire import TextReport, Wire, picture

wire = Wire()
application = QApplication([])
BUTTONS = {
    Qt.MouseButton.LeftButton: 1,
    Qt.MouseButton.MiddleButton: 2,
    Qt.MouseButton.RightButton: 3,
    Qt.MouseButton.BackButton: 8,
    Qt.MouseButton.ForwardButton: 9,
}
MODIFIERS = {
    Qt.KeyboardModifier.ShiftModifier: "shift",
    Qt.KeyboardModifier.ControlModifier: "ctrl",
    Qt.KeyboardModifier.AltModifier: "alt",
    Qt.KeyboardModifier.MetaModifier: "super",
}
PRESSES = (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick)


def modifiers_of(event):
    return [name for flag, name in MODIFIERS.items() if event.modifiers() & flag]


class Field(QPlainTextEdit):
    """The text field; `event` tells of keys, `viewportEvent` of the pointer."""

    def event(self, event):
        """Tell keys and focus."""
        kind = event.type()
        if kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            wire.tell(
                "key",
                press=kind == QEvent.Type.KeyPress,
                keysym=event.nativeVirtualKey(),
                keycode=event.nativeScanCode(),
                modifiers=modifiers_of(event),
            )
        elif kind == QEvent.Type.FocusIn:
            wire.tell("focus")
        return super().event(event)

    def viewportEvent(self, event):  # noqa: N802
        """Tell buttons, motion and the wheel."""
        kind = event.type()
        if kind in (*PRESSES, QEvent.Type.MouseButtonRelease):
            point = event.globalPosition()
            count = 2 if kind == QEvent.Type.MouseButtonDblClick else 1
            wire.tell(
                "button",
                press=kind in PRESSES,
                button=BUTTONS.get(event.button(), 0),
                count=count if kind in PRESSES else 0,
                x=point.x(),
                y=point.y(),
                modifiers=modifiers_of(event),
            )
        elif kind == QEvent.Type.MouseMove:
            point = event.globalPosition()
            held = [number for flag, number in BUTTONS.items() if event.buttons() & flag]
            wire.tell("motion", x=point.x(), y=point.y(), buttons=held)
        elif kind == QEvent.Type.Wheel:
            delta = event.angleDelta()
            wire.tell(
                "scroll", dx=-delta.x() / 120, dy=-delta.y() / 120, modifiers=modifiers_of(event)
            )
        if kind in (*PRESSES, QEvent.Type.MouseButtonRelease) and BUTTONS.get(event.button()) == 2:
            # Qt 6.4 waits for ever for a primary selection that nobody owns.
            return True
        return super().viewportEvent(event)


def copy_image():
    width, height, pixels = picture()
    image = QImage(pixels, width, height, width * 3, QImage.Format.Format_RGB888)
    application.clipboard().setImage(image.copy())


def paste_image():
    image = application.clipboard().image()
    width, height = image.width(), image.height()
    colours = [image.pixelColor(x, y) for y in range(height) for x in range(width)]
    pixels = [value for colour in colours for value in colour.getRgb()[:3]]
    wire.tell("image", width=width, height=height, pixels=pixels)


def copy_rich(paths, html):
    board = QMimeData()
    if paths:
        board.setUrls([QUrl.fromLocalFile(path) for path in paths])
    else:
        board.setHtml(html)
    application.clipboard().setMimeData(board)


def paste_rich():
    board = application.clipboard().mimeData()
    wire.tell("files", uris=[url.toString() for url in board.urls()])
    wire.tell("html", html=board.html())


def command(*_):
    for name in wire.commands():
        match name:
            case "clear":
                field.clear()
                QTimer.singleShot(0, lambda: wire.tell("cleared"))
            case "copy image":
                copy_image()
            case "paste image":
                paste_image()
            case "copy files":
                copy_rich(["/tmp/a b/ü#?.txt", "/tmp/100%"], "")
            case "copy html":
                copy_rich([], "<b>ü 你好</b>")
            case "paste files" | "paste html":
                paste_rich()


field = Field()
field.setWindowTitle("oracle qt")
field.resize(620, 400)
field.viewport().setMouseTracking(True)
field.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)


def read():
    # toPlainText would turn no-break spaces into spaces.
    return field.document().toRawText().replace("\u2029", "\n")


report = TextReport(wire, read, lambda function: QTimer.singleShot(0, function))
field.textChanged.connect(report.changed)
notifier = QSocketNotifier(wire.socket.fileno(), QSocketNotifier.Type.Read)
notifier.activated.connect(command)
field.show()
field.setFocus()
QTimer.singleShot(0, lambda: wire.tell("ready", window=int(field.winId())))
application.exec()
