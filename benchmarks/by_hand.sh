#!/bin/sh
# A desktop as scripts start it today: Xvfb, a window manager, a picture, each waited for by polling.
# Prints a word when each is there. Arguments: display number, folder for the picture.
number=$1 folder=$2
export DISPLAY=":$number"
unset XAUTHORITY

poll() {
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 200 ] || exit 1
    sleep 0.1
  done
}

trap 'kill $server; wait' EXIT

# Without -noreset the server resets when xdpyinfo leaves: openbox, connecting then, sometimes dies.
Xvfb "$DISPLAY" -noreset -screen 0 1280x800x24 -nolisten tcp >/dev/null 2>&1 &
server=$!
poll xdpyinfo
echo server

openbox >/dev/null 2>&1 &
manager=$!
poll wmctrl -m
echo manager

scrot --overwrite "$folder/first.png"
echo picture
read -r _
