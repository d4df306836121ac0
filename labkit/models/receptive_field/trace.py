"""Watch a network run and note the receptive field of every tensor."""

from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from labkit.models.receptive_field.reach import Field, Reach, spread, together
from labkit.models.receptive_field.rules import Step, rule_of


class FieldTrace(TorchDispatchMode):
    """Follow receptive fields while the block runs; works on the meta device, where nothing is computed.

        with FieldTrace() as trace, torch.no_grad():
            trace.source(clip)
            trace.field(network(clip))[0, 0]  # Reach along the first axis of the first input: time

    Fields are exact through convolutions, poolings, additions, concatenations, reshapes and slices. A result of an
    operation without a rule counts as seeing all that its inputs see: never too little, at times too much. Batch
    statistics do not count, though a network in training mode sees its whole batch through them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._fields: dict[int, tuple[Tensor, Field]] = {}  # the tensor is kept, so that its id stays its own

    def source(self, tensor: Tensor, number: int = 0) -> None:
        """Fields count from here: `tensor` is `(B, C, ...)`, the `number`-th input of the network."""
        self._keep(tensor, {(number, axis): Reach(axis + 2, 1, 0, 1) for axis in range(tensor.ndim - 2)})

    def field(self, tensor: Tensor) -> Field:
        """The `Reach` along each axis that this tensor depends on."""
        return self._fields[id(tensor)][1] if id(tensor) in self._fields else {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation, then note the fields of its results."""
        out = func(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        inputs = [(tensor, self.field(tensor)) for tensor in tensors if self.field(tensor)]
        if inputs:
            rule = rule_of(func)
            given = {a.name: a.default_value for a in func._schema.arguments if a.has_default_value()}
            given.update(zip((a.name for a in func._schema.arguments), args, strict=False))
            given.update(kwargs or {})
            for number, result in enumerate(tree_leaves(out)):
                if isinstance(result, Tensor):
                    self._keep(result, rule(Step(inputs, given, result, number)))
                    if any(result is tensor for tensor in tensors):
                        self._written_through(result)
        return out

    def _keep(self, tensor: Tensor, field: Field) -> None:
        self._fields[id(tensor)] = (tensor, field)

    def _written_through(self, view: Tensor) -> None:
        """A write into a view, such as `whole[:, 0] = ...`, changes the field of the whole too."""
        whole = view._base
        if whole is not None:
            seen = {axis: spread(reach, view) for axis, reach in self.field(view).items()}
            self._keep(whole, together([seen, self.field(whole)], whole.shape))
