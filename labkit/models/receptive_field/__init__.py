"""Receptive fields: the part of the input that each number of a network sees, carried along with the tensors.

A network, with its modules and the plain lines of its `forward`, becomes a sequence of torch's own operations.
`FieldTrace` watches them and keeps beside every tensor a `Reach` for each axis of the input: time, height, width.
Branches need no special care: an addition or a concatenation sees the fields of its parts together.
"""

from labkit.models.receptive_field.reach import Axis, Field, Reach
from labkit.models.receptive_field.trace import FieldTrace

__all__ = ["Axis", "Field", "FieldTrace", "Reach"]
