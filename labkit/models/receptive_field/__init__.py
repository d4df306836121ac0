"""How far each number of a network sees: receptive fields, carried along with the tensors themselves.

Whatever a network does, in modules or in plain lines of `forward`, becomes a sequence of torch's own operations.
`FieldTrace` watches them and keeps beside every tensor a `Reach` for each axis of the input: time, height, width.
Branches need no special care: an addition or a concatenation sees what its parts see together.
"""

from labkit.models.receptive_field.reach import Axis, Field, Reach
from labkit.models.receptive_field.trace import FieldTrace

__all__ = ["Axis", "Field", "FieldTrace", "Reach"]
