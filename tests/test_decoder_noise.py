import io
import subprocess
import sys

import PIL.Image

CODE = """
import os, sys
from dilo import decoder_noise
from dilo.cli.notes import show_notes
from dilo.image import read_image
show_notes()
decoder_noise.catch()
for path in sys.argv[1:]:
    read_image(path)
    with decoder_noise.NamedNoise("elsewhere"):
        os.write(2, b"of others\\n")
if os.fork() == 0:
    read_image(sys.argv[1])
    os._exit(0)
os.wait()
print("at the end", file=sys.stderr)
"""


def test_lines_of_decoders_are_told_by_the_name_of_the_file(tmp_path):
    buffer = io.BytesIO()
    PIL.Image.effect_noise((60, 40), 90).convert("RGB").save(buffer, "JPEG")
    whole = buffer.getvalue()
    (tmp_path / "odd.jpg").write_bytes(whole[:-2] + bytes(99) + whole[-2:])
    (tmp_path / "whole.jpg").write_bytes(whole)
    command = [sys.executable, "-c", CODE, "odd.jpg", "whole.jpg"]
    done = subprocess.run(
        command, cwd=tmp_path, check=True, capture_output=True, text=True
    )
    note, *others = done.stderr.splitlines()
    assert note.startswith(
        "note: odd.jpg: odd but used as far as it goes (Corrupt JPEG"
    )
    assert others == ["of others", "of others", "at the end"]
    assert done.stdout == ""
