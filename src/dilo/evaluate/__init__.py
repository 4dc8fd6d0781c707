"""What the features are worth: classification and background tests.

`features` computes them once; `knn`, `linear`, `neighbours` and `backgrounds` are
functions of them that give numbers. The device of the backbone does the work.
"""
