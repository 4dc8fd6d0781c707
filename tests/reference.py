"""Slow and obvious twins of the package's fast kernels: loops, float64, no tricks."""

import colorsys
import math
from collections import deque

import numpy as np


def slic_lab(image):
    """Lab of every pixel as (H, 3, W) float32, from the formulas, in float64."""
    grey = image / 255
    linear = np.where(grey > 0.04045, ((grey + 0.055) / 1.055) ** 2.2, grey / 12.92)
    matrix = [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ]
    white = np.array([0.9505, 1.0, 1.089])
    t = (linear @ np.array(matrix).T).clip(0, white) / white
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    x, y, z = np.moveaxis(f, 2, 0)
    lab = [116 * y - 16, 500 * (x - y), 200 * (y - z)]
    return np.stack(lab, axis=1).astype(np.float32)


def slic_iterations(lab, centers, labels, side, weight, iterations):
    """K-means of SLIC: every centre claims the pixels of its window in turn."""
    height, _, width = lab.shape
    pixels = lab.transpose(0, 2, 1).astype(np.float64)
    for _ in range(iterations):
        nearest = np.full((height, width), np.inf)
        for k, (light, a, b, cx, cy) in enumerate(centers):
            for y in range(int(max(0, cy - side)), int(min(height, cy + side))):
                for x in range(int(max(0, cx - side)), int(min(width, cx + side))):
                    color = ((pixels[y, x] - (light, a, b)) ** 2).sum()
                    distance = color + ((x - cx) ** 2 + (y - cy) ** 2) * weight
                    if distance < nearest[y, x]:
                        nearest[y, x], labels[y, x] = distance, k
        for k in range(len(centers)):
            y, x = np.nonzero(labels == k)
            if len(y):
                centers[k] = [*pixels[y, x].mean(axis=0), x.mean(), y.mean()]


def connect(labels, smallest):
    """Flood parts in raster order; a small one joins what its first pixel touches."""
    height, width = labels.shape
    final = np.full(labels.shape, -1, np.int32)
    adjacent = count = 0
    for y, x in np.ndindex(labels.shape):
        if final[y, x] >= 0:
            continue
        around = [(y, x - 1), (y - 1, x), (y, x + 1), (y + 1, x)]
        for v, u in around:
            if 0 <= v < height and 0 <= u < width and final[v, u] >= 0:
                adjacent = final[v, u]
        part = flood(labels, y, x)
        small = len(part) <= smallest
        for place in part:
            final[place] = adjacent if small else count
        count += not small
    return final


def flood(labels, y, x):
    """Pixels 4-connected to (y, x) with the same label."""
    part, waiting = {(y, x)}, deque([(y, x)])
    while waiting:
        v, u = waiting.popleft()
        for place in ((v, u - 1), (v - 1, u), (v, u + 1), (v + 1, u)):
            inside = 0 <= place[0] < len(labels) and 0 <= place[1] < labels.shape[1]
            if inside and place not in part and labels[place] == labels[y, x]:
                part.add(place)
                waiting.append(place)
    return part


def measure_regions(image, labels, count, band):
    """Sums (N, 6) of R, G, B, row, column, pixels; links (N, N); border (N,)."""
    height, width = labels.shape
    sums = np.zeros((count, 6))
    links = np.zeros((count, count), bool)
    border = np.zeros(count, bool)
    for y, x in np.ndindex(labels.shape):
        k = labels[y, x]
        sums[k] += [*image[y, x], y, x, 1]
        border[k] |= min(y, x, height - 1 - y, width - 1 - x) < band
        for v, u in ((y + 1, x), (y, x + 1)):
            if v < height and u < width and labels[v, u] != k:
                links[k, labels[v, u]] = True
    return sums, links, border


def distances(points):
    """Euclidean distance between every two points."""
    return np.array([[math.dist(p, q) for q in points] for p in points])


def two_ring(neighbors):
    """Pairs of nodes at most two steps apart."""
    return (neighbors.astype(int) @ neighbors + neighbors) > 0


def mean_nearest(distance, linked):
    """Mean of the least distance to another linked node."""
    others = linked & ~np.eye(len(linked), dtype=bool)
    return np.mean(
        [distance[i][others[i]].min(initial=np.inf) for i in range(len(linked))]
    )


def shortest_paths(lengths):
    """Floyd and Warshall's algorithm as in the textbook."""
    paths = lengths.copy()
    np.fill_diagonal(paths, 0)
    for k in range(len(paths)):
        paths = np.minimum(paths, paths[:, k : k + 1] + paths[k : k + 1])
    return paths


def turn_hue(image, turn):
    """Turn the hue of each pixel by the standard library's HSV: float (H, W, 3)."""
    turned = np.empty(image.shape)
    for place in np.ndindex(image.shape[:2]):
        hue, saturation, value = colorsys.rgb_to_hsv(*(image[place] / 255))
        rgb = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
        turned[place] = np.array(rgb) * 255
    return turned


def border_contrast(contrast, position, border, similar):
    """Mean of the least distances to other border regions, less for far ones."""
    found = []
    for i in border:
        others = sorted(
            contrast[i, j] / (1 + 3 * math.dist(position[i], position[j]))
            for j in border
            if j != i
        )
        found.append(np.mean(others[:similar]) if others else 0.0)
    return np.array(found)


def touching(labels, count):
    """Pairs of regions that have pixels side by side or corner to corner."""
    height, width = labels.shape
    pairs = np.eye(count, dtype=bool)
    for y, x in np.ndindex(height, width):
        for v, u in ((y, x + 1), (y + 1, x - 1), (y + 1, x), (y + 1, x + 1)):
            if v < height and 0 <= u < width:
                pairs[labels[y, x], labels[v, u]] = True
                pairs[labels[v, u], labels[y, x]] = True
    return pairs


def walk_weights(distance, linked):
    """MC's weights, from distances of linked pairs scaled to [0, 1]."""
    pairs = linked & ~np.eye(len(linked), dtype=bool)
    low, high = distance[pairs].min(), distance[pairs].max()
    weights = np.exp(-10 * (distance - low) / (high - low)) + 1e-5
    weights[~pairs] = 0
    np.fill_diagonal(weights, 1)
    return weights


def absorbed_time(weights, border, start):
    """Steps until a walk is absorbed, if a step away from i takes the time start[i].

    The chain has a copy of each border region, which is linked like the region itself
    and is never left. Its transition matrix is written out.
    """
    to_all = np.concatenate([weights, weights[:, border]], axis=1)
    to_all /= to_all.sum(axis=1, keepdims=True)
    stay = to_all[:, : len(weights)]
    return np.linalg.inv(np.eye(len(weights)) - stay) @ start
