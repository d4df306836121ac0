"""The zoo's networks written out once more in plain PyTorch: what `networks.py` measures the zoo against.

Each is what one would write for that network alone, without endpoints, injection or checks, after the papers and the
usual style of published code. Where torchvision has the very same network, that is the peer instead.
"""

import torch
import torch.nn.functional as F
from torch import nn

# Residual networks (Hara et al. 2018)


def shortcut_a(x, channels, stride):
    x = F.avg_pool3d(x, 1, stride)
    zeros = x.new_zeros(x.size(0), channels - x.size(1), *x.shape[2:])
    return torch.cat([x, zeros], dim=1)


class BasicBlock(nn.Module):
    def __init__(self, cin, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv3d(cin, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = nn.Conv3d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.same = stride == 1 and cin == planes
        self.planes, self.stride = planes, stride

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.same else shortcut_a(x, self.planes, self.stride)
        return self.relu(out)


class Bottleneck(nn.Module):
    def __init__(self, cin, planes, stride=1, expansion=4, groups=1):
        super().__init__()
        cout = planes * expansion
        self.conv1 = nn.Conv3d(cin, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = nn.Conv3d(planes, planes, 3, stride, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm3d(planes)
        self.conv3 = nn.Conv3d(planes, cout, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(cout)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(nn.Conv3d(cin, cout, 1, stride, bias=False), nn.BatchNorm3d(cout))

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class PreActivationBottleneck(nn.Module):
    def __init__(self, cin, planes, stride=1):
        super().__init__()
        cout = planes * 4
        self.bn1 = nn.BatchNorm3d(cin)
        self.conv1 = nn.Conv3d(cin, planes, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(planes)
        self.conv2 = nn.Conv3d(planes, planes, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(planes)
        self.conv3 = nn.Conv3d(planes, cout, 1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(nn.Conv3d(cin, cout, 1, stride, bias=False), nn.BatchNorm3d(cout))

    def forward(self, x):
        out = self.conv1(self.relu(self.bn1(x)))
        out = self.conv2(self.relu(self.bn2(out)))
        out = self.conv3(self.relu(self.bn3(out)))
        out += x if self.downsample is None else self.downsample(x)
        return out


class ResNet(nn.Module):
    def __init__(self, block, layers, classes, width=64, widening=1, expansion=1):
        super().__init__()
        self.conv1 = nn.Conv3d(3, width, 7, (1, 2, 2), 3, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d(3, 2, 1)
        blocks, cin = [], width
        for stage, count in enumerate(layers):
            planes = width * widening * 2**stage
            for index in range(count):
                blocks.append(block(cin, planes, 2 if stage > 0 and index == 0 else 1))
                cin = planes * expansion
        self.layers = nn.Sequential(*blocks)
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(cin, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.avgpool(self.layers(x))
        return self.fc(x.flatten(1))


# DenseNet


class DenseLayer(nn.Module):
    def __init__(self, cin, growth):
        super().__init__()
        self.bn1 = nn.BatchNorm3d(cin)
        self.conv1 = nn.Conv3d(cin, 4 * growth, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(4 * growth)
        self.conv2 = nn.Conv3d(4 * growth, growth, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        new = self.conv1(self.relu(self.bn1(x)))
        new = self.conv2(self.relu(self.bn2(new)))
        return torch.cat([x, new], 1)


class DenseNet(nn.Module):
    def __init__(self, layers, classes, width=64):
        super().__init__()
        growth, channels = width // 2, width
        modules = [
            nn.Conv3d(3, width, 7, (1, 2, 2), 3, bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool3d(3, 2, 1),
        ]
        for block, count in enumerate(layers):
            for _ in range(count):
                modules.append(DenseLayer(channels, growth))
                channels += growth
            modules += [nn.BatchNorm3d(channels), nn.ReLU(inplace=True)]
            if block < len(layers) - 1:
                modules += [nn.Conv3d(channels, channels // 2, 1, bias=False), nn.AvgPool3d(2)]
                channels //= 2
        self.features = nn.Sequential(*modules)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        return self.fc(F.adaptive_avg_pool3d(self.features(x), 1).flatten(1))


# Inception-V1 and what Quo Vadis builds of it (Carreira & Zisserman 2017), in 2D or 3D


def pad_same(x, kernel, stride):
    pads = []
    for n, k, s in zip(reversed(x.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        total = max(k - s, 0) if n % s == 0 else max(k - n % s, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


class Unit(nn.Module):
    def __init__(self, dims, cin, cout, kernel=1, stride=1):
        super().__init__()
        self.kernel, self.stride = (kernel,) * dims, (stride,) * dims
        pad = kernel // 2 if stride == 1 else 0  # even on both sides: the layer can do it
        self.conv = (nn.Conv2d, nn.Conv3d)[dims - 2](cin, cout, kernel, stride, pad, bias=False)
        self.bn = (nn.BatchNorm2d, nn.BatchNorm3d)[dims - 2](cout, eps=1e-3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        if max(self.stride) > 1:
            x = pad_same(x, self.kernel, self.stride)
        return self.relu(self.bn(self.conv(x)))


class MaxPool(nn.Module):
    def __init__(self, dims, kernel, stride, time_kernel=None, time_stride=None):
        super().__init__()
        self.kernel = ((time_kernel or kernel), kernel, kernel)[-dims:]
        self.stride = ((time_stride or stride), stride, stride)[-dims:]
        pad = kernel // 2 if stride == 1 else 0
        self.pool = (nn.MaxPool2d, nn.MaxPool3d)[dims - 2](self.kernel, self.stride, pad)

    def forward(self, x):
        if max(self.stride) > 1:
            x = pad_same(x, self.kernel, self.stride)
        return self.pool(x)


class Mixed(nn.Module):
    def __init__(self, dims, cin, a, b, c, d, e, f):
        super().__init__()
        self.branch0 = Unit(dims, cin, a)
        self.branch1 = nn.Sequential(Unit(dims, cin, b), Unit(dims, b, c, 3))
        self.branch2 = nn.Sequential(Unit(dims, cin, d), Unit(dims, d, e, 3))
        self.branch3 = nn.Sequential(MaxPool(dims, 3, 1), Unit(dims, cin, f))

    def forward(self, x):
        return torch.cat([self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], 1)


def inception_trunk(dims, cin, width=64):
    def w(*channels):
        return [channel * width // 64 for channel in channels]

    return nn.Sequential(
        Unit(dims, cin, *w(64), 7, 2),
        MaxPool(dims, 3, 2, 1, 1),
        Unit(dims, *w(64, 64)),
        Unit(dims, *w(64, 192), 3),
        MaxPool(dims, 3, 2, 1, 1),
        Mixed(dims, *w(192, 64, 96, 128, 16, 32, 32)),
        Mixed(dims, *w(256, 128, 128, 192, 32, 96, 64)),
        MaxPool(dims, 3, 2),
        Mixed(dims, *w(480, 192, 96, 208, 16, 48, 64)),
        Mixed(dims, *w(512, 160, 112, 224, 24, 64, 64)),
        Mixed(dims, *w(512, 128, 128, 256, 24, 64, 64)),
        Mixed(dims, *w(512, 112, 144, 288, 32, 64, 64)),
        Mixed(dims, *w(528, 256, 160, 320, 32, 128, 128)),
        MaxPool(dims, 2, 2),
        Mixed(dims, *w(832, 256, 160, 320, 32, 128, 128)),
        Mixed(dims, *w(832, 384, 192, 384, 48, 128, 128)),
    )


class I3D(nn.Module):
    def __init__(self, cin, classes, size, width=64):
        super().__init__()
        self.trunk = inception_trunk(3, cin, width)
        self.pool = nn.AvgPool3d((2, size // 32, size // 32), stride=1)
        self.logits = nn.Conv3d(16 * width, classes, 1)

    def forward(self, x):
        x = self.logits(self.pool(self.trunk(x)))
        return x.squeeze(4).squeeze(3).mean(2)


class Inception2d(nn.Module):
    def __init__(self, cin, classes, width=64):
        super().__init__()
        self.trunk = inception_trunk(2, cin, width)
        self.logits = nn.Conv2d(16 * width, classes, 1)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(self.trunk(x), 1)
        return self.logits(x).flatten(1)


def frames(x, fields=1):
    batch, channels, time, height, width = x.shape
    return x.permute(0, 2, 1, 3, 4).reshape(batch * time // fields, channels * fields, height, width)


class ConvNetLSTM(nn.Module):
    def __init__(self, classes, width=64):
        super().__init__()
        self.trunk = inception_trunk(2, 3, width)
        self.bn = nn.BatchNorm1d(16 * width, eps=1e-3)
        self.lstm = nn.LSTM(16 * width, 8 * width, batch_first=True)
        self.fc = nn.Linear(8 * width, classes)

    def forward(self, x):
        out = F.adaptive_avg_pool2d(self.trunk(frames(x)), 1).flatten(1)
        out = self.bn(out).view(x.size(0), x.size(2), -1)
        out, _ = self.lstm(out)
        return self.fc(out)[:, -1]


class TwoStream(nn.Module):
    def __init__(self, classes, width=64):
        super().__init__()
        self.rgb, self.flow = Inception2d(3, classes, width), Inception2d(20, classes, width)

    def forward(self, x):
        rgb, flow = x
        out = self.rgb(frames(rgb)).view(rgb.size(0), rgb.size(2), -1).mean(1)
        return out + self.flow(frames(flow, 10)).view(flow.size(0), flow.size(2) // 10, -1).mean(1)


class TwoStreamI3D(nn.Module):
    def __init__(self, classes, size, width=64):
        super().__init__()
        self.rgb, self.flow = I3D(3, classes, size, width), I3D(2, classes, size, width)

    def forward(self, x):
        return self.rgb(x[0]) + self.flow(x[1])


class FusedTwoStream(nn.Module):
    def __init__(self, classes, width=64):
        super().__init__()
        self.rgb, self.flow = inception_trunk(2, 3, width), inception_trunk(2, 20, width)
        self.fusion = Unit(3, 32 * width, 8 * width, 3)
        self.pool = MaxPool(3, 3, 2)
        self.fc = nn.Linear(8 * width, classes)

    def forward(self, x):
        rgb, flow = x
        maps = torch.cat([self.rgb(frames(rgb)), self.flow(frames(flow, 10))], 1)
        maps = maps.view(rgb.size(0), rgb.size(2), *maps.shape[1:]).transpose(1, 2)
        return self.fc(self.pool(self.fusion(maps)).mean((2, 3, 4)))


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


# P3D (Qiu et al. 2017)


class P3DBlock(nn.Module):
    def __init__(self, kind, cin, planes, stride=1):
        super().__init__()
        Conv, Norm = (nn.Conv2d, nn.BatchNorm2d) if kind == "2D" else (nn.Conv3d, nn.BatchNorm3d)
        stride = stride if kind == "2D" else (1, stride, stride)
        self.kind, self.relu = kind, nn.ReLU(inplace=True)
        self.conv1, self.bn1 = Conv(cin, planes, 1, stride, bias=False), Norm(planes)
        if kind == "2D":
            self.conv2, self.bn2 = Conv(planes, planes, 3, padding=1, bias=False), Norm(planes)
        else:
            self.conv2, self.bn2 = Conv(planes, planes, (1, 3, 3), padding=(0, 1, 1), bias=False), Norm(planes)
            self.conv3, self.bn3 = Conv(planes, planes, (3, 1, 1), padding=(1, 0, 0), bias=False), Norm(planes)
        self.conv4, self.bn4 = Conv(planes, 4 * planes, 1, bias=False), Norm(4 * planes)
        self.downsample = None
        if cin != 4 * planes:
            self.downsample = nn.Sequential(Conv(cin, 4 * planes, 1, stride, bias=False), Norm(4 * planes))

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        space = self.relu(self.bn2(self.conv2(out)))
        if self.kind == "A":
            out = self.relu(self.bn3(self.conv3(space)))
        elif self.kind == "B":
            out = space + self.relu(self.bn3(self.conv3(out)))
        elif self.kind == "C":
            out = space + self.relu(self.bn3(self.conv3(space)))
        else:
            out = space
        out = self.bn4(self.conv4(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class P3D(nn.Module):
    def __init__(self, layers, classes, width=64):
        super().__init__()
        self.conv1 = nn.Conv3d(3, width, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.maxpool = nn.MaxPool3d((2, 3, 3), 2, (0, 1, 1))
        stages, cin, number = [], width, 0
        for stage, count in enumerate(layers):
            blocks = []
            for index in range(count):
                kind = "2D" if stage == 3 else "ABC"[number % 3]
                blocks.append(P3DBlock(kind, cin, width * 2**stage, 2 if stage > 0 and index == 0 else 1))
                cin, number = 4 * width * 2**stage, number + 1
            stages.append(nn.Sequential(*blocks, *([] if stage == 3 else [nn.MaxPool3d((2, 1, 1))])))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.fc = nn.Linear(cin, classes)

    def forward(self, x):
        x = self.maxpool(F.relu(self.bn1(self.conv1(x)), inplace=True))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.layer4(x.squeeze(2)).mean((2, 3)))  # 16 frames: one is left


# The spatiotemporal multiplier network (Feichtenhofer et al. 2017)


class StreamBottleneck(nn.Module):
    def __init__(self, cin, planes, stride=1, temporal=False):
        super().__init__()
        cout, stride = 4 * planes, (1, stride, stride)
        self.conv1, self.bn1 = nn.Conv3d(cin, planes, 1, bias=False), nn.BatchNorm3d(planes)
        self.conv2 = nn.Conv3d(planes, planes, (1, 3, 3), stride, (0, 1, 1), bias=False)
        self.bn2 = nn.BatchNorm3d(planes)
        self.time = nn.Conv3d(planes, planes, (3, 1, 1), padding=(1, 0, 0)) if temporal else None
        self.conv3, self.bn3 = nn.Conv3d(planes, cout, 1, bias=False), nn.BatchNorm3d(cout)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if cin != cout:
            self.downsample = nn.Sequential(nn.Conv3d(cin, cout, 1, stride, bias=False), nn.BatchNorm3d(cout))

    def forward(self, x, seen):
        out = self.relu(self.bn1(self.conv1(seen)))
        out = self.relu(self.bn2(self.conv2(out)))
        if self.time is not None:
            out = self.time(out)
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return out


class Stream(nn.Module):
    def __init__(self, cin, layers, classes, width):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(cin, width, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        )
        self.stages, channels = nn.ModuleList(), width
        for stage, count in enumerate(layers):
            blocks = nn.ModuleList()
            for index in range(count):
                planes, stride = width * 2**stage, 2 if stage > 0 and index == 0 else 1
                blocks.append(StreamBottleneck(channels, planes, stride, temporal=index == 1))
                channels = 4 * planes
            self.stages.append(blocks)
        self.fc = nn.Linear(channels, classes)


class Multiplier(nn.Module):
    def __init__(self, layers, classes, width=64):
        super().__init__()
        self.appearance, self.motion = Stream(3, layers, classes, width), Stream(20, layers, classes, width)

    def forward(self, x):
        rgb, flow = x
        batch, _, time, height, side = rgb.shape
        flow = flow.reshape(batch, 2, time, 10, height, side).permute(0, 3, 1, 2, 4, 5)
        a = self.appearance.stem(rgb)
        m = self.motion.stem(flow.reshape(batch, 20, time, height, side))
        for appearance, motion in zip(self.appearance.stages, self.motion.stages, strict=True):
            total = appearance[0](a, a)
            m = F.relu(motion[0](m, m), inplace=True)
            a = F.relu(appearance[1](F.relu(total), total * m), inplace=True)
            for block in appearance[2:]:
                a = F.relu(block(a, a), inplace=True)
            for block in motion[1:]:
                m = F.relu(block(m, m), inplace=True)
        a, m = a.amax(2).mean((2, 3)), m.amax(2).mean((2, 3))
        return (self.appearance.fc(a) + self.motion.fc(m)) / 2
