"""Who is calling: the kernel's word on a Unix socket, a token's hash on TCP."""

from __future__ import annotations

import grp
import hashlib
import hmac
import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agentd.base.command import Scope
from agentd.base.config import ConfigError
from agentd.base.errors import Denied, Unauthorized
from agentd.control.auth import Peer, PeerPolicy, Tokens, peer_of
from tests.fakes import token_file

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
NOBODY = pwd.getpwnam("nobody")


@contextmanager
def connected_as(folder: Path, uid: int, gid: int, groups: list[int]) -> Iterator[socket.socket]:
    """Accept a connection that a process of another user makes; it lives until the end."""
    path = folder / "sock"
    folder.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o777)
        listener.listen()
        release, hold = os.pipe()
        child = os.fork()
        if child == 0:  # Nothing of pytest's may run in here.
            try:
                os.close(hold)
                os.setgroups(groups)
                os.setresgid(gid, gid, gid)
                os.setresuid(uid, uid, uid)
                client = socket.socket(socket.AF_UNIX)
                client.connect(str(path))
                os.read(release, 1)
            finally:
                os._exit(0)
        os.close(release)
        listener.settimeout(10)
        try:
            connection, _ = listener.accept()
            with connection:
                yield connection
        finally:
            os.close(hold)
            os.waitpid(child, 0)


class TestPeer:
    def test_own_process_is_named_by_the_kernel(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX)
        with ours, theirs:
            peer = peer_of(ours)
        assert (peer.pid, peer.uid) == (os.getpid(), os.getuid())
        assert peer.gids == {os.getgid(), *os.getgroups()}

    @pytest.fixture
    def reachable(self) -> Iterator[Path]:
        """A folder that every user may enter; pytest's own are closed."""
        folder = Path(tempfile.mkdtemp(prefix="agentd-auth-"))
        yield folder
        shutil.rmtree(folder)

    @needs_root
    def test_other_user_is_named_by_the_kernel(self, reachable: Path) -> None:
        with connected_as(reachable, NOBODY.pw_uid, NOBODY.pw_gid, [4, 24]) as connection:
            peer = peer_of(connection)
        assert (peer.uid, peer.gids) == (NOBODY.pw_uid, {NOBODY.pw_gid, 4, 24})

    @needs_root
    def test_many_groups_are_all_seen(self, reachable: Path) -> None:
        groups = list(range(2000, 2256))
        with connected_as(reachable, NOBODY.pw_uid, NOBODY.pw_gid, groups) as connection:
            assert peer_of(connection).gids == {NOBODY.pw_gid, *groups}

    @needs_root
    def test_more_groups_than_can_be_asked_for_leave_the_primary_one(
        self, reachable: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        groups = list(range(2000, 2257))
        with connected_as(reachable, NOBODY.pw_uid, NOBODY.pw_gid, groups) as connection:
            assert peer_of(connection).gids == {NOBODY.pw_gid}
        assert f"groups of a peer unknown uid={NOBODY.pw_uid}" in caplog.text

    @needs_root
    def test_other_user_is_denied(self, reachable: Path) -> None:
        with connected_as(reachable, NOBODY.pw_uid, NOBODY.pw_gid, []) as connection:
            peer = peer_of(connection)
        with pytest.raises(Denied, match=f"user {NOBODY.pw_uid} may not use this socket"):
            PeerPolicy([], []).identify(peer)


class TestPeerPolicy:
    def peer(self, uid: int = 5000, *gids: int) -> Peer:
        return Peer(1, uid, frozenset(gids))

    @pytest.mark.parametrize("uid", [0, os.getuid(), 4711])
    def test_root_ourselves_and_the_configured_may(self, uid: int) -> None:
        identity = PeerPolicy([4711], []).identify(self.peer(uid))
        assert (identity.principal, identity.scopes) == (f"uid:{uid}", frozenset(Scope))

    def test_others_may_not(self) -> None:
        with pytest.raises(Denied):
            PeerPolicy([4711], [4712]).identify(self.peer(5000, 5001))

    def test_member_of_a_configured_group_may(self) -> None:
        PeerPolicy([], [4712]).identify(self.peer(5000, 1, 4712))

    def test_group_is_found_by_name(self) -> None:
        entry = grp.getgrall()[-1]
        PeerPolicy([], [entry.gr_name]).identify(self.peer(5000, entry.gr_gid))

    def test_user_number_is_no_group_number(self) -> None:
        with pytest.raises(Denied):
            PeerPolicy([], [5000]).identify(self.peer(5000))

    def test_missing_group_is_a_fault_of_the_configuration(self) -> None:
        with pytest.raises(ConfigError) as caught:
            PeerPolicy([], ["no-such-group"])
        assert caught.value.errors[0].path == "control.allow_gids"

    def test_group_agentd_is_the_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _pretend_group(monkeypatch, "agentd", 4713)
        PeerPolicy([], []).identify(self.peer(5000, 4713))

    def test_group_agentd_is_no_default_beside_a_configured_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _pretend_group(monkeypatch, "agentd", 4713)
        with pytest.raises(Denied):
            PeerPolicy([], [4712]).identify(self.peer(5000, 4713))


class TestTokens:
    @pytest.fixture
    def tokens(self, tmp_path: Path) -> Tokens:
        scopes = {"ci": [Scope.VIEW, Scope.INPUT], "none": []}
        return Tokens(token_file(tmp_path, scopes))

    def test_right_token_brings_its_scopes(self, tokens: Tokens) -> None:
        identity = tokens.identify("Bearer ci")
        assert identity.principal == "token:ci"
        assert identity.scopes == {Scope.VIEW, Scope.INPUT}

    def test_token_without_scopes_may_nothing(self, tokens: Tokens) -> None:
        assert tokens.identify("Bearer none").scopes == frozenset()

    @pytest.mark.parametrize("header", ["bearer ci", "BEARER  ci ", "Bearer ci\t"])
    def test_scheme_and_blanks_do_not_matter(self, tokens: Tokens, header: str) -> None:
        assert tokens.identify(header).principal == "token:ci"

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "Bearer",
            "Bearer ",
            "Bearer wrong",
            "Bearer cI",
            "Bearer ci ci",
            "Basic ci",
            "ci",
            "Bearer \udcff",
            "Bearer " + "x" * 100_000,
            f"Bearer {hashlib.sha256(b'ci').hexdigest()}",
        ],
    )
    def test_anything_else_is_refused(self, tokens: Tokens, header: str) -> None:
        with pytest.raises(Unauthorized):
            tokens.identify(header)

    def test_refusal_does_not_repeat_the_token(self, tokens: Tokens) -> None:
        with pytest.raises(Unauthorized) as caught:
            tokens.identify("Bearer hunter2")
        assert "hunter2" not in str(caught.value)

    @pytest.mark.parametrize("header", ["Bearer ci", "Bearer none", "Bearer wrong", "Basic x"])
    def test_each_entry_is_compared_whatever_is_given(
        self, tokens: Tokens, header: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compared = []
        kept = hmac.compare_digest
        monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(a) or kept(a, b))
        with suppress(Unauthorized):
            tokens.identify(header)
        assert len(compared) == 2

    def test_hash_may_be_written_in_capitals(self, tmp_path: Path) -> None:
        path = token_file(tmp_path, {"ci": [Scope.VIEW]})
        digest = hashlib.sha256(b"ci").hexdigest()
        path.write_text(path.read_text().replace(digest, digest.upper()))
        assert Tokens(path).identify("Bearer ci").principal == "token:ci"

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610])
    def test_file_that_others_may_read_is_refused(self, tmp_path: Path, mode: int) -> None:
        with pytest.raises(ConfigError, match="mode 0600 or 0400"):
            Tokens(token_file(tmp_path, {}, mode=mode))

    @pytest.mark.parametrize("mode", [0o600, 0o400])
    def test_private_file_is_taken(self, tmp_path: Path, mode: int) -> None:
        Tokens(token_file(tmp_path, {}, mode=mode))

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"[[tokens]]\nname = 'x'\n", "tokens[0].scopes"),
            (b"[[tokens]]\nname = 'x'\nscopes = ['root']\nsha256 = 'x'", "tokens[0].scopes[0]"),
            (b"[[tokens]]\nname='x'\nscopes=[]\nsha256='beef'", "tokens[0].sha256"),
            (b"[[tokens]]\nname='x'\nscopes=[]\nsha256='" + "é".encode() * 64 + b"'", "sha256"),
            (b"[[tokens]]\nname='x'\nscopes=[]\ntoken='plain'", "tokens[0].token"),
            (b"[[token]]", "did you mean 'tokens'?"),
            (b"[[tokens", "a token file"),
            (b"\xff", "a token file"),
        ],
    )
    def test_unusable_file_is_refused(self, tmp_path: Path, content: bytes, problem: str) -> None:
        path = token_file(tmp_path, {})
        path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            Tokens(path)
        assert problem in caught.value.detail

    @pytest.mark.parametrize("name", ["missing", "."])
    def test_missing_file_is_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ConfigError):
            Tokens(tmp_path / name)


def _pretend_group(monkeypatch: pytest.MonkeyPatch, name: str, gid: int) -> None:
    def getgrnam(wanted: str) -> grp.struct_group:
        if wanted != name:
            raise KeyError(wanted)
        return grp.struct_group((name, "x", gid, []))

    monkeypatch.setattr(grp, "getgrnam", getgrnam)
