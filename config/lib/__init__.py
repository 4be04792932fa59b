"""Tools that know nothing of events: errors, SQL files, connections, clocks."""
