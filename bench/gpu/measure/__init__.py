"""Networks to train on a GPU, the clock beside it, and the rows that come of both."""
