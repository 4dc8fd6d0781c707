"""What the features are worth: classification and background tests."""

from dilo.evaluate.backgrounds import BackgroundScores, background_scores
from dilo.evaluate.features import Features, extract, extract_labelled
from dilo.evaluate.knn import knn
from dilo.evaluate.linear import linear
from dilo.evaluate.scores import Scores

__all__ = [
    "BackgroundScores",
    "Features",
    "Scores",
    "background_scores",
    "extract",
    "extract_labelled",
    "knn",
    "linear",
]
