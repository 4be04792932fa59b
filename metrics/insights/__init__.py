"""Questions about people's ways: funnels, retention, paths, lifecycle; in: a scope and steps, out: small tables."""
