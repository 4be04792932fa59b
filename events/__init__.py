"""The pipeline's spine: gateway [1], bus [2], processor [3] and store [4]."""
