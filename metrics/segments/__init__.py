"""Segments: people by rules on what they did and who they are, or by a list; in: rules, out: SQL that finds them."""
