"""Figures. Records, tensors and modules go in, plotly figures come out; nothing here trains or reads a dataset.

`theme` is the look, `curves` shows training, `predictions` what a network answers, `player` frames of a clip,
`architecture` what a network costs, `kernels` its weights, `survey` a library of papers, and `explorer` puts a control on any of them.
"""
