"""What runs under a Python that has pyautogui: does what it is told, a line at a time.

Started by `peers.py` with the pause after each call in seconds. Lines: `click X Y`, `screenshot
PATH`, `nothing`; each is answered by `done`.
"""

import sys

import pyautogui


def main() -> None:
    """Obey until the input ends."""
    pyautogui.FAILSAFE = False
    pyautogui.PAUSE = float(sys.argv[1])
    for line in sys.stdin:
        match line.split():
            case ["click", x, y]:
                pyautogui.click(int(x), int(y))
            case ["screenshot", path]:
                pyautogui.screenshot().save(path)
        print("done", flush=True)


if __name__ == "__main__":
    main()
