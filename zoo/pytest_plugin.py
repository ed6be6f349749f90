"""What pytest must know of the conformance kit: its marker, and to explain its assertions.

pytest loads this by the entry point `pytest11`, wherever the zoo is installed.
"""

import pytest

pytest.register_assert_rewrite("zoo.testing.claims", "zoo.testing.contract")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of tests that hold on every backend."""
    config.addinivalue_line("markers", "backends: holds on TensorFlow, JAX and PyTorch alike")
