"""The program on the page of the recipes, as a reader would copy it."""

import re
import subprocess
import sys
from pathlib import Path

from .server import Server

HERE = Path(__file__).parent.parent


def test_what_the_page_prints_is_what_it_says(server: Server, tmp_path: Path) -> None:
    page = (HERE / "README.md").read_text()
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", page, re.M | re.S)
    program = next(text for language, text in blocks if language == "python")
    printed = next(text for language, text in blocks if language == "")
    (tmp_path / "cached.py").write_text((HERE / "recipes/cached.py").read_text())
    (tmp_path / "square.py").write_text(program.replace(":6379", f":{server.port}"))
    run = subprocess.run([sys.executable, "square.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr, run.returncode) == (printed, "", 0)
