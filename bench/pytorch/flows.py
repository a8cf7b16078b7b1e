"""The two flows of `bench training`, as a PyTorch user writes them: what RealNvp.ML trains, parameter for parameter."""

import math

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import weight_norm

MAX_GAIN = 5.0


class TabularCoupling(nn.Module):
    """y = x exp(s) + t on one half, s = gain tanh(r); r and t are the heads of one net that reads the other half."""

    def __init__(self, features, hidden_layers, hidden_units, first_conditions):
        super().__init__()
        self.half = features // 2
        self.first_conditions = first_conditions
        layers, inputs = [], self.half
        for _ in range(hidden_layers):
            layers += [nn.Linear(inputs, hidden_units), nn.ReLU()]
            inputs = hidden_units
        self.net = nn.Sequential(*layers, nn.Linear(inputs, 2 * self.half))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)
        self.gain = nn.Parameter(torch.full((self.half,), 2.0))

    def forward(self, x):
        first, second = x.chunk(2, 1)
        conditioning, transformed = (first, second) if self.first_conditions else (second, first)
        r, t = self.net(conditioning).chunk(2, 1)
        s = torch.tanh(r) * self.gain.clamp(-MAX_GAIN, MAX_GAIN)
        y = transformed * s.exp() + t
        return torch.cat((conditioning, y) if self.first_conditions else (y, conditioning), 1), s.sum(1)


class TabularFlow(nn.Module):
    def __init__(self, features=30, couplings=6, hidden_layers=3, hidden_units=128):
        super().__init__()
        self.couplings = nn.ModuleList(TabularCoupling(features, hidden_layers, hidden_units, i % 2 == 0) for i in range(couplings))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        for pair in range(couplings // 2):
            self.register_buffer(f"order{pair}", torch.randperm(features))

    def log_likelihood(self, x):
        x, total = (x - self.mean) / self.deviation, -self.deviation.log().sum()
        for i, coupling in enumerate(self.couplings):
            if i % 2 == 0:
                x = x[:, getattr(self, f"order{i // 2}")]
            x, log_det = coupling(x)
            total = total + log_det
        return normal_log_density(x) + total


class Norm(nn.BatchNorm2d):
    """Batch norm with a bias and no gain."""

    def __init__(self, channels):
        super().__init__(channels, eps=1e-4)
        self.weight = None


def conv(inputs, outputs, kernel, gain, bias=True):
    """A weight-normalised convolution; without a gain its filters keep norm 1."""
    layer = weight_norm(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias))
    nn.init.normal_(layer.weight_v)
    if bias:
        nn.init.zeros_(layer.bias)
    nn.init.constant_(layer.weight_g, 1.0 if gain is None else gain)
    layer.weight_g.requires_grad_(gain is not None)
    return layer


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.before, self.first = Norm(width), conv(width, width, 3, None, bias=False)
        self.between, self.second = Norm(width), conv(width, width, 3, 1)
        self.skip = conv(width, width, 1, 1)

    def forward(self, x):
        return x + self.second(functional.relu(self.between(self.first(functional.relu(self.before(x))))))


class Conditioner(nn.Module):
    """The residual net of a coupling: twice as many maps out as in."""

    def __init__(self, inputs, width, blocks, reads_mask):
        super().__init__()
        self.input_norm = Norm(inputs)
        self.first = conv(2 * inputs + reads_mask, width, 3, None)
        self.first_skip = conv(width, width, 1, 1)
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.output_norm = Norm(width)
        self.output = conv(width, 2 * inputs, 1, 0)

    def forward(self, x, mask=None):
        x = self.input_norm(x)
        parts = (x, -x) if mask is None else (2 * x, -2 * x, mask.expand(len(x), -1, -1, -1))
        hidden = self.first(functional.relu(torch.cat(parts, 1)))
        skips = self.first_skip(hidden)
        for block in self.blocks:
            hidden = block(hidden)
            skips = skips + block.skip(hidden)
        return self.output(functional.relu(self.output_norm(skips))).chunk(2, 1)


class Checkerboard(nn.Module):
    def __init__(self, channels, side, width, blocks, even_conditions):
        super().__init__()
        rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        even = ((rows + columns) % 2 == 0).float()[None, None]
        self.register_buffer("conditioning", even if even_conditions else 1 - even)
        self.register_buffer("transformed", 1 - self.conditioning)
        self.net = Conditioner(channels, width, blocks, True)
        self.gain = nn.Parameter(torch.ones(channels, 1, 1))
        self.pixels = side * side // 2
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("variance", torch.ones(channels, 1, 1))

    def forward(self, x):
        r, t = self.net(x * self.conditioning, self.conditioning)
        s = torch.tanh(r) * (self.gain.clamp(-MAX_GAIN, MAX_GAIN) * self.transformed)
        y = x * s.exp() + t * self.transformed
        values = len(x) * self.pixels  # batch norm of the pixels that were transformed
        mean = (y * self.transformed).sum((0, 2, 3), keepdim=True)[0] / values
        variance = (((y - mean) * self.transformed) ** 2).sum((0, 2, 3), keepdim=True)[0] / values
        track(self, mean, variance)
        y = y * self.conditioning + (y - mean) * torch.rsqrt(variance + 1e-4) * self.transformed
        return y, s.sum((1, 2, 3)) - 0.5 * self.pixels * (variance + 1e-4).log().sum()


class Channels(nn.Module):
    def __init__(self, channels, side, width, blocks, first_conditions):
        super().__init__()
        self.first_conditions = first_conditions
        self.net = Conditioner(channels // 2, width, blocks, False)
        self.gain = nn.Parameter(torch.ones(channels // 2, 1, 1))
        self.pixels = side * side
        self.register_buffer("mean", torch.zeros(channels // 2, 1, 1))
        self.register_buffer("variance", torch.ones(channels // 2, 1, 1))

    def forward(self, x):
        first, second = x.chunk(2, 1)
        conditioning, transformed = (first, second) if self.first_conditions else (second, first)
        r, t = self.net(conditioning)
        s = torch.tanh(r) * self.gain.clamp(-MAX_GAIN, MAX_GAIN)
        y = transformed * s.exp() + t
        mean = y.mean((0, 2, 3), keepdim=True)[0]
        variance = ((y - mean) ** 2).mean((0, 2, 3), keepdim=True)[0]
        track(self, mean, variance)
        y = (y - mean) * torch.rsqrt(variance + 1e-4)
        log_det = s.sum((1, 2, 3)) - 0.5 * self.pixels * (variance + 1e-4).log().sum()
        return torch.cat((conditioning, y) if self.first_conditions else (y, conditioning), 1), log_det


class ImageFlow(nn.Module):
    """Two scales after a logit: three checkerboards, three channel-wise couplings, half of the variables leave, four checkerboards."""

    def __init__(self, channels=1, side=8, width=32, blocks=4, levels=17, alpha=0.05):
        super().__init__()
        self.levels, self.alpha = levels, alpha
        self.first = nn.ModuleList(Checkerboard(channels, side, width, blocks, i % 2 == 0) for i in range(3))
        self.squeezed = nn.ModuleList(Channels(4 * channels, side // 2, 2 * width, blocks, i % 2 == 0) for i in range(3))
        self.last = nn.ModuleList(Checkerboard(2 * channels, side // 2, 2 * width, blocks, i % 2 == 0) for i in range(4))
        self.register_buffer("order", torch.tensor([4 * channel + phase for phase in (0, 3, 1, 2) for channel in range(channels)]))

    def log_likelihood(self, rows):
        slope = (1 - 2 * self.alpha) / self.levels
        p = self.alpha + slope * rows
        log_p, log_q = p.log(), (1 - p).log()
        x, total = log_p - log_q, (math.log(slope) - log_p - log_q).sum((1, 2, 3))
        for coupling in self.first:
            x, log_det = coupling(x)
            total = total + log_det
        x = functional.pixel_unshuffle(x, 2)
        for coupling in self.squeezed:
            x, log_det = coupling(x)
            total = total + log_det
        x, factored_out = x[:, self.order].chunk(2, 1)
        for coupling in self.last:
            x, log_det = coupling(x)
            total = total + log_det
        return normal_log_density(torch.cat((x.flatten(1), factored_out.flatten(1)), 1)) + total


def normal_log_density(z):
    return -0.5 * (z * z).sum(1) - 0.5 * z.shape[1] * math.log(2 * math.pi)


@torch.no_grad()
def track(module, mean, variance):
    module.mean.lerp_(mean, 0.1)
    module.variance.lerp_(variance, 0.1)
