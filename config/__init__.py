"""The frame around the pipeline: settings, URLs, the composition root and the supervisor."""
