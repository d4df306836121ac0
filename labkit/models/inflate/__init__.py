"""Inflation: 2D networks become 3D ones (Carreira & Zisserman, CVPR 2017, section 2.4).

A video that repeats one image is a *boring* video. `inflate` makes a 3D network that gives the same logits for it as the
2D network for the image. `check_inflation` compares the two, layer by layer and frame by frame.

In reading order: `conv` (one convolution: weights and padding), `pooling`, `layers` (a rule for each kind of layer),
`intime` and `policy` (kernels and strides in time), `signal`, `functions`, `axes`, `tracing`, `calls` and `follow` (the
tensors of a network, followed from layer to layer), `norm_act` (batch norms with an activation), `plan` and
`whole_network` (all of it together), `check`, `reasons`.
"""

from labkit.models.inflate.check import InflationReport as InflationReport
from labkit.models.inflate.check import check_inflation as check_inflation
from labkit.models.inflate.conv import Placement as Placement
from labkit.models.inflate.conv import TimePaddedConv3d as TimePaddedConv3d
from labkit.models.inflate.conv import TimePadding as TimePadding
from labkit.models.inflate.conv import inflate_conv as inflate_conv
from labkit.models.inflate.conv import inflate_weight as inflate_weight
from labkit.models.inflate.intime import InTime as InTime
from labkit.models.inflate.policy import PRESETS as PRESETS
from labkit.models.inflate.policy import Policy as Policy
from labkit.models.inflate.whole_network import Inflated as Inflated
from labkit.models.inflate.whole_network import inflate as inflate
