"""Two networks in plain PyTorch, which torchvision does not have: peers of the zoo's in `networks.py`.

Each is what one would write for that network alone, without endpoints, injection or checks, after the papers and the
usual style of published code.
"""

import torch
import torch.nn.functional as F
from torch import nn

# I3D (Carreira & Zisserman 2017)


def pad_same(x, kernel, stride):
    pads = []
    for n, k, s in zip(reversed(x.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        total = max(k - s, 0) if n % s == 0 else max(k - n % s, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


class Unit(nn.Module):
    def __init__(self, cin, cout, kernel=1, stride=1):
        super().__init__()
        self.kernel, self.stride = (kernel,) * 3, (stride,) * 3
        pad = kernel // 2 if stride == 1 else 0  # even on both sides: the layer can do it
        self.conv = nn.Conv3d(cin, cout, kernel, stride, pad, bias=False)
        self.bn = nn.BatchNorm3d(cout, eps=1e-3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        if max(self.stride) > 1:
            x = pad_same(x, self.kernel, self.stride)
        return self.relu(self.bn(self.conv(x)))


class MaxPool(nn.Module):
    def __init__(self, kernel, stride, time_kernel=None, time_stride=None):
        super().__init__()
        self.kernel = (time_kernel or kernel), kernel, kernel
        self.stride = (time_stride or stride), stride, stride
        self.pool = nn.MaxPool3d(self.kernel, self.stride, kernel // 2 if stride == 1 else 0)

    def forward(self, x):
        if max(self.stride) > 1:
            x = pad_same(x, self.kernel, self.stride)
        return self.pool(x)


class Mixed(nn.Module):
    def __init__(self, cin, a, b, c, d, e, f):
        super().__init__()
        self.branch0 = Unit(cin, a)
        self.branch1 = nn.Sequential(Unit(cin, b), Unit(b, c, 3))
        self.branch2 = nn.Sequential(Unit(cin, d), Unit(d, e, 3))
        self.branch3 = nn.Sequential(MaxPool(3, 1), Unit(cin, f))

    def forward(self, x):
        return torch.cat([self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], 1)


def inception_trunk(cin, width):
    def w(*channels):
        return [channel * width // 64 for channel in channels]

    return nn.Sequential(
        Unit(cin, *w(64), 7, 2),
        MaxPool(3, 2, 1, 1),
        Unit(*w(64, 64)),
        Unit(*w(64, 192), 3),
        MaxPool(3, 2, 1, 1),
        Mixed(*w(192, 64, 96, 128, 16, 32, 32)),
        Mixed(*w(256, 128, 128, 192, 32, 96, 64)),
        MaxPool(3, 2),
        Mixed(*w(480, 192, 96, 208, 16, 48, 64)),
        Mixed(*w(512, 160, 112, 224, 24, 64, 64)),
        Mixed(*w(512, 128, 128, 256, 24, 64, 64)),
        Mixed(*w(512, 112, 144, 288, 32, 64, 64)),
        Mixed(*w(528, 256, 160, 320, 32, 128, 128)),
        MaxPool(2, 2),
        Mixed(*w(832, 256, 160, 320, 32, 128, 128)),
        Mixed(*w(832, 384, 192, 384, 48, 128, 128)),
    )


class I3D(nn.Module):
    def __init__(self, cin, classes, size, width=64):
        super().__init__()
        self.trunk = inception_trunk(cin, width)
        self.pool = nn.AvgPool3d((2, size // 32, size // 32), stride=1)
        self.logits = nn.Conv3d(16 * width, classes, 1)

    def forward(self, x):
        x = self.logits(self.pool(self.trunk(x)))
        return x.squeeze(4).squeeze(3).mean(2)


class TwoStreamI3D(nn.Module):
    def __init__(self, classes, size, width=64):
        super().__init__()
        self.rgb, self.flow = I3D(3, classes, size, width), I3D(2, classes, size, width)

    def forward(self, x):
        return self.rgb(x[0]) + self.flow(x[1])


# C3D (Tran et al. 2015)


class C3D(nn.Module):
    def __init__(self, classes, positions, width=64, norm=False):
        super().__init__()

        def conv(cin, cout):
            layers = [nn.Conv3d(cin, cout, 3, padding=1, bias=not norm)]
            return [*layers, nn.BatchNorm3d(cout), nn.ReLU()] if norm else [*layers, nn.ReLU()]

        def linear(cin, cout):
            layers = [nn.Linear(cin, cout, bias=not norm)]
            return [*layers, nn.BatchNorm1d(cout), nn.ReLU()] if norm else [*layers, nn.ReLU()]

        w = width
        self.layers = nn.Sequential(
            *conv(3, w),
            nn.MaxPool3d((2, 2, 2) if norm else (1, 2, 2)),
            *conv(w, 2 * w),
            nn.MaxPool3d(2),
            *conv(2 * w, 4 * w),
            *conv(4 * w, 4 * w),
            nn.MaxPool3d(2),
            *conv(4 * w, 8 * w),
            *conv(8 * w, 8 * w),
            nn.MaxPool3d(2),
            *conv(8 * w, 8 * w),
            *conv(8 * w, 8 * w),
            nn.MaxPool3d((1, 2, 2) if norm else 2, padding=(0, 1, 1)),
            nn.Flatten(),
            *linear(8 * w * positions, 64 * w),
            *linear(64 * w, 64 * w),
            nn.Linear(64 * w, classes),
        )

    def forward(self, x):
        return self.layers(x)
