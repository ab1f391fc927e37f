# Makes a Debian machine able to run or test agentd. Sourced by run, test and systemd/install.
#
# Every step looks first and does only what is missing: a second call costs milliseconds.
# Expects $ROOT, the checkout. apt, pip and npm use whatever the machine has configured.

# fontconfig keeps the machine's font cache: without it, every account has to make one of its own.
RUNTIME_PACKAGES=(
  python3-venv
  xvfb openbox dbus x11-xkb-utils xkb-data xdg-utils ffmpeg
  fontconfig fonts-dejavu-core fonts-noto-cjk fonts-noto-color-emoji
)
DEMO_PACKAGES=(xterm mousepad)
TEST_PACKAGES=(
  chromium firefox-esr python3-tk python3-gi gir1.2-gtk-3.0 gir1.2-gtk-4.0 python3-pyqt6
  imagemagick xclip xdotool x11-xserver-utils debootstrap systemd-container
  tigervnc-standalone-server x11vnc
  tigervnc-viewer novnc vncsnapshot gvncviewer gstreamer1.0-tools gstreamer1.0-plugins-base
  gstreamer1.0-plugins-bad
)

# The VNC client for browsers, from the npm registry: this package and no other.
NOVNC_VERSION=1.7.0
NOVNC_SHA512=b9c1093b1e13d9abc844295ea1d93b6286d98f93b619ad8078b7d0ebd03fca31
NOVNC_SHA512+=bd1c76dadbe3c38304a437716db6b986fbbd191b1db5b0494d168b8ad77473c8

say() { printf '› %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# quietly WHAT COMMAND...: says what is done; shows the end of the command's output if it fails.
quietly() {
  local what=$1 output status=0
  shift
  say "$what"
  output=$("$@" 2>&1 </dev/null) || status=$?
  ((status == 0)) || { tail -n 12 <<<"$output" >&2; fail "$what: exit status $status"; }
}

# need_packages NAME...: installs the Debian packages that are missing.
need_packages() {
  local missing
  mapfile -t missing < <(printf '%s\n' "$@" | grep -vxF -f <(
    dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null | sed -n 's/ installed$//p'
  ))
  ((${#missing[@]})) || return 0
  local root=()
  ((EUID == 0)) || root=(sudo)
  ((EUID == 0)) || sudo -n true 2>/dev/null || { [[ -t 0 ]] && sudo true; } ||
    fail "cannot install packages without root or sudo; missing: ${missing[*]}"
  # A source that does not answer matters only if a package cannot be had without it.
  quietly "reading package lists" "${root[@]}" sh -c 'apt-get update || :'
  quietly "installing ${missing[*]}" "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends "${missing[@]}"
}

# install_agentd VENV ARGUMENT...: pip's install into an environment, and pynput without its evdev,
# which other displays than X need, and which needs a compiler.
install_agentd() {
  local pip=$1/bin/pip
  shift
  export PIP_DISABLE_PIP_VERSION_CHECK=1
  "$pip" install "$@" && "$pip" install --no-deps 'pynput>=1.8'
}

# need_venv [EXTRA]: makes .venv with the checkout installed in it, editable.
need_venv() {
  local extra=${1:-} venv=$ROOT/.venv stamp base
  stamp=$(sha256sum <<<"$venv $(command -v python3) $(<"$ROOT/pyproject.toml")")
  [[ -x $venv/bin/python && $(cat "$venv/.ready-$extra" 2>/dev/null) == "$stamp" ]] && return
  # An environment that was copied from elsewhere, or made by another Python, is of no use here.
  base=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')
  # Cleared through a link, it would be the environment of somebody else.
  [[ -L $venv ]] && rm "$venv"
  [[ -x $venv/bin/python ]] && grep -qx "command = .* $venv" "$venv/pyvenv.cfg" &&
    grep -qx "executable = $base" "$venv/pyvenv.cfg" ||
    quietly "making .venv" "$base" -m venv --clear "$venv"
  quietly "installing agentd into .venv" install_agentd "$venv" --editable "$ROOT${extra:+[$extra]}"
  printf '%s\n' "$stamp" | tee "$venv/.ready-" >"$venv/.ready-$extra"
}

# need_account NAME: makes the unprivileged account that programs run as; only root needs one.
need_account() {
  ((EUID != 0)) || id "$1" &>/dev/null ||
    quietly "making the account $1" useradd --create-home --shell /bin/bash "$1"
}

# need_novnc ENVIRONMENT: puts noVNC into share/novnc of a Python environment, where the daemon looks
# for it. Only the page for browsers needs it, so that a failure is told and nothing else stops.
need_novnc() {
  local place=$1/share/novnc folder status=0
  grep -qs "\"version\": \"$NOVNC_VERSION\"" "$place/package.json" && return
  folder=$(mktemp -d)
  (
    # Debian's npm is large; any other will do.
    command -v npm >/dev/null || need_packages npm
    quietly "getting noVNC $NOVNC_VERSION" get_novnc "$folder"
    mkdir -p "$1/share"
    rm -rf "$place"
    mv "$folder/package" "$place"
  ) || status=$?
  rm -rf "$folder"
  ((status == 0)) || say "warning: no noVNC: viewers connect, but browsers are told that it is missing"
}

# get_novnc FOLDER: unpacks noVNC's package into FOLDER/package.
get_novnc() {
  local archive=$1/novnc-novnc-$NOVNC_VERSION.tgz
  export npm_config_cache=$1/cache npm_config_update_notifier=false npm_config_fetch_retries=1
  (cd "$1" && npm pack --silent "@novnc/novnc@$NOVNC_VERSION") &&
    sha512sum --check --quiet <<<"$NOVNC_SHA512  $archive" && tar -xzf "$archive" -C "$1"
}
