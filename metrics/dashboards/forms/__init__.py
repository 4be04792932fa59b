"""The forms of the pages. Services and parsers check what is written in them; a form shows where they refuse."""
