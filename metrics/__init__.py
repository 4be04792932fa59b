"""What is asked of the events: rollups [5], queries [7], and the API, pages and figures that show them [8]."""
