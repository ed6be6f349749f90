"""The recurrences of LSTM and GRU over whole sequences, with gradients written by hand.

A forward pass keeps the gates of all steps. The backward pass hands them back from the last step to
the first, and sums the gradient of the recurrent kernel over all steps as one product after its
loop. The formulas stand in `zoo.recurrent`.
"""

import itertools
from typing import Any

from keras import ops

# Shapes: B batch, T steps, H units, P parts of the gates (4 of an LSTM, 3 of a GRU).


def lstm_cell(gates: Any, cell: Any, scale: Any = None) -> tuple[Any, Any, Any]:
    """Return the hidden state and the cell (B, H) after a step, and its gates (B, 4H).

    Args:
        gates: Their sums, (B, 4H).
        cell: The cell (B, H) before.
        scale: What the candidate is multiplied by, (B, H); None for 1.
    """
    units = cell.shape[-1]
    switches, candidate = ops.split(gates, [3 * units], axis=-1)
    switches, candidate = ops.sigmoid(switches), ops.tanh(candidate)
    write, keep, show = ops.split(switches, 3, axis=-1)
    written = candidate if scale is None else candidate * scale
    cell = keep * cell + write * written
    return show * ops.tanh(cell), cell, ops.concatenate([switches, candidate], axis=-1)


def gru_cell(given: Any, recurrent: Any, bias: Any, hidden: Any) -> tuple[Any, Any]:
    """Return the hidden state (B, H) after a step, and u, r, n and U h + d, (B, 4H).

    Args:
        given: What the inputs add to the gates, (B, 3H).
        recurrent: What the state adds, (B, 3H).
        bias: The bias d (H,).
        hidden: The state (B, H) before.
    """
    units = hidden.shape[-1]
    given, given_candidate = ops.split(given, [2 * units], axis=-1)
    recurrent, recalled = ops.split(recurrent, [2 * units], axis=-1)
    switches = ops.sigmoid(given + recurrent)
    keep, reset = ops.split(switches, 2, axis=-1)
    recalled = recalled + bias
    candidate = ops.tanh(given_candidate + reset * recalled)
    kept = ops.concatenate([switches, candidate, recalled], axis=-1)
    return candidate + keep * (hidden - candidate), kept


def lstm_sequence(projected: Any, kernel: Any, hidden: Any, cell: Any, scale: Any = None) -> Any:
    """Return the hidden states (T, B, H) after all steps.

    Args:
        projected: What inputs, context and bias add to the gates, (T, B, 4H).
        kernel: Recurrent kernel (H, 4H).
        hidden: Hidden state before the first step, (B, H).
        cell: Cell before it, (B, H).
        scale: What the candidates are multiplied by, (T, B, H); None for 1. It has no gradient.
    """
    scales = () if scale is None else (scale,)

    def forward(projected: Any, kernel: Any, hidden: Any, cell: Any) -> tuple[Any, Any]:
        def step(carry: Any, inputs: Any) -> tuple[Any, Any]:
            hidden, cell, _ = carry
            given, *scale = inputs
            carry = lstm_cell(given + ops.matmul(hidden, kernel), cell, *scale)
            return carry, carry

        # Keras's scan on TensorFlow wants what a step gives to be shaped as what it carries.
        start = (hidden, cell, ops.zeros_like(projected[0]))
        _, (hiddens, cells, gates) = scan(step, start, (projected, *scales))

        def gradients(*_: Any, upstream: Any) -> tuple[Any, ...]:
            before = ops.concatenate([hidden[None], hiddens[:-1]], axis=0)
            cells_before = ops.concatenate([cell[None], cells[:-1]], axis=0)
            transposed = ops.transpose(kernel)

            def back(carry: Any, inputs: Any) -> tuple[Any, Any]:
                by_hidden, by_cell, _ = carry
                by_output, gates, *kept = inputs
                by_after = (by_hidden + by_output, by_cell)
                by_gates, by_cell = _lstm_cell_gradients(by_after, gates, *kept)
                carry = (ops.matmul(by_gates, transposed), by_cell, by_gates)
                return carry, carry

            zeros = (ops.zeros_like(hidden), ops.zeros_like(cell), ops.zeros_like(projected[0]))
            kept = (upstream, gates, cells, cells_before, *scales)
            (by_hidden, by_cell, _), (_, _, by_gates) = scan(back, zeros, kept, reverse=True)
            return by_gates, _kernel_gradient(before, by_gates), by_hidden, by_cell

        return hiddens, _for_every_backend(gradients)

    return ops.custom_gradient(forward)(projected, kernel, hidden, cell)


def gru_sequence(projected: Any, kernel: Any, bias: Any, hidden: Any) -> Any:
    """Return the hidden states (T, B, H) after all steps.

    Args:
        projected: What inputs, context and bias add to the gates, (T, B, 3H).
        kernel: Recurrent kernel (H, 3H).
        bias: The bias of the product with the state, for the candidate, (H,).
        hidden: State before the first step, (B, H).
    """

    def forward(projected: Any, kernel: Any, bias: Any, hidden: Any) -> tuple[Any, Any]:
        def step(carry: Any, given: Any) -> tuple[Any, Any]:
            hidden, _ = carry
            carry = gru_cell(given, ops.matmul(hidden, kernel), bias, hidden)
            return carry, carry

        start = (hidden, ops.tile(ops.zeros_like(hidden), (1, 4)))
        _, (hiddens, kept) = ops.scan(step, start, projected)

        def gradients(*_: Any, upstream: Any) -> tuple[Any, ...]:
            before = ops.concatenate([hidden[None], hiddens[:-1]], axis=0)
            transposed = ops.transpose(kernel)

            def back(carry: Any, inputs: Any) -> tuple[Any, Any]:
                by_hidden, _, _ = carry
                by_output, kept, before = inputs
                by_hidden, by_given, by_product = _gru_cell_gradients(
                    by_hidden + by_output, kept, before
                )
                by_hidden = by_hidden + ops.matmul(by_product, transposed)
                carry = (by_hidden, by_given, by_product)
                return carry, carry

            none = ops.zeros_like(projected[0])
            zeros = (ops.zeros_like(hidden), none, none)
            (by_hidden, _, _), (_, by_given, by_product) = scan(
                back, zeros, (upstream, kept, before), reverse=True
            )
            by_bias = ops.sum(by_product[..., -kernel.shape[0] :], axis=(0, 1))
            return by_given, _kernel_gradient(before, by_product), by_bias, by_hidden

        return hiddens, _for_every_backend(gradients)

    return ops.custom_gradient(forward)(projected, kernel, bias, hidden)


def scan(step: Any, start: Any, inputs: tuple[Any, ...], *, reverse: bool = False) -> Any:
    """Return what `ops.scan` does over several inputs (T, B, ...).

    Where the number of steps is not known before, as in a graph of TensorFlow for batches of any
    length, Keras's scan takes one input only.
    """
    if len(inputs) == 1 or inputs[0].shape[0] is not None:
        return ops.scan(step, start, inputs, reverse=reverse)
    ends = list(itertools.accumulate(values.shape[-1] for values in inputs))[:-1]

    def step_of_one(carry: Any, together: Any) -> Any:
        return step(carry, ops.split(together, ends, axis=-1))

    return ops.scan(step_of_one, start, ops.concatenate(inputs, axis=-1), reverse=reverse)


def _lstm_cell_gradients(
    by_after: tuple[Any, Any], gates: Any, cell: Any, before: Any, scale: Any = None
) -> tuple[Any, Any]:
    """Return the gradients by the gates' sums (B, 4H) and by the cell (B, H) before.

    Args:
        by_after: Gradients by the hidden state (B, H) after the step, and by the cell (B, H) after
            it, of what later steps make of the cell.
        gates: The step's gates (B, 4H).
        cell: The cell (B, H) after the step.
        before: The cell (B, H) before it.
        scale: What the candidate was multiplied by, (B, H).
    """
    by_hidden, by_cell = by_after
    write, keep, show, candidate = ops.split(gates, 4, axis=-1)
    shown = ops.tanh(cell)
    by_cell = by_cell + by_hidden * show * (1 - shown * shown)
    by_written = by_cell if scale is None else by_cell * scale
    by_gates = [
        by_written * candidate * write * (1 - write),
        by_cell * before * keep * (1 - keep),
        by_hidden * shown * show * (1 - show),
        by_written * write * (1 - candidate * candidate),
    ]
    return ops.concatenate(by_gates, axis=-1), by_cell * keep


def _gru_cell_gradients(by_hidden: Any, kept: Any, before: Any) -> tuple[Any, Any, Any]:
    """Return the gradients of a step, but for what the product with the state hands back.

    They are those by the state (B, H) before, by what the inputs add to the gates (B, 3H), and by
    the product of state and kernel (B, 3H).

    Args:
        by_hidden: Gradient by the state (B, H) after the step.
        kept: u, r, n and U h + d, (B, 4H).
        before: The state (B, H) before the step.
    """
    keep, reset, candidate, recalled = ops.split(kept, 4, axis=-1)
    by_keep = by_hidden * (before - candidate) * keep * (1 - keep)
    by_candidate = by_hidden * (1 - keep) * (1 - candidate * candidate)
    by_reset = by_candidate * recalled * reset * (1 - reset)
    by_given = ops.concatenate([by_keep, by_reset, by_candidate], axis=-1)
    by_product = ops.concatenate([by_keep, by_reset, by_candidate * reset], axis=-1)
    return by_hidden * keep, by_given, by_product


def _kernel_gradient(before: Any, by_product: Any) -> Any:
    """Return the gradient (H, PH) by a kernel of which all steps' states (T, B, H) are products."""
    states = ops.reshape(before, (-1, before.shape[-1]))
    by_product = ops.reshape(by_product, (-1, by_product.shape[-1]))
    return ops.matmul(ops.transpose(states), by_product)


def _for_every_backend(gradients: Any) -> Any:
    """Return a gradient function that takes what Keras's three backends hand it."""

    def by_inputs(*arguments: Any, upstream: Any = None) -> tuple[Any, ...]:
        return gradients(upstream=arguments[0] if upstream is None else upstream)

    return by_inputs
