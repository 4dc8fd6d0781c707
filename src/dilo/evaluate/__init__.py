"""What the features are worth: classification and background tests."""

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
from dilo.evaluate.swaps import VARIANTS, Composites, draw_donors

__all__ = [
    "VARIANTS",
    "BackgroundScores",
    "Composites",
    "Features",
    "LabelledFeatures",
    "LinearProbe",
    "Scores",
    "background_retrieval",
    "background_scores",
    "choose_probe",
    "draw_donors",
    "extract",
    "extract_labelled",
    "knn",
    "knn_predict",
    "knn_score",
    "linear",
    "linear_score",
    "nearest",
    "score",
]
