"""The ground: errors, schema, config, commands, events, services, processes; no agents here."""
