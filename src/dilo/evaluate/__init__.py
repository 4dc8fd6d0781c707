"""What the features are worth: classification read-outs and background tests."""

from dilo.evaluate.backgrounds import BackgroundScores, background_scores
from dilo.evaluate.features import (
    Features,
    LabelledFeatures,
    extract,
    extract_labelled,
)
from dilo.evaluate.knn import knn, knn_predict, knn_score
from dilo.evaluate.linear import LinearProbe, choose_probe, linear, linear_score
from dilo.evaluate.neighbours import background_retrieval, nearest
from dilo.evaluate.scores import Scores, score
from dilo.evaluate.swaps import VARIANTS, swap_backgrounds

__all__ = [
    "VARIANTS",
    "BackgroundScores",
    "Features",
    "LabelledFeatures",
    "LinearProbe",
    "Scores",
    "background_retrieval",
    "background_scores",
    "choose_probe",
    "extract",
    "extract_labelled",
    "knn",
    "knn_predict",
    "knn_score",
    "linear",
    "linear_score",
    "nearest",
    "score",
    "swap_backgrounds",
]
