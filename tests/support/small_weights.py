"""The command upon a manifest of small files: ``python -m support.small_weights weights pull ...``.

``SMALL_MANIFEST`` names the manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from pathlib import Path
from typing import Any

BASE = {
    "unet/config.json": b'{"channels": 4}',
    "unet/model.safetensors": random.Random(7).randbytes(400_000),
}
MATTING = {"onnx/model.onnx": random.Random(8).randbytes(30_000)}


def listed(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """Files as a list names them."""
    return [
        {"path": path, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for path, data in files.items()
    ]


def served() -> dict[str, bytes]:
    """The files by their paths on a hub."""
    base = {f"/some/base/resolve/r1/{path}": data for path, data in BASE.items()}
    return {**base, **{f"/some/matting/resolve/r2/{p}": data for p, data in MATTING.items()}}


def write_manifest(path: Path) -> Path:
    """Write a manifest of two small items, one with a licence to accept."""
    base = {"name": "sd15/base", "what": "a base", "licence": "CreativeML-OpenRAIL-M"}
    matting = {"name": "sd15/matting", "what": "a matte", "licence": "Apache-2.0"}
    items = [
        {
            **base,
            "accept": True,
            "repository": "some/base",
            "revision": "r1",
            "files": listed(BASE),
        },
        {**matting, "accept": False, "repository": "some/matting", "revision": "r2"}
        | {"files": listed(MATTING)},
    ]
    path.write_text(json.dumps({"items": items}), encoding="utf-8")
    return path


def is_whole(folder: Path, files: dict[str, bytes]) -> bool:
    """Whether ``folder`` holds these files and no other."""
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    right = (folder / path for path in files)
    return found == set(files) and all(
        path.read_bytes() == data for path, data in zip(right, files.values(), strict=True)
    )


def adapter(folder: Path) -> Path:
    """A folder with a real safetensors file of one number, and a list of words."""
    folder.mkdir()
    head = b'{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (folder / "sca.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + bytes(4))
    (folder / "words.json").write_text('["red"]')
    return folder


if __name__ == "__main__":
    from imagineid.hub import manifest

    manifest.MANIFEST = Path(os.environ["SMALL_MANIFEST"])
    from imagineid_cli.main import run

    run()
