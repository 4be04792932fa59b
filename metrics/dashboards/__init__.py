"""Stage 8, the pages: questions in the URL go in, HTML for people comes out; only members see a project."""
