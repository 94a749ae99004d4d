"""Pictures changed at random, a batch at a time, on the device. uint8 [n, 3, 160, 160] in, floats of 0 to 255 out.

Each change falls to the share of pictures that the recipe gives it; the numbers come from the generator given, so a batch and a
generator say it all.
"""
import math

import numpy
import torch
from torch.nn import functional as F

STILL = {"diagram", "map", "screenshot", "logo"}  # kinds that a mirror would spoil


def boxes(chance, widths, heights, least):
    """Left, top, width, height as shares of the picture: of area LEAST to 1, in shape between a square and the whole picture."""
    n = len(widths)
    area = torch.from_numpy(chance.uniform(least, 1, n))
    wide = torch.log(widths / heights)
    shape = wide * torch.from_numpy(chance.uniform(0, 1, n)) + torch.from_numpy(chance.uniform(-0.12, 0.12, n)) - wide
    width = (area.sqrt() * (shape / 2).exp()).clamp(max=1)
    height = (area / width).clamp(max=1)
    left = (1 - width) * torch.from_numpy(chance.uniform(0, 1, n))
    top = (1 - height) * torch.from_numpy(chance.uniform(0, 1, n))
    return left, top, width, height


def place(chance, pictures, widths, heights, still, least):
    """Cut, mirrored, turned by up to ten degrees: one sampling for all three."""
    n = len(pictures)
    left, top, width, height = boxes(chance, widths, heights, least)
    mirror = torch.from_numpy(1 - 2.0 * ((chance.random(n) < 0.5) & ~still))
    angle = torch.from_numpy(chance.uniform(-10, 10, n) * (chance.random(n) < 0.25) * math.pi / 180)
    middle_x, middle_y = 2 * left + width - 1, 2 * top + height - 1
    matrix = torch.stack([torch.stack([mirror * width * angle.cos(), -width * angle.sin(), middle_x], -1),
                          torch.stack([mirror * height * angle.sin(), height * angle.cos(), middle_y], -1)], 1)
    grid = F.affine_grid(matrix.float().to(pictures.device), pictures.shape, align_corners=False)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def some(chance, n, share, where):
    return torch.from_numpy(chance.random(n) < share).to(where)[:, None, None, None]


def amount(chance, n, low, high, where, parts=1):
    return torch.from_numpy(chance.uniform(low, high, (n, parts))).float().to(where)[:, :, None, None]


def colour(chance, x):
    """Gains of the channels, brightness, contrast, saturation; grey."""
    n, where = len(x), x.device
    y = x * amount(chance, n, 0.9, 1.1, where, 3) * amount(chance, n, 0.7, 1.3, where)
    y = (y - y.mean((1, 2, 3), keepdim=True)) * amount(chance, n, 0.7, 1.3, where) + y.mean((1, 2, 3), keepdim=True)
    grey = y.mean(1, keepdim=True)
    y = grey + (y - grey) * amount(chance, n, 0.6, 1.4, where)
    x = torch.where(some(chance, n, 0.8, where), y, x).clamp(0, 255)
    return torch.where(some(chance, n, 0.1, where), x.mean(1, keepdim=True).expand_as(x), x)


def sharpness(chance, x):
    """Blurred by scaling down and up again, the whole batch by one factor; sharpened by what a blur takes away."""
    n, where = len(x), x.device
    small = F.interpolate(x, scale_factor=float(chance.uniform(0.3, 0.8)), mode="bilinear", antialias=True)
    x = torch.where(some(chance, n, 0.3, where), F.interpolate(small, x.shape[-2:], mode="bilinear"), x)
    edges = x - F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    return torch.where(some(chance, n, 0.2, where), x + edges * amount(chance, n, 0.3, 1.2, where), x).clamp(0, 255)


def blocks(chance, x):
    """What JPEG loses: 8x8 cosine blocks, rounded the more coarsely the finer the wave."""
    n, where = len(x), x.device
    k = torch.arange(8, device=where, dtype=torch.float32)
    wave = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) * 0.5
    wave[0] *= math.sqrt(0.5)
    step = (1 + k[:, None] + k[None]) * amount(chance, n, 2, 12, where)[..., None, None]
    tiles = x.unfold(2, 8, 8).unfold(3, 8, 8)
    rounded = (wave @ tiles @ wave.T / step).round() * step
    back = (wave.T @ rounded @ wave).permute(0, 1, 2, 4, 3, 5).reshape(x.shape)
    return torch.where(some(chance, n, 0.3, where), back, x)


def noise(chance, x):
    n, where = len(x), x.device
    grains = torch.from_numpy(chance.standard_normal(tuple(x.shape), dtype="float32")).to(where)
    return torch.where(some(chance, n, 0.2, where), x + grains * amount(chance, n, 2, 12, where), x)


def erase(chance, x):
    """A rectangle of a sixth to a half of the side, of one colour."""
    n, size, where = len(x), x.shape[-1], x.device
    along = torch.arange(size, device=where)
    width, height = (amount(chance, n, size / 6, size / 2, where) for _ in range(2))
    left, top = (amount(chance, n, 0, 1, where) * (size - side) for side in (width, height))
    across = (along >= left) & (along < left + width)
    down = (along[:, None] >= top) & (along[:, None] < top + height)
    return torch.where(some(chance, n, 0.15, where) & across & down, amount(chance, n, 0, 255, where, 3), x)


def augment(chance, pictures, widths, heights, kinds, least):
    """CHANCE is a numpy Generator; WIDTHS and HEIGHTS are those before squashing; LEAST is the smallest area of a cut."""
    still = numpy.array([kind in STILL for kind in kinds])
    widths, heights = torch.tensor(widths, dtype=torch.float64), torch.tensor(heights, dtype=torch.float64)
    x = place(chance, pictures.float(), widths, heights, still, least)
    for change in (colour, sharpness, blocks, noise, erase):
        x = change(chance, x)
    return x.clamp(0, 255)
