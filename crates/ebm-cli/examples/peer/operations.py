"""The operations that are compared: their descriptions for our half, and PyTorch's version of each.

PyTorch's is the fastest way that a person would write in eager mode: in place where ours is in place, gradients
that are not wanted masked out, the fused optimiser.
"""

import torch
from torch.nn import functional as F

import networks

BATCH = 64
IMAGES = [BATCH, 32, 28, 28]
STEP_SIZE = 1e-3


def convolution(channels, side, kernel=3, stride=1, padding=1, transposed=False):
    description = dict(kind="convolution", batch=BATCH, channels=channels, side=side, kernel=kernel)
    return description | dict(stride=stride, padding=padding, transposed=transposed)


LAYERS = {
    "conv 3x3 32-32 14": convolution([32, 32], 14),
    "conv 3x3 64-64 7": convolution([64, 64], 7),
    "conv 3x3 64-32 14": convolution([64, 32], 14),
    "conv 3x3 32-32 28": convolution([32, 32], 28),
    "conv stem 4-32 14": convolution([4, 32], 14),
    "conv out 32-4 14": convolution([32, 4], 14),
    "conv stride 2 32-64 14": convolution([32, 64], 14, stride=2),
    "conv 1x1 64-32 14": convolution([64, 32], 14, kernel=1, padding=0),
    "conv transposed 2x2 64-32 7": convolution([64, 32], 7, kernel=2, stride=2, padding=0, transposed=True),
}
NORMS = {"norm+SiLU 32 14": [BATCH, 32, 14, 14], "norm+SiLU 64 7": [BATCH, 64, 7, 7], "norm+SiLU 32 28": IMAGES}


def all_operations():
    """(name, description) of every operation."""
    for name, layer in LAYERS.items():
        for way in ("forward", "input", "weight"):
            yield f"{name} {way}", layer | {"pass": way}
    for name, shape in NORMS.items():
        for film in (False, True):
            for way in ("forward", "backward"):
                title = f"{name}{' film' if film else ''} {way}"
                yield title, {"kind": "normalisation", "pass": way, "shape": shape, "film": film}
    for kind in ("silu", "softplus"):
        for way in ("forward", "backward"):
            yield f"{kind} {way}", {"kind": kind, "pass": way, "shape": IMAGES}
    yield "noise", dict(kind="noise", shape=IMAGES)
    yield "Langevin step", dict(kind="langevin", shape=IMAGES)
    yield "Adam step", dict(kind="adam", parameters=1 << 20)
    yield "MLP 2-128-128-2 training step", dict(kind="mlp", hidden=128, batch=256)


def prepare(description):
    """PyTorch's version of an operation, a function without arguments."""
    description = dict(description)
    return globals()["prepare_" + description.pop("kind")](**description)


def prepare_convolution(batch, channels, side, kernel, stride, padding, transposed, **rest):
    inputs, outputs = channels
    first = [inputs, outputs] if transposed else [outputs, inputs]
    x, weight = torch.randn(batch, inputs, side, side), torch.randn(*first, kernel, kernel)
    bias = torch.randn(outputs)
    function = F.conv_transpose2d if transposed else F.conv2d
    way = rest["pass"]
    if way == "forward":
        return lambda: function(x, weight, bias, stride=stride, padding=padding)
    dy = torch.randn_like(function(x, weight, bias, stride=stride, padding=padding))
    wanted = [way == "input", way == "weight", False]
    geometry = [stride] * 2, [padding] * 2, [1, 1], transposed, [0, 0], 1
    return lambda: torch.ops.aten.convolution_backward(dy, x, weight, [outputs], *geometry, wanted)


def prepare_normalisation(shape, film, **rest):
    batch, channels = shape[:2]
    x, gamma, beta = torch.randn(shape), torch.randn(channels), torch.randn(channels)
    scale, shift = torch.randn(batch, channels, 1, 1), torch.randn(batch, channels, 1, 1)
    leaves = [x, gamma, beta] + ([scale, shift] if film else [])

    def forward():
        normal = F.group_norm(x, 8, gamma, beta, 1e-5)
        return F.silu(normal * (1 + scale) + shift if film else normal)

    return forward if rest["pass"] == "forward" else gradient(forward, leaves)


def prepare_silu(shape, **rest):
    x = torch.randn(shape)
    return (lambda: F.silu(x)) if rest["pass"] == "forward" else gradient(lambda: F.silu(x), [x])


def prepare_softplus(shape, **rest):
    x = torch.randn(shape)
    return (lambda: F.softplus(x)) if rest["pass"] == "forward" else gradient(lambda: F.softplus(x), [x])


def gradient(function, leaves):
    """The way back alone, again and again on one tape."""
    for leaf in leaves:
        leaf.requires_grad_()
    with torch.enable_grad():
        y = function()
    dy = torch.randn_like(y)
    return lambda: torch.autograd.grad(y, leaves, dy, retain_graph=True)


def prepare_noise(shape):
    return lambda: torch.randn(shape)


def prepare_langevin(shape):
    x, score, z = torch.randn(shape), torch.randn(shape), torch.empty(shape)
    diffusion = (2 * STEP_SIZE) ** 0.5
    return lambda: x.add_(score, alpha=STEP_SIZE).add_(z.normal_(), alpha=diffusion)


def prepare_adam(parameters):
    theta, average = torch.randn(parameters, requires_grad=True), torch.randn(parameters)
    theta.grad = torch.randn(parameters)
    optimiser = torch.optim.Adam([theta], lr=1e-3, fused=True)

    def step():
        optimiser.step()
        average.lerp_(theta, 0.01)

    return step


def prepare_mlp(hidden, batch):
    model = networks.PlaneScore(hidden)
    optimiser, x = torch.optim.Adam(model.parameters(), lr=1e-3), torch.randn(batch, 2)

    def step():
        with torch.enable_grad():
            networks.plane_step(model, optimiser, x)

    return step
