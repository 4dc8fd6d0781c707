"""The command line: `dilo COMMAND ...`.

To add a command, write one function in the module of its group (`masks.py`, or a new
module beside it) and one line in `COMMANDS` of `dispatch.py`:

    def knn(run: str, train: Path, val: Path, /, neighbors: int = 200) -> None:
        '''Classify images by their nearest neighbours among the training images. ...'''
        from dilo.evaluate import knn_accuracy

        say(knn_accuracy(run, train, val, neighbors).summary())

* It parses (tyro reads the signature), calls one library function, and prints.
* What stands before the `/` is positional, the rest are flags: `--neighbors 200`; a
  `bool` is `--name` and `--no-name`.
* The fields of a parameter `config` are flags with their own help. Its default comes
  from a function beside the command, `NAME_config(words)`; see `training.py`.
* The docstring is the help: a first line, a paragraph, a block `Examples:`, and `Args:`
  with a line for each argument whose type does not hold its help.
* What is heavy is imported inside, so that a wrong flag is answered at once. Only the
  module of the command that is called is imported at all.
* It catches nothing: `main` turns DiloError and OSError into one line and status 2.
* Paths are plain `Path`; what may be a run or the name of a model is `str`.
"""

from dilo.cli.dispatch import main

__all__ = ["main"]
