"""The maps of the authors' own programs, and how close ours come to them."""

import numpy as np

from dilo.image import read_image, read_map, read_mask
from dilo.saliency.scoring import f_measure, score_image


def golden_images(data_folder):
    """Ten images with the maps and superpixels of the authors' programs, by name."""
    arrays = np.load(data_folder.parent / "reference" / "golden10.npz")
    images = {}
    for key in arrays.files:
        name, field = key.split("/")
        images.setdefault(name, {})[field] = arrays[key]
    return images


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def agreement(method, name, data_folder):
    """Correlations with the authors' maps of 200 photographs; (maxF, MAE) of both."""
    maps = data_folder.parent / "reference" / "ecssd200" / name
    similar, ours, theirs = [], [], []
    for path in sorted((data_folder / "ecssd200" / "images").iterdir()):
        saliency = method(read_image(path))
        reference = read_map(maps / f"{path.stem}.png")
        truth = read_mask(data_folder / "ecssd200" / "masks" / f"{path.stem}.png")
        similar.append(correlation(saliency, reference))
        ours.append(measure(saliency, truth))
        theirs.append(measure(reference, truth))
    return np.array(similar), max_f_and_mae(ours), max_f_and_mae(theirs)


def measure(saliency, truth):
    """Precision and recall at every threshold, and mean absolute error."""
    scores = score_image(saliency, truth)
    return scores.precision, scores.recall, scores.mae


def max_f_and_mae(measures):
    """MaxF of precision and recall averaged over images, and mean absolute error."""
    precision, recall, mae = (
        np.mean(part, axis=0) for part in zip(*measures, strict=True)
    )
    return f_measure(precision, recall).max(), mae
