"""Files of sketches for tests, and what is put into them."""

import io
import json
import pickle
import zipfile

import numpy as np

SQUARE = [[0, 0, 200, 200], [0, 100, 100, 0]]
LINE = [[50, 150], [20, 80]]


def record(drawing=(SQUARE, LINE), **fields):
    """Return a drawing as a line of a Quick, Draw! file."""
    return json.dumps({"word": "house", "key_id": "7", "drawing": drawing, **fields})


def sketch(points=5, *, dtype=np.int16, seed=0):
    """Return a stroke-3 sketch of whole numbers, whose last point lifts the pen."""
    draw = np.random.default_rng(seed)
    rows = np.concatenate([draw.integers(-50, 50, (points, 2)), np.zeros((points, 1))], axis=1)
    rows[-1, 2] = rows[points // 2, 2] = 1
    return rows.astype(dtype)


def objects(sketches):
    """Return sketches as the array of objects that files of Sketch-RNN hold."""
    array = np.empty(len(sketches), object)
    array[:] = sketches
    return array


def npy(array, protocol=4):
    """Return the content of a `.npy` file of objects, pickled by the protocol asked for."""
    content = io.BytesIO()
    header = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(content, header)
    pickle.dump(array, content, protocol=protocol)
    return content.getvalue()


def write_npz(path, **members):
    """Write the content of members, bytes or arrays, as a `.npz` file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content if isinstance(content, bytes) else npy(content))
    return path


def many(count):
    """Return lines of a Quick, Draw! file, no two with the same drawing."""
    return [record(key_id=str(1000 + n), drawing=[[[0, n], [5, 7]]]) for n in range(count)]


def svg(content, before=""):
    """Return an SVG document as bytes."""
    return f'{before}<svg xmlns="http://www.w3.org/2000/svg">{content}</svg>'.encode()
