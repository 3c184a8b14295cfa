"""The networks of NCSN and NCSNv2 in PyTorch, with the parameter names of the authors' checkpoints.

Written for the tests from the papers and from the structure of ermongroup/ncsn and ermongroup/ncsnv2:
Song and Ermon (2019), appendix A, and Song and Ermon (2020), appendix B.1.
"""
import torch
from torch import nn
from torch.nn import functional as F


def conv(inputs, outputs, size=3, dilation=1, bias=True):
    reach = dilation * (size // 2)
    return nn.Conv2d(inputs, outputs, size, padding=reach, dilation=dilation, bias=bias)


class Norm(nn.Module):
    """Instance normalisation++; with levels, its numbers are looked up by class."""

    def __init__(self, channels, levels):
        super().__init__()
        if levels:
            self.embed = nn.Embedding(levels, 3 * channels)
        else:
            self.alpha, self.gamma, self.beta = (nn.Parameter(torch.ones(channels)) for _ in range(3))

    def forward(self, x, level):
        means = x.mean((2, 3))
        spread = means.var(1, keepdim=True)
        means = (means - means.mean(1, keepdim=True)) / (spread + 1e-5).sqrt()
        if level is None:
            gamma, alpha, beta = self.gamma[None], self.alpha[None], self.beta[None]
        else:
            gamma, alpha, beta = self.embed(level).chunk(3, 1)
        wide = lambda t: t[:, :, None, None]
        return wide(gamma) * (F.instance_norm(x) + wide(means * alpha)) + wide(beta)


class MeanPooled(nn.Module):
    def __init__(self, inputs, outputs, size):
        super().__init__()
        self.conv = conv(inputs, outputs, size)

    def forward(self, x):
        return F.avg_pool2d(self.conv(x), 2)


class Block(nn.Module):
    def __init__(self, inputs, outputs, down, dilation, levels):
        super().__init__()
        halving = down and dilation == 1
        self.normalize1, self.normalize2 = Norm(inputs, levels), Norm(inputs, levels)
        self.conv1 = conv(inputs, inputs, 3, dilation)
        self.conv2 = MeanPooled(inputs, outputs, 3) if halving else conv(inputs, outputs, 3, dilation)
        if down:
            self.shortcut = MeanPooled(inputs, outputs, 1) if halving else conv(inputs, outputs, 3, dilation)

    def forward(self, x, level):
        h = self.conv1(F.elu(self.normalize1(x, level)))
        h = self.conv2(F.elu(self.normalize2(h, level)))
        return h + (self.shortcut(x) if hasattr(self, 'shortcut') else x)


class Units(nn.Module):
    """Residual convolution units of two convolutions each."""

    def __init__(self, channels, n, levels):
        super().__init__()
        self.n = n
        for place in self.places():
            if levels:
                setattr(self, place + '_norm', Norm(channels, levels))
            setattr(self, place + '_conv', conv(channels, channels, bias=False))

    def places(self):
        return [f'{unit + 1}_{stage + 1}' for unit in range(self.n) for stage in range(2)]

    def forward(self, x, level):
        for at, place in enumerate(self.places()):
            kept = x if at % 2 == 0 else kept
            h = x if level is None else getattr(self, place + '_norm')(x, level)
            x = getattr(self, place + '_conv')(F.elu(h))
            x = x + kept if at % 2 else x
        return x


class Merged(nn.Module):
    def __init__(self, inputs, outputs, levels):
        super().__init__()
        self.convs = nn.ModuleList(conv(inputs, outputs) for _ in range(2))
        if levels:
            self.norms = nn.ModuleList(Norm(inputs, levels) for _ in range(2))

    def forward(self, xs, level, sides):
        ways = []
        for i, x in enumerate(xs):
            h = x if level is None else self.norms[i](x, level)
            ways.append(F.interpolate(self.convs[i](h), size=sides, mode='bilinear', align_corners=True))
        return sum(ways)


class Chained(nn.Module):
    def __init__(self, channels, levels):
        super().__init__()
        self.convs = nn.ModuleList(conv(channels, channels, bias=False) for _ in range(2))
        if levels:
            self.norms = nn.ModuleList(Norm(channels, levels) for _ in range(2))

    def forward(self, x, level):
        x = path = F.elu(x)
        for i in range(2):
            if level is None:
                path = F.max_pool2d(path, 5, stride=1, padding=2)
            else:
                path = F.avg_pool2d(self.norms[i](path, level), 5, stride=1, padding=2)
            path = self.convs[i](path)
            x = x + path
        return x


class Refinement(nn.Module):
    def __init__(self, n, inputs, outputs, last, levels):
        super().__init__()
        self.adapt_convs = nn.ModuleList(Units(inputs, 2, levels) for _ in range(n))
        if 1 < n:
            self.msf = Merged(inputs, outputs, levels)
        self.crp = Chained(outputs, levels)
        self.output_convs = Units(outputs, 3 if last else 1, levels)

    def forward(self, xs, level):
        hs = [units(x, level) for units, x in zip(self.adapt_convs, xs)]
        h = self.msf(hs, level, xs[0].shape[2:]) if 1 < len(xs) else hs[0]
        return self.output_convs(self.crp(h, level), level)


class RefineNet(nn.Module):
    """With `levels` NCSN's network, which is given classes; without, NCSNv2's, which is given `sigmas` besides.

    Images are of pixels from 0 to 1.
    """

    def __init__(self, channels, ngf, levels=None, sigmas=None):
        super().__init__()
        self.levels, wide = levels, 2 * ngf
        if sigmas is not None:
            self.register_buffer('sigmas', sigmas)
        self.begin_conv = conv(channels, ngf)
        self.normalizer = Norm(ngf, levels)
        self.end_conv = conv(ngf, channels)
        stage = lambda inputs, outputs, down, dilation: nn.ModuleList([
            Block(inputs, outputs, down, dilation, levels), Block(outputs, outputs, False, dilation, levels)])
        self.res1 = stage(ngf, ngf, False, 1)
        self.res2 = stage(ngf, wide, True, 1)
        self.res3 = stage(wide, wide, True, 2)
        self.res4 = stage(wide, wide, True, 4)
        self.refine1 = Refinement(1, wide, wide, False, levels)
        self.refine2 = Refinement(2, wide, wide, False, levels)
        self.refine3 = Refinement(2, wide, ngf, False, levels)
        self.refine4 = Refinement(2, ngf, ngf, True, levels)

    def forward(self, x, y):
        level = y if self.levels else None
        h, features = self.begin_conv(2 * x - 1), []
        for stage in (self.res1, self.res2, self.res3, self.res4):
            for block in stage:
                h = block(h, level)
            features.append(h)
        h = self.refine1([features[3]], level)
        h = self.refine2([features[2], h], level)
        h = self.refine3([features[1], h], level)
        h = self.refine4([features[0], h], level)
        h = self.end_conv(F.elu(self.normalizer(h, level)))
        return h if self.levels else h / self.sigmas[y].view(-1, 1, 1, 1)


def stirred(net, seed):
    """The network with random weights, none of them at a value that a new network has."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            centre = 1.0 if name.endswith(('gamma', 'alpha', 'embed.weight')) else 0.0
            fan_in = parameter[0].numel() if 2 < parameter.dim() else 16
            parameter.copy_(centre + torch.randn_like(parameter) / fan_in ** 0.5)
    return net


def ladder(top, bottom, n):
    return torch.linspace(float(torch.tensor(top).log()), float(torch.tensor(bottom).log()), n).exp()
