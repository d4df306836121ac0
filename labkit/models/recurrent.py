"""A 2D network that reads frame after frame and an LSTM that remembers them: ConvNet + LSTM.

From Carreira, Zisserman, "Quo Vadis, Action Recognition?" (CVPR 2017), section 2.1 and Figure 2 a, after Donahue et al.,
"Long-term Recurrent Convolutional Networks" (CVPR 2015).
"""

from collections.abc import Iterator

from torch import Tensor, nn

from labkit.clip import ClipSpec
from labkit.models.inception import LAYERS, Trunk, same_ops
from labkit.models.network import Network, at_least_one, check_input
from labkit.models.streams import as_images, as_video, walk_images


class ConvNetLSTM(Network):
    """Inception-V1 on every frame, batch norm, an LSTM over the frames, a linear layer at each step.

        frame 1 ─ Inception-V1 ─ pool ─ BN ─ LSTM ─ linear ─ logits at step 1
                                              │
        frame 2 ─ Inception-V1 ─ pool ─ BN ─ LSTM ─ linear ─ logits at step 2
                                              │
        frame T ─ Inception-V1 ─ pool ─ BN ─ LSTM ─ linear ─ logits at step T: the answer

        Conv3d_1a_7x7 ... Mixed_5c    as in `Inception`, T frames
        pool      1024 x T            average over space, batch norm
        features   512 x T            output of the LSTM at each step
        Logits       K x T            logits at each step: the paper trains on all, `fit` on the last
        logits       K                those of the last step

    The paper takes its batch norm from Cooijmans et al. (2017), who normalise inside every step of the LSTM; here it
    stands once, between pool and LSTM, so that torch's own LSTM runs and any number of frames works.

    Args:
        num_classes: K.
        in_channels: C of a frame.
        width: channels of the first convolution; all others and the LSTM scale with it (512 hidden units at 64).
        dropout: share of the LSTM's output dropped before the linear layer while training.
        momentum: batch norm's, see `Inception`.
        clip: how this network wants its clips; kept as `.clip`.
    """

    head = "fc"
    parts = tuple(LAYERS)
    ends = ("pool", "features", "Logits", "logits")

    def __init__(
        self,
        *,
        num_classes: int = 400,
        in_channels: int = 3,
        width: int = 64,
        dropout: float = 0.5,
        momentum: float = 0.1,
        clip: ClipSpec | None = None,
    ) -> None:
        super().__init__()
        at_least_one(num_classes=num_classes)
        self.clip = clip or ClipSpec(frames=25, stride=5, size=224)
        self.in_channels = in_channels
        self.trunk = Trunk(same_ops(2, momentum=momentum), in_channels=in_channels, width=width)
        channels, hidden = self.trunk.out_channels, max(1, 512 * width // 64)
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.norm = nn.BatchNorm1d(channels, eps=1e-3, momentum=momentum)
        self.lstm = nn.LSTM(channels, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(hidden, num_classes)

    def walk(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The computation, endpoint by endpoint: `(name, tensor)`."""
        check_input(x, self.in_channels)
        for endpoint, out in walk_images(self.trunk, as_images(x), batch=x.shape[0]):
            yield endpoint, out  # (B, C, T, H, W)
        pooled = as_video(self.norm(self.avg_pool(as_images(out)).flatten(1)), batch=x.shape[0])
        yield "pool", pooled  # (B, 1024, T)
        said = self.lstm(pooled.transpose(1, 2))[0].transpose(1, 2)
        yield "features", said  # (B, 512, T)
        steps = self.fc(self.dropout(said.transpose(1, 2))).transpose(1, 2)  # (B, K, T)
        yield "Logits", steps
        yield "logits", steps[:, :, -1]  # (B, K)
