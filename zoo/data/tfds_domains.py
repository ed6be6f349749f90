"""Sets of TensorFlow Datasets (TFDS) with two domains: `cycle_gan/horse2zebra` and its kin."""

from pathlib import Path

from zoo.data import decoded, tfds
from zoo.data.arrays import ArrayImages, check_split
from zoo.data.dataset import DOMAINS
from zoo.data.domain_files import common, of_domain
from zoo.data.domains import Domains
from zoo.data.forms import DomainsForm
from zoo.errors import DataError


def load_tfds_domains(
    name: str,
    *,
    split: str,
    form: DomainsForm | None = None,
    data_dir: str | Path | None = None,
) -> Domains:
    """Return a split of the TFDS set `name`, whose own splits are `trainA`, `trainB` and so on.

    It is downloaded at its first use; where TFDS has no `testA`, the last tenth of `trainA` is.
    Labels are left out: all that they say is which domain an image is of.

    Raises:
        DataError: If the set is unknown, has no two domains, cannot be had, or has no such split.
    """
    size = (form or DomainsForm()).size()
    root = tfds.data_root(data_dir)
    parts = []
    for letter in DOMAINS:
        with of_domain(letter):
            parts.append(_load_domain(name, split, letter, size, root))
    a, b = parts
    return Domains(name=name, a=a, b=b, paired=False, splits=common(a.splits, b.splits))


def _load_domain(
    name: str, split: str, letter: str, size: tuple[int, int] | None, root: Path
) -> ArrayImages:
    folder = decoded.folder(root, tfds.plain_name(name), f"{split}{letter}", size)
    found = decoded.read(folder, root)
    if found is None:
        with tfds.quiet():
            builder = tfds.builder_of(name, root)
            tfds.check_feature(builder, name, "image")
            if tfds.label_names(builder.info.features) != tfds.DOMAIN_LABELS:
                raise DataError(
                    f"'{name}' holds one set of images. Expected: two domains, as the sets of "
                    "cycle_gan have. Name the other domain with --data-b, or make it with --pair."
                )
            splits = tfds.prepared_splits(builder, name, letter)
            check_split(name, split, tuple(splits))
            examples = tfds.examples_of(builder, "image", splits[split], with_labels=False)
            decoded.write(folder, examples, name=name, size=size, splits=tuple(splits), root=root)
        found = decoded.read(folder, root)
    if found is None:
        raise DataError(f"'{folder}' was removed while it was written. Try again.")
    return found.images(name, split)
