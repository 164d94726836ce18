"""Many networks at once: the arguments of `train_many` go in, a `Population` comes out.

`sweep` multiplies out the grid of options, `starts` draws initial weights and `folds` gives every
member its examples as weights. With groups, `grouping` reads their key, and `grouped_plan` gives
every member rows of its own (`windows`, `window_scratch`). `plan` makes a `Work` of them: arrays
with a row for each member. An engine fills these arrays, in `engine` on the processor's threads, in
`cuda` on a GPU. `result` is what the caller gets.
"""
