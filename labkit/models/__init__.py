"""Networks that compute logits. Blocks make networks; the zoo lists the networks by name.

`create_model("resnet18", num_classes=12, width=16)` builds one; `list_models("resnet*")` lists them.
A 3D network reads `(B, C, T, H, W)` and gives logits `(B, K)`; its 2D twin reads `(B, C, H, W)`.
`inflate` turns 2D weights into 3D ones, `profile` counts parameters and multiply-accumulates, `weights` keeps
and loads them.

Importing this package builds nothing and loads no torch: each name below is imported when it is first used.
"""

from typing import TYPE_CHECKING

from labkit.lazy import lazily

if TYPE_CHECKING:
    from labkit.models.inflate import Inflated as Inflated
    from labkit.models.inflate import check_inflation as check_inflation
    from labkit.models.inflate import inflate_conv as inflate_conv
    from labkit.models.model_entry import ModelEntry as ModelEntry
    from labkit.models.resnet import ResNet as ResNet
    from labkit.models.trained import Trained as Trained
    from labkit.models.trained import open_trained as open_trained
    from labkit.models.weight_files import WeightsError as WeightsError
    from labkit.models.weights import load_weights as load_weights
    from labkit.models.weights import save_weights as save_weights
    from labkit.models.zoo import create_model as create_model
    from labkit.models.zoo import entry as entry
    from labkit.models.zoo import list_models as list_models

# Name -> module. `profile` and `inflate` are not here: `labkit.models.profile` is the module, and holds the function of
# that name; so with `labkit.models.inflate`.
_HOMES = {
    "Inflated": "inflate",
    "ResNet": "resnet",
    "ModelEntry": "model_entry",
    "Trained": "trained",
    "WeightsError": "weight_files",
    "check_inflation": "inflate",
    "create_model": "zoo",
    "entry": "zoo",
    "inflate_conv": "inflate",
    "list_models": "zoo",
    "load_weights": "weights",
    "open_trained": "trained",
    "save_weights": "weights",
}

__all__ = [*_HOMES]
__getattr__, __dir__ = lazily(__name__, _HOMES)
