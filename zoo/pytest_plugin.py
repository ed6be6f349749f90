"""What pytest must know of the conformance kit: its markers, and to explain its assertions.

pytest loads this by the entry point `pytest11`, wherever the zoo is installed.
"""

import pytest

pytest.register_assert_rewrite("zoo.testing.claims", "zoo.testing.contract", "zoo.testing.kills")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers of the contract's tests."""
    config.addinivalue_line("markers", "backends: holds on TensorFlow, JAX and PyTorch alike")
    config.addinivalue_line("markers", "slow: takes a minute or more; runs with -m slow alone")
