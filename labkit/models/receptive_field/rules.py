"""The rules by which torch's operations change receptive fields: one for each kind, and a table of names."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from torch import Tag, Tensor

from labkit.models.receptive_field.reach import Field, Reach, spread, together


class Step(NamedTuple):
    """One operation, seen from one of its results."""

    inputs: Sequence[tuple[Tensor, Field]]  # the tensors with a field
    given: Mapping[str, Any]  # all arguments by name
    result: Tensor
    number: int  # which result it is

    def moved(self, move: Callable[[Reach, Tensor], Reach]) -> Field:
        """The field of the result. `move` changes each reach of each input."""
        parts = [{axis: move(reach, tensor) for axis, reach in field.items()} for tensor, field in self.inputs]
        return together(parts, self.result.shape)


def _anything(step: Step) -> Field:
    """The field for an unknown operation: all that its inputs see."""
    return step.moved(spread)


def _pointwise(step: Step) -> Field:
    """Position by position; dimensions are counted from the last one, and those of size 1 are repeated."""
    shape = step.result.shape

    def move(reach: Reach, tensor: Tensor) -> Reach:
        if reach.dim is None:
            return reach
        dim = reach.dim + len(shape) - tensor.ndim
        if dim < 0:  # a batch norm's statistics
            return spread(reach, tensor)
        return reach.at(dim) if tensor.shape[reach.dim] == shape[dim] else reach.everywhere(1)

    return step.moved(move)


def _convolution(step: Step) -> Field:
    given = step.given
    if given["transposed"]:
        return _anything(step)
    kernel = given["weight"].shape[2:]
    return _window(step, kernel, given["stride"], given["padding"], given["dilation"])


def _pool(step: Step) -> Field:
    given = step.given
    kernel = given["kernel_size"]
    return _window(step, kernel, given["stride"] or kernel, given["padding"], given.get("dilation", [1]))


def _window(step: Step, *settings: Sequence[int]) -> Field:
    """A kernel slides over the last dimensions; it reads all channels, which stand before them."""
    dims = max(map(len, settings))
    kernel, stride, padding, dilation = (list(each) * (dims if len(each) == 1 else 1) for each in settings)

    def move(reach: Reach, tensor: Tensor) -> Reach:
        first = tensor.ndim - dims
        if reach.dim is None or reach.dim < first - 1:
            return reach
        if reach.dim == first - 1:
            return spread(reach, tensor)
        index = reach.dim - first
        return reach.windowed(kernel[index], stride[index], padding[index], dilation[index])

    return step.moved(move)


def _adaptive(step: Step) -> Field:
    """A pooling to a given size: windows side by side where that size divides the input's, else all."""

    def move(reach: Reach, tensor: Tensor) -> Reach:
        if reach.dim is None:
            return reach
        whole, parts = tensor.shape[reach.dim], step.result.shape[reach.dim]
        if parts == 1 or whole % parts:
            return spread(reach, tensor)
        return reach.windowed(whole // parts, whole // parts, 0)

    return step.moved(move)


def _reduction(step: Step) -> Field:
    """A mean, sum or maximum over some dimensions."""
    dims, keeps = step.given.get("dim"), step.given.get("keepdim", False)

    def move(reach: Reach, tensor: Tensor) -> Reach:
        over = {dim % tensor.ndim for dim in _listed(dims)} or set(range(tensor.ndim))
        if reach.dim is None or reach.dim in over:
            return spread(reach, tensor)
        return reach if keeps else reach.at(reach.dim - sum(dim < reach.dim for dim in over))

    return step.moved(move)


def _normalised(step: Step) -> Field:
    """Layer norm over the last dimensions, softmax over one: each position sees all of them."""
    given = step.given

    def move(reach: Reach, tensor: Tensor) -> Reach:
        over = range(tensor.ndim - len(given["normalized_shape"]), tensor.ndim) if "normalized_shape" in given else ()
        dims = over or (given["dim"] % tensor.ndim,)
        return spread(reach, tensor) if reach.dim in dims else reach

    return step.moved(move)


def _product(step: Step) -> Field:
    """Matrices: the first one's columns and the second one's rows are summed over."""
    second = step.given.get("mat2", step.given.get("batch2"))

    def move(reach: Reach, tensor: Tensor) -> Reach:
        summed = tensor.ndim - (2 if tensor is second else 1)
        return spread(reach, tensor) if reach.dim == summed else reach

    return step.moved(move)


def _view(step: Step) -> Field:
    """A dimension that stays whole keeps its field; a dimension that is split or merged loses its order."""
    new = step.result.shape

    def move(reach: Reach, tensor: Tensor) -> Reach:
        if reach.dim is None:
            return reach
        dim = reach.dim if tuple(tensor.shape) == tuple(new) else _same_dim(reach.dim, tensor.shape, new)
        return spread(reach, tensor) if dim is None else reach.at(dim)

    return step.moved(move)


def _same_dim(dim: int, old: Sequence[int], new: Sequence[int]) -> int | None:
    """The dimension of `new` that is the same as this one of `old`: of the same size, with as many numbers before it."""
    if old[dim] == 1:
        return None
    before = math.prod(old[:dim])
    fits = (at for at, size in enumerate(new) if size == old[dim] and math.prod(new[:at]) == before)
    return next(fits, None)


def _permuted(step: Step) -> Field:
    def move(reach: Reach, tensor: Tensor) -> Reach:
        order = list(range(tensor.ndim))
        if "dims" in step.given:
            order = [dim % tensor.ndim for dim in step.given["dims"]]
        elif tensor.ndim > 1:
            one, other = step.given.get("dim0", 0), step.given.get("dim1", 1)
            order[one], order[other] = order[other], order[one]
        return reach if reach.dim is None else reach.at(order.index(reach.dim))

    return step.moved(move)


def _unsqueezed(step: Step) -> Field:
    at = step.given["dim"] % step.result.ndim
    return step.moved(lambda reach, _: reach.at(_after_insertion(reach.dim, at)))


def _after_insertion(dim: int | None, at: int) -> int | None:
    return dim if dim is None or dim < at else dim + 1


def _slice(step: Step) -> Field:
    given = step.given

    def move(reach: Reach, tensor: Tensor) -> Reach:
        if reach.dim is None or reach.dim != given["dim"] % tensor.ndim:
            return reach
        size = tensor.shape[reach.dim]
        first = given["start"] or 0
        return reach.sliced(min(max(first + size if first < 0 else first, 0), size), given["step"])

    return step.moved(move)


def _select(step: Step) -> Field:
    return step.moved(lambda reach, tensor: _selected(reach, tensor, step.given["dim"], step.given["index"]))


def _unbind(step: Step) -> Field:
    return step.moved(lambda reach, tensor: _selected(reach, tensor, step.given["dim"], step.number))


def _selected(reach: Reach, tensor: Tensor, dim: int, index: int) -> Reach:
    dim, index = dim % tensor.ndim, int(index)
    if reach.dim is None:
        return reach
    if reach.dim == dim:
        return reach.sliced(index % tensor.shape[dim]).everywhere(1)
    return reach.at(reach.dim - (reach.dim > dim))


def _split(step: Step) -> Field:
    sizes = step.given.get("split_sizes", step.given.get("split_size"))

    def move(reach: Reach, tensor: Tensor) -> Reach:
        before = sizes * step.number if isinstance(sizes, int) else sum(sizes[: step.number])
        return reach.sliced(before) if reach.dim == step.given["dim"] % tensor.ndim else reach

    return step.moved(move)


def _pad(step: Step) -> Field:
    """`pad` (or `padding`) counts from the last dimension: before, after, before, after, ..."""
    pads = step.given.get("pad", step.given.get("padding"))

    def move(reach: Reach, tensor: Tensor) -> Reach:
        from_last = 0 if reach.dim is None else 2 * (tensor.ndim - 1 - reach.dim)
        return reach if reach.dim is None or from_last >= len(pads) else reach.sliced(-pads[from_last])

    return step.moved(move)


def _cat(step: Step) -> Field:
    """Side by side: along the joined dimension a part's positions start where the parts before it end."""
    dim = step.given["dim"] % step.result.ndim
    fields = {id(tensor): field for tensor, field in step.inputs}
    parts, before = [], 0
    for tensor in step.given["tensors"]:
        field = fields.get(id(tensor), {})
        parts.append({axis: r.sliced(-before) if r.dim == dim else r for axis, r in field.items()})
        before += tensor.shape[dim] if tensor.ndim == step.result.ndim else 0
    return together(parts, step.result.shape)


def _stack(step: Step) -> Field:
    """One new dimension; it follows an axis of the input where its parts are frames, evenly apart."""
    at = step.given["dim"] % step.result.ndim
    field = step.moved(lambda reach, _: reach.at(_after_insertion(reach.dim, at)))
    fields = {id(tensor): field for tensor, field in step.inputs}
    parts = [fields.get(id(tensor), {}) for tensor in step.given["tensors"]]
    for axis in field:
        reaches = [part[axis] for part in parts if axis in part and part[axis].dim is None]
        steps = {later.start - earlier.start for earlier, later in pairwise(reaches)}
        if len(reaches) == len(parts) and len(steps) == 1 and len({reach.size for reach in reaches}) == 1:
            field[axis] = Reach(at, steps.pop(), reaches[0].start, reaches[0].size)
    return field


def _listed(dims: int | Sequence[int] | None) -> Sequence[int]:
    return [dims] if isinstance(dims, int) else dims or []


Rule = Callable[[Step], Field]
_BY_RULE: dict[Rule, str] = {
    _pointwise: "clone detach alias copy_ _to_copy lift_fresh contiguous expand native_batch_norm cudnn_batch_norm "
    "_native_batch_norm_legit _native_batch_norm_legit_no_training _batch_norm_with_update native_dropout",
    _convolution: "convolution",
    _pool: "max_pool2d_with_indices max_pool3d_with_indices avg_pool2d avg_pool3d max_pool1d_with_indices avg_pool1d",
    _adaptive: "_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d",
    _reduction: "mean sum amax amin max min var std logsumexp prod any all",
    _normalised: "native_layer_norm _softmax _log_softmax",
    _product: "mm addmm bmm baddbmm",
    _view: "view _unsafe_view _reshape_alias squeeze squeeze_",
    _permuted: "permute transpose transpose_ t t_",
    _unsqueezed: "unsqueeze unsqueeze_",
    _slice: "slice",
    _select: "select",
    _unbind: "unbind",
    _split: "split unsafe_split split_with_sizes unsafe_split_with_sizes",
    _pad: "constant_pad_nd replication_pad2d replication_pad3d reflection_pad2d reflection_pad3d",
    _cat: "cat",
    _stack: "stack",
}
RULES = {name: rule for rule, names in _BY_RULE.items() for name in names.split()}


def rule_of(func: Any) -> Rule:
    """The rule for one of torch's operations. torch itself marks the operations that go position by position."""
    name = func._schema.name.removeprefix("aten::")
    return RULES.get(name) or (_pointwise if Tag.pointwise in func.tags else _anything)
