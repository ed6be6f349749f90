"""An autoregressive model's predictions as its decoder makes them, to set beside the network's."""

from typing import Any

import numpy as np
from keras import ops

from zoo.autoregression import AutoregressiveModel
from zoo.engine import compile_function
from zoo.making import element, put_element

# Shapes: B batch, R rows, M elements per row, K levels, ... one example in its public form.


def replay_logits(model: AutoregressiveModel, x: Any, labels: Any = None) -> np.ndarray:
    """Return the decoder's logits (B, R, M, K) of all elements of examples (B, ...).

    What comes after an element is hidden from the decoder: it stands at another level.
    """
    rows, columns = model.element_shape
    codes = ops.cast(model.codes(ops.convert_to_tensor(x)), "int32")
    labels = None if labels is None else ops.convert_to_tensor(labels)
    told = model.told_of(codes, labels)
    state = model.decoder(told).start(len(codes))
    logits = ops.convert_to_numpy(_replay_compiled(model)(codes, state, told))
    return np.asarray(logits).reshape(len(codes), rows, columns, -1)


def _replay_compiled(model: AutoregressiveModel) -> Any:
    rows, columns = model.element_shape

    def replay(codes: Any, state: Any, told: Any) -> Any:
        decoder = model.decoder(told)

        def replay_row(row: Any, carried: Any) -> Any:
            hidden, state, logits = carried
            state = decoder.begin_row(state, hidden, row)

            def replay_element(column: Any, carried: Any) -> Any:
                hidden, state, logits = carried
                one, state = decoder.step(state, hidden, row, column)
                index = (0, row * columns + column, 0)
                logits = ops.slice_update(logits, index, ops.cast(one, "float32")[:, None])
                hidden = put_element(hidden, element(codes, row, column), row, column)
                return hidden, state, logits

            return ops.fori_loop(0, columns, replay_element, (hidden, state, logits))

        width = model.logits(codes, told, False).shape[-1]
        logits = ops.zeros((codes.shape[0], rows * columns, width))
        hidden = model.levels - 1 - codes
        return ops.fori_loop(0, rows, replay_row, (hidden, state, logits))[2]

    return compile_function(model, replay, xla=True)
