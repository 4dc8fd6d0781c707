import subprocess
import sys

import pytest

from dilo.workers import keep_memory

PROGRAM = """
import resource, numpy as np
from dilo.workers import keep_memory
keep = {keep}
if keep:
    keep_memory()
np.ones(1 << 20, np.uint8)
start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    small = np.ones(1 << 20, np.uint8)
    large = np.ones(3 << 20, np.uint8)
    del small, large
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start)
"""


def faults(keep):
    program = PROGRAM.format(keep=keep)
    return int(subprocess.check_output([sys.executable, "-c", program]))


@pytest.mark.skipif(not keep_memory(), reason="not glibc")
def test_pages_are_taken_once():
    assert 1.5 * faults(keep=True) < faults(keep=False)
