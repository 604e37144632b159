"""Nested dicts and lists of arrays and numbers in one safetensors file: no pickle, no half file.

Arrays become tensors; the rest, and where each array belongs, is JSON in the file's header.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

ARRAY, PAIRS = "$array", "$pairs"
PLAIN = (str, bool, int, float, type(None))


def save(path: str | os.PathLike, tree: Any) -> None:
    """Write `tree` to `path`: under a temporary name first, then moved into place.

    Dicts, lists, tuples (which come back as lists), text, real numbers, None, NumPy arrays and
    torch tensors (which come back as arrays); the keys of a dict are text, numbers or None. Raises
    `ValueError` for anything else, and leaves the file that was there.
    """
    arrays: dict[str, np.ndarray] = {}
    outline = json.dumps(_split(tree, "", arrays))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(handle)
    try:
        save_file(arrays, temporary, metadata={"dlkit": outline})
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(path: str | os.PathLike) -> Any:
    """Return the tree that `save` wrote to `path`.

    Raises `ValueError` with one sentence when the file is damaged or not of this kind.
    """
    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            outline = (file.metadata() or {}).get("dlkit")
            if outline is None:
                raise ValueError(f"{path} is a safetensors file, but not a checkpoint of dlkit")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged or no checkpoint ({error}): delete it") from None
    return _join(json.loads(outline), arrays)


def _split(tree: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    """Move every array of `tree` into `arrays` and leave its name in its place."""
    if isinstance(tree, dict):
        for key in tree:
            if not isinstance(key, PLAIN):
                raise ValueError(f"tree{place}'s keys must be text or numbers, got {key!r}")
        if all(isinstance(key, str) and not key.startswith("$") for key in tree):
            return {key: _split(value, f"{place}/{key}", arrays) for key, value in tree.items()}
        pairs = [[key, _split(value, f"{place}/{key}", arrays)] for key, value in tree.items()]
        return {PAIRS: pairs}
    if isinstance(tree, (list, tuple)):
        return [_split(value, f"{place}/{index}", arrays) for index, value in enumerate(tree)]
    if isinstance(tree, np.generic):
        tree = tree.item()
    if isinstance(tree, PLAIN):
        return tree
    if hasattr(tree, "detach"):
        try:
            tree = tree.detach().cpu().numpy()
        except TypeError:  # bfloat16
            raise ValueError(f"tree{place} has a dtype that NumPy has not: {tree.dtype}") from None
    if not isinstance(tree, np.ndarray) or tree.dtype.kind not in "fiub":
        raise ValueError(f"tree{place} must be an array, number, text or None, got {type(tree)}")
    name = place.strip("/") or "array"
    while name in arrays:  # {"a/b": one, "a": {"b": another}}, or the keys 0 and "0"
        name += "'"
    arrays[name] = np.ascontiguousarray(tree)
    return {ARRAY: name, "shape": list(tree.shape)}


def _join(outline: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(outline, list):
        return [_join(value, arrays) for value in outline]
    if not isinstance(outline, dict):
        return outline
    if ARRAY in outline:
        return arrays[outline[ARRAY]].reshape(outline["shape"])
    if PAIRS in outline:
        return {key: _join(value, arrays) for key, value in outline[PAIRS]}
    return {key: _join(value, arrays) for key, value in outline.items()}
