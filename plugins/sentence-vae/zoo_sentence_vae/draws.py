"""Drawing a word: with a temperature, from the k most likely ones, or from the nucleus.

The nucleus is the smallest set of most likely words that together have at least the probability p
(Holtzman et al. 2020, https://arxiv.org/abs/1904.09751). Where both are asked for, the nucleus is
that of the k words. Temperature comes first. Of words with equal logits those with the lower index
count as more likely.
"""

from collections.abc import Mapping
from typing import Any

from keras import ops

from zoo.errors import DataError
from zoo.making import draw_codes

# Shapes: B batch, V vocabulary.


def sampling_of(temperature: float, top_k: int, nucleus: float) -> dict[str, float]:
    """Return what `draw_words` is told; what filters nothing is left out, for it costs a sort.

    Raises:
        DataError: If a number is out of range.
    """
    if not (top_k >= 0 and top_k % 1 == 0):
        raise DataError(f"top_k must be a whole number, 0 for all words. Received: {top_k}.")
    if not 0 < nucleus <= 1:
        raise DataError(f"nucleus must lie above 0 and at most at 1. Received: {nucleus}.")
    sampling: dict[str, float] = {"temperature": temperature}
    if top_k:
        sampling["top_k"] = top_k
    if nucleus < 1:
        sampling["nucleus"] = nucleus
    return sampling


def draw_words(logits: Any, uniforms: Any, sampling: Mapping[str, Any]) -> Any:
    """Return words (B,) drawn from logits (B, V) by numbers (B,) in [0, 1).

    Args:
        logits: Logits (B, V).
        uniforms: Numbers that decide the draws.
        sampling: `temperature`, and perhaps `top_k` and `nucleus`.
    """
    temperature = sampling["temperature"]
    if "top_k" not in sampling and "nucleus" not in sampling:
        return draw_codes(logits, uniforms, temperature)
    logits = ops.cast(logits, "float32") / ops.maximum(temperature, 1e-6)
    order = ops.argsort(-logits, axis=-1)  # (B, V), the most likely word first
    ranked = ops.softmax(ops.take_along_axis(logits, order, axis=-1))
    if "top_k" in sampling:
        ranks = ops.cast(ops.arange(ranked.shape[-1]), "float32")
        ranked = ranked * ops.cast(ranks < sampling["top_k"], "float32")
        ranked = ranked / ops.sum(ranked, axis=-1, keepdims=True)
    cumulated = ops.cumsum(ranked, axis=-1)
    if "nucleus" in sampling:
        # A word belongs to it if those before it do not reach p; the first always does.
        before = ops.pad(cumulated[:, :-1], ((0, 0), (1, 0)))
        is_inside = before < sampling["nucleus"]
        cumulated = ops.cumsum(ranked * ops.cast(is_inside, "float32"), axis=-1)
    below = uniforms[:, None] * cumulated[:, -1:] >= cumulated[:, :-1]
    rank = ops.sum(ops.cast(below, "int32"), axis=-1, keepdims=True)
    return ops.take_along_axis(order, rank, axis=-1)[:, 0]
