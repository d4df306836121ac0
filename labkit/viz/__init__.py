"""Figures. Records, tensors and modules go in, plotly figures come out. Nothing here trains or reads a dataset.

`theme` is the look. `curves` shows training, `predictions` a network's answers, `timeline` its scores over a video's time,
`prediction_browser` its mistakes one by one, `player` the frames of a clip, `videos` videos that move, `architecture` a network's
costs, `kernels` its weights, `activation` what it sees, `survey` a library of papers. `dashboard` sets many
trainings beside each other, `live` draws one while it runs; `line_chart` draws for both. `explorer` adds controls to a figure,
`chooser` to a picture in HTML; `twin` is what they share.
"""
