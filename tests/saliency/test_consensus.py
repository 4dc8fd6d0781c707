import numpy as np
import pytest

from authors_maps import agreement
from dilo.saliency import consensus, gs, rbd
from dilo.saliency.graph import paint
from dilo.saliency.mc import mc_of_graph
from dilo.saliency.superpixels import image_graph
from pictures import object_on_ground


def test_consensus_is_the_mean_of_the_three_maps():
    image, _ = object_on_ground()
    graph = image_graph(image)
    mc_map = paint(mc_of_graph(graph), graph.labels)
    expected = (rbd(image) + gs(image) + mc_map) / 3
    np.testing.assert_allclose(consensus(image), expected, atol=1e-6)


@pytest.mark.realdata
@pytest.mark.slow
def test_mc_on_the_superpixels_of_rbd_follows_the_authors(data_folder):
    def shared_mc(image):
        graph = image_graph(image)
        return paint(mc_of_graph(graph), graph.labels)

    similar, ours, theirs = agreement(shared_mc, "mc", data_folder)
    assert np.median(similar) >= 0.93
    assert np.percentile(similar, 5) >= 0.78
    assert ours[0] == pytest.approx(theirs[0], abs=0.02)
    assert ours[1] == pytest.approx(theirs[1], abs=0.006)
