"""Simple images with a known answer."""

import io

import numpy as np
import PIL.Image

from dilo.data.synthetic import SceneConfig, make_scene


def encoded(image, kind="PNG", **options):
    """An array or a picture as the content of a file."""
    if isinstance(image, np.ndarray):
        image = PIL.Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def object_on_ground(height=120, width=160, seed=0):
    """A reddish rectangle on noisy green ground, and where the rectangle is."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = [40, 90, 60]
    truth = np.zeros((height, width), bool)
    truth[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = True
    image[truth] = [220, 60, 40]
    noise = np.random.default_rng(seed).integers(-10, 11, image.shape)
    return (image + noise).clip(0, 255).astype(np.uint8), truth


def blocks(greys, side=10):
    """Square blocks of the given grey levels (rows, columns), and their labels."""
    greys = np.asarray(greys)
    image = greys.repeat(side, 0).repeat(side, 1).astype(np.uint8)
    labels = np.arange(greys.size, dtype=np.int32).reshape(greys.shape)
    return np.stack([image] * 3, axis=2), labels.repeat(side, 0).repeat(side, 1)


def white_scene(index: int, size: int = 96):
    """A white object on black, which shows the map of itself, and its exact map."""
    mask = make_scene(SceneConfig(size=size), index).mask
    image = np.repeat(mask[..., np.newaxis] * np.uint8(255), 3, axis=2)
    return image, mask.astype(np.float32)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return (one & other).sum() / (one | other).sum()
