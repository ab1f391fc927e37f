"""A Debian machine with a real systemd, booted in a container in half a second.

Its root is built once from Debian's packages, with the service installed, and kept under
/var/tmp/agentd-tests; every machine is a throw-away overlay of it. The checkout is seen at /src.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import inspect
import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentd.client.sync import SyncClient

CHECKOUT = Path(__file__).parents[2]
CACHE = Path("/var/tmp/agentd-tests")
BOOT_S = 60.0
COMMAND_S = 300.0
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What leads apt, pip and npm to their registries, if this machine has something of its own.
_REGISTRY_VARIABLE = re.compile(
    r"PIP_\w+|NPM_CONFIG_\w+|\w+_CA_(BUNDLE|CERTS)|SSL_CERT_FILE|\w+_proxy", re.IGNORECASE
)
_NSPAWN = ["systemd-nspawn", "--quiet", "--keep-unit", "--register=no", "--console=pipe"]
# Nothing of it must survive this machine's crash.
_NSPAWN += ["--suppress-sync=yes"]


def reason_against() -> str:
    """Why no machine can be booted here, or nothing."""
    missing = [name for name in ("systemd-nspawn", "debootstrap") if shutil.which(name) is None]
    if os.geteuid() != 0:
        return "booting a machine needs root"
    if missing:
        return f"booting a machine needs {' and '.join(missing)}; ./test systemd installs them"
    return ""


class Machine:
    """A running machine; `leader` is its first process, as seen from here."""

    def __init__(self, leader: int) -> None:
        self.leader = leader

    def run(self, command: str, *, check: bool = True, limit_s: float = COMMAND_S) -> str:
        """Run a shell command in the machine and return its output, stderr included."""
        argv = ["nsenter", "--target", str(self.leader), "--all", "env", "-i", *_environment()]
        ended = subprocess.run(
            [*argv, "sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=limit_s,
        )
        if check and ended.returncode != 0:
            journal = self.run("journalctl --no-pager --output=cat -n 40", check=False)
            raise AssertionError(f"{command}: status {ended.returncode}\n{ended.stdout}\n{journal}")
        return ended.stdout.strip()

    def property(self, name: str, unit: str = "agentd.service") -> str:
        """A property of a unit (systemctl show)."""
        return self.run(f"systemctl show --property={name} --value {unit}")

    def wait_other_process(self, pid: int, limit_s: float = 30.0) -> None:
        """Wait until the service's main process is another one than `pid`."""
        deadline = time.monotonic() + limit_s
        while self.property("MainPID") in ("0", str(pid)):
            if time.monotonic() > deadline:
                raise AssertionError(f"the service still runs as {pid}")
            select.select([], [], [], 0.1)

    def path(self, path: str) -> Path:
        """Where a file of the machine is seen from here."""
        return Path(f"/proc/{self.leader}/root{path}")

    def client(self) -> SyncClient:
        """A client of the machine's daemon, with the identity of root."""

        return SyncClient(os.fspath(self.path("/run/agentd/agentd.sock")))

    def processes_of_service(self) -> list[str]:
        """What runs in the service's control group."""
        found = self.run("grep -ls /agentd.service /proc/[0-9]*/cgroup || :").split()
        return [self.run(f"cat {Path(path).parent}/comm", check=False) for path in found]


@contextmanager
def booted_machine() -> Iterator[Machine]:
    """Boot a machine; it is gone when the block ends, however it does."""
    base = _base_root()
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="machine-", dir=CACHE))
        stack.callback(shutil.rmtree, folder)
        # The upper layer needs a file system that is no overlay itself, as in a container.
        subprocess.run(["mount", "-t", "tmpfs", "machine", folder], check=True)
        stack.callback(subprocess.run, ["umount", "--lazy", folder], check=True)
        root = folder / "root"
        for name in ("root", "upper", "work"):
            (folder / name).mkdir()
        layers = f"lowerdir={base},upperdir={folder}/upper,workdir={folder}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, root], check=True)
        stack.callback(subprocess.run, ["umount", "--lazy", root], check=True)
        notify = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        notify.bind(os.fspath(folder / "notify"))
        console = stack.enter_context(open(folder / "console", "wb"))
        container = subprocess.Popen(
            [*_NSPAWN, *_sharing(root), "--kill-signal=SIGRTMIN+4", "--notify-ready=yes", "--boot"],
            env={**os.environ, "NOTIFY_SOCKET": os.fspath(folder / "notify")},
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
        )
        stack.callback(_power_off, container)
        try:
            yield Machine(_wait_booted(notify))
        except TimeoutError:
            said = (folder / "console").read_text(errors="replace")[-2000:]
            raise AssertionError(f"the machine did not boot within {BOOT_S} s: {said}") from None


def _wait_booted(notify: socket.socket) -> int:
    """Wait until the machine's systemd has started all; return its first process."""
    notify.settimeout(BOOT_S)
    leader = 0
    while True:
        lines = notify.recv(4096).decode().splitlines()
        for line in lines:
            if line.startswith("X_NSPAWN_LEADER_PID="):
                leader = int(line.partition("=")[2])
        if "READY=1" in lines and leader:
            return leader


def _power_off(container: subprocess.Popen[bytes]) -> None:
    container.terminate()
    try:
        container.wait(30)
    except subprocess.TimeoutExpired:
        container.kill()
        container.wait()


def _base_root() -> Path:
    """Return the root that machines are overlays of; build it if it is missing or outdated."""
    CACHE.mkdir(parents=True, exist_ok=True)
    # Not of Python's packages: `systemd/install`, which tests run, brings those up to date.
    recipe = inspect.getsource(_build) + (CHECKOUT / "packaging/setup.sh").read_text()
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    base = CACHE / f"root-{digest}"
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not base.is_dir():
            for outdated in CACHE.glob("root-*"):
                shutil.rmtree(outdated)
            partial = base.with_name(f"{base.name}.partial")
            _build(partial)
            partial.rename(base)
    return base


def _build(root: Path) -> None:
    """Make a root of Debian with systemd, what agentd needs, and agentd's service."""
    include = "--include=systemd,systemd-sysv,dbus,python3-venv"
    argv = ["debootstrap", "--variant=minbase", include, "bookworm", os.fspath(root)]
    _logged([*argv, *_mirror()])
    packages = (
        '. /src/packaging/setup.sh; need_packages "${DEMO_PACKAGES[@]}"; /src/systemd/install'
    )
    variables = [f"--setenv={variable}" for variable in _environment()]
    _logged([*_NSPAWN, *_sharing(root), *variables, "bash", "-ec", f"ROOT=/src; {packages}"])


def _sharing(root: Path) -> list[str]:
    """The arguments that show a container this machine's checkout, network and certificates."""
    seen = [f"--bind-ro={CHECKOUT}:/src", "--resolv-conf=copy-host", "--capability=all"]
    certificates = [f"--bind-ro={CERTIFICATES}"] if os.path.exists(CERTIFICATES) else []
    return [
        "--directory",
        os.fspath(root),
        "--machine",
        f"agentd{os.getpid()}",
        *seen,
        *certificates,
    ]


def _environment() -> list[str]:
    own = {name: value for name, value in os.environ.items() if _REGISTRY_VARIABLE.fullmatch(name)}
    fixed = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8"}
    return [f"{name}={value}" for name, value in {**own, **fixed}.items()]


def _mirror() -> list[str]:
    """The mirror that this machine's apt is set to; none: debootstrap's own choice."""
    asked = [
        "apt-get",
        "indextargets",
        "--format",
        "$(SITE)",
        "Origin: Debian",
        "Codename: bookworm",
    ]
    try:
        sites = subprocess.run(asked, capture_output=True, text=True).stdout.split()
    except OSError:
        return []
    return sites[:1]


def _logged(argv: list[str]) -> None:
    ended = subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if ended.returncode != 0:
        said = ended.stdout.decode(errors="replace")[-3000:]
        raise AssertionError(f"cannot build the machine's root: {argv[0]}: {said}")
