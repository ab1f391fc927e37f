"""Pictures of the screen: cropped, scaled, encoded, and kept as long as they hold."""
