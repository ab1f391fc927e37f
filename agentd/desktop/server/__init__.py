"""The X server and what a bare one lacks: size, keyboard map, wallpaper, window manager."""
