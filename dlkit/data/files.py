"""Where files live: shipped with the course, in your own folder, in the cache, at an address."""

import contextlib
import gzip
import hashlib
import logging
import os
import zlib
from pathlib import Path
from typing import Any

import platformdirs

PACKAGE = Path(__file__).resolve().parent.parent


class DataError(RuntimeError):
    """A data set could not be had. The message says what to do."""


def asset(name: str) -> Path:
    """The path of a small file that ships with the course, such as "data/mnist_5k.npz".

    It lies in `dlkit/assets` in an installed package and in `assets` in a checkout.
    Raises `DataError` if it is in neither.
    """
    places = [PACKAGE / "assets" / name, PACKAGE.parent / "assets" / name]
    for path in places:
        if path.is_file():
            return path
    raise DataError(
        f"{name} ships with dlkit but is missing from {places[0].parent}: install dlkit again,"
        " or restore the folder `assets` of your checkout."
    )


def cache_folder() -> Path:
    """Where downloads are kept: the user's cache folder, made when first written to."""
    return Path(platformdirs.user_cache_dir("dlkit", appauthor=False))


def find(
    name: str,
    sha256: str,
    addresses: tuple[str, ...],
    *,
    installed: Path | None = None,
    content: str | None = None,
    progress: bool = True,
) -> Path:
    """The file `name` ("mnist/train-images-idx3-ubyte.gz") with this checksum, wherever it is.

    Looks in the folder that the environment variable `DLKIT_DATA` names, then where a package of
    the operating system puts it (the path `installed`), then in the cache, then downloads it from
    the first address that delivers the right bytes (`progress` shows a bar).
    A package may have packed its file anew. `content` is the sha256 of what is inside the gzip
    file, and a file that holds just that is as good as the one with the checksum `sha256`.
    A download is written under a temporary name and moved into place when its checksum is right.
    Raises `DataError`, with one sentence that says what to do.
    """
    own = _own_folder()
    if own is not None and (path := own / name).exists():
        if _checksum(path) != sha256 and not _holds(path, content):
            raise DataError(
                f"{path} has the wrong checksum, so it is damaged or another file: replace it,"
                " or unset DLKIT_DATA to have it downloaded."
            )
        return path

    if installed is not None and installed.is_file() and _holds(installed, content):
        return installed

    path = cache_folder() / name
    if path.is_file() and _checksum(path) == sha256:
        return path
    return _download(path, sha256, addresses, progress)


def _own_folder() -> Path | None:
    """The folder of `DLKIT_DATA`, None if the variable is not set."""
    value = os.environ.get("DLKIT_DATA", "")
    if not value:
        return None
    folder = Path(value).expanduser()
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise DataError(
            f"DLKIT_DATA names {folder}, which cannot be read as a folder ({_reason(error)}):"
            " correct or unset the variable."
        ) from None
    return folder


def _checksum(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({_reason(error)}): correct its permissions or remove it."
        ) from None


def _holds(path: Path, content: str | None) -> bool:
    """Whether the gzip file holds the bytes with the sha256 `content`, however they are packed."""
    if content is None:
        return False
    try:
        return hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest() == content
    except (OSError, EOFError, zlib.error):
        return False


def _download(path: Path, sha256: str, addresses: tuple[str, ...], progress: bool) -> Path:
    import pooch  # here, so that nobody waits for it who has the file

    download: Any = pooch.HTTPDownloader(progressbar=progress, timeout=30)
    failures = []
    with _quiet(pooch.get_logger()):
        for address in addresses:
            try:
                pooch.retrieve(
                    address + path.name, sha256, path.name, path.parent, downloader=download
                )
            except OSError as error:  # of the network (requests' errors are OSErrors) or the disk
                if isinstance(error, PermissionError | FileExistsError | NotADirectoryError):
                    raise DataError(
                        f"{path.parent} cannot be written ({_reason(error)}): make it writable,"
                        " or put the file elsewhere and name that folder in DLKIT_DATA."
                    ) from None
                failures.append(f"{address}: {_reason(error)}")
            except ValueError:  # pooch's word for a wrong checksum; it has removed the file
                failures.append(f"{address}: delivered a file with the wrong checksum")
            else:
                return path
    raise DataError(
        f"{path.name} could not be downloaded ({'; '.join(failures)}): connect to the internet and"
        f" try again, or put the file into a folder {path.parent.name} and let the environment"
        " variable DLKIT_DATA name the folder above it."
    )


@contextlib.contextmanager
def _quiet(logger: logging.Logger):
    """Without pooch's notes on where it writes: our own messages say what matters."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _reason(error: OSError) -> str:
    """The cause in few words: the system's text, else the kind of error of the network library."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code}"
    words = {
        "ConnectionError": "no connection",
        "ConnectTimeout": "no answer in time",
        "ReadTimeout": "no answer in time",
        "ChunkedEncodingError": "the download was cut off",
        "SSLError": "no secure connection",
        "ProxyError": "the proxy refused",
    }
    return error.strerror or words.get(type(error).__name__, str(error) or type(error).__name__)
