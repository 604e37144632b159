"""No test touches the progress of the person who runs it."""

import os
import tempfile


def pytest_configure(config):
    """Every test process, and every notebook kernel that it starts, records into its own folder."""
    folder = tempfile.TemporaryDirectory(prefix="dlkit-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    os.environ["DLKIT_PROGRESS"] = os.path.join(folder.name, "progress.json")
