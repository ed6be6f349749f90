"""Small sets of TensorFlow Datasets, made by tests; who imports this where it lacks is skipped."""

import importlib.util
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

for module in ("tensorflow", "tensorflow_datasets"):
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"needs {module}", allow_module_level=True)

# A name, its features, and the examples of each split.
TinySet = tuple[str, dict[str, Any], dict[str, list[dict[str, Any]]]]


def write_sets(root: Path, sets: Callable[[Any], Iterable[TinySet]]) -> Path:
    """Prepare the sets that `sets` gives for the module `tensorflow_datasets`; return `root`."""
    from zoo.data.tensorflow_quiet import import_tensorflow

    import_tensorflow("This test")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow_datasets as tfds

        tfds.display_progress_bar(False)
        for tiny_set in sets(tfds):
            _builder(tfds, root, *tiny_set).download_and_prepare()
    return root


def _builder(tfds, root, name, features, splits):
    class Tiny(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(split) for split in splits}

        def _generate_examples(self, split):
            yield from enumerate(splits[split])

    Tiny.name = name
    return Tiny(data_dir=root)
