"""Windows and programs: what the window manager says is what an agent gets."""

from __future__ import annotations

import pytest

from agentd.base.errors import BadRequest, NotFound, TimedOut
from tests.live.daemon import running_daemon


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    folder = tmp_path_factory.mktemp("daemon")
    with running_daemon(folder) as running:
        with running.client() as client:
            client.desktop.start()
        yield running


@pytest.fixture
def client(daemon):
    with daemon.client() as opened:
        yield opened
        for window in opened.windows.list():
            opened.windows.close(id=window.id)


def open_terminal(client, title: str):
    # Not a shell: it may give the window a title of its own.
    argv = ["xterm", "-title", title, "-geometry", "60x12+200+150", "-e", "cat"]
    return client.apps.launch(argv=argv, wait_window_s=10).window


def test_list_tells_title_class_pid_and_focus(client):
    launched = open_terminal(client, "häuser 家")
    (window,) = client.windows.list()
    assert window.id == launched.id
    assert (window.title, window.class_name, window.pid) == ("häuser 家", "XTerm", launched.pid)
    assert window.focused
    assert client.windows.active().id == window.id


def test_topmost_window_is_first(client):
    first, second = open_terminal(client, "first"), open_terminal(client, "second")
    assert [window.id for window in client.windows.list()] == [second.id, first.id]
    assert client.windows.focus(id=first.id).focused
    assert [window.id for window in client.windows.list()] == [first.id, second.id]


def test_move_is_exact(client):
    window = open_terminal(client, "mover")
    for x, y in ((0, 0), (333, 222), (-50, 700)):
        moved = client.windows.move(id=window.id, x=x, y=y)
        assert (moved.x, moved.y) == (x, y)


def test_resize_says_what_the_program_made_of_it(client):
    window = open_terminal(client, "sizer")
    resized = client.windows.resize(id=window.id, width=700, height=500)
    assert abs(resized.width - 700) < 40
    assert abs(resized.height - 500) < 40
    (listed,) = client.windows.list()
    assert (listed.width, listed.height) == (resized.width, resized.height)


def test_minimize_and_back(client):
    window = open_terminal(client, "mini")
    assert client.windows.minimize(id=window.id).minimized
    back = client.windows.focus(id=window.id)
    assert not back.minimized
    assert back.focused


def test_maximize_and_restore(client):
    window = open_terminal(client, "maxi")
    large = client.windows.maximize(id=window.id)
    assert large.maximized
    assert large.width > 1200
    small = client.windows.maximize(id=window.id, on=False)
    assert not small.maximized
    assert (small.x, small.y, small.width, small.height) == (
        window.x,
        window.y,
        window.width,
        window.height,
    )


def test_close_waits_until_it_is_gone(client):
    window = open_terminal(client, "closer")
    client.windows.close(id=window.id)
    assert client.windows.list() == []
    with pytest.raises(NotFound, match=f"no window {window.id}"):
        client.windows.focus(id=window.id)


def test_wait_finds_by_title_and_class(client):
    window = open_terminal(client, "A Title To Find")
    assert client.windows.wait(title="title to f").id == window.id
    assert client.windows.wait(class_name="xterm").id == window.id
    with pytest.raises(TimedOut, match=r"within 0\.2 s"):
        client.windows.wait(title="nothing like it", timeout_s=0.2)
    with pytest.raises(BadRequest, match="not said"):
        client.windows.wait()


def test_windows_tell_their_life_as_events(client):
    since = client.daemon.stats()["events"]["events"]
    window = open_terminal(client, "eventful")
    client.windows.close(id=window.id)
    seen = []
    with client.events.subscribe(types=["window"], since=since) as events:
        for event in events:
            # Its number may have been another's before.
            is_ours = seen or event.data["title"] == "eventful"
            if event.data["id"] == window.id and is_ours:
                seen.append(event.type)
            if "window.closed" in seen:
                break
    assert seen[0] == "window.opened"
    assert "window.focused" in seen


def test_renamed_window_is_an_event(client):
    client.apps.launch(
        argv=["xterm", "-title", "before", "-e", r"read line; printf '\033]2;after\007'; cat"],
        wait_window_s=10,
    )
    since = client.daemon.stats()["events"]["events"]
    client.desktop.press(keys="Return")
    with client.events.subscribe(types=["window.renamed"], since=since) as events:
        assert any(event.data["title"] == "after" for event in events)
