from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sketches import svg

from zoo.data import svg_strokes
from zoo.data.strokes import UnusableSketchError
from zoo.data.svg_strokes import BOX, TOLERANCE, lines_of_svg, read_svg, simplify


def path(data):
    return lines_of_svg(svg(f'<path d="{data}"/>'))


def assert_lines(lines, *expected):
    assert len(lines) == len(expected)
    for line, points in zip(lines, expected, strict=True):
        np.testing.assert_allclose(line, points, atol=1e-9)


SQUARE = [[10, 20], [40, 20], [40, 60], [10, 60], [10, 20]]


@pytest.mark.parametrize(
    "data",
    [
        "M10 20 L40 20 L40 60 L10 60 Z",
        "M10,20 40,20 40,60 10,60z",
        "m10 20 l30 0 l0 40 l-30 0 z",
        "m10 20 30 0 0 40-30 0z",
        "M10 20 H40 V60 H10 Z",
        "M1e1 20h30v40h-30v-40",
        "M 10\n20\tH 40 V\n60 h-30 z",
        "M10 20 40 20 40 60 10 60zM2000 2000",
        "M2000 2000m-1990-1980h30v40h-30z",
    ],
)
def test_straight_commands_are_read_absolute_and_relative(data):
    assert_lines(path(data), SQUARE)


def test_minified_numbers_are_told_apart():
    assert_lines(
        path("M.5.5-3-4l1e-3-.5e1+2-1"), [[0.5, 0.5], [-3, -4], [-2.999, -9], [-0.999, -10]]
    )


def test_sub_paths_are_strokes_of_their_own_and_begin_where_they_should():
    lines = path("M0 0 H10 Z m5 5 h10 M50 50 h1 v1 z h9")
    assert_lines(
        lines,
        [[0, 0], [10, 0], [0, 0]],
        [[5, 5], [15, 5]],
        [[50, 50], [51, 50], [51, 51], [50, 50]],
        [[50, 50], [59, 50]],
    )


def bezier(*controls):
    """Return a Bézier curve's points by its Bernstein polynomials."""
    from math import comb

    controls, degree = np.array(controls, float), len(controls) - 1
    t = np.linspace(0, 1, svg_strokes.CURVE_STEPS + 1)[:, None]
    return sum(
        comb(degree, k) * t**k * (1 - t) ** (degree - k) * control
        for k, control in enumerate(controls)
    )


def test_cubic_and_quadratic_curves_and_their_smooth_continuations():
    first = bezier((0, 0), (10, 30), (40, 30), (50, 0))
    second = bezier((50, 0), (60, -30), (90, -30), (100, 0))
    for data in ("M0 0C10 30 40 30 50 0S90-30 100 0", "m0 0c10 30 40 30 50 0s40-30 50 0"):
        assert_lines(path(data), np.concatenate([first, second[1:]]))
    first, second = bezier((0, 0), (20, 40), (40, 0)), bezier((40, 0), (60, -40), (80, 0))
    for data in ("M0 0Q20 40 40 0T80 0", "m0 0q20 40 40 0t40 0"):
        assert_lines(path(data), np.concatenate([first, second[1:]]))


@pytest.mark.parametrize(
    ("large", "sweep", "middle", "turn"),
    [(0, 0, (0, 0), -90), (0, 1, (10, 10), 90), (1, 0, (10, 10), -270), (1, 1, (0, 0), 270)],
)
def test_the_four_arcs_between_two_points(large, sweep, middle, turn):
    (line,) = path(f"M0 10 A10 10 0 {large} {sweep} 10 0")
    away = line - np.array(middle)
    np.testing.assert_allclose(np.hypot(*away.T), 10, rtol=1e-3)  # by cubic curves
    angle = np.unwrap(np.arctan2(away[:, 1], away[:, 0]))
    assert np.rad2deg(angle[-1] - angle[0]) == pytest.approx(turn, abs=0.1)


@pytest.mark.parametrize("radii", ["0 0", "5 0", "0 5"])
def test_an_arc_without_a_radius_is_a_straight_line(radii):
    assert_lines(path(f"M0 0A{radii} 0 0 1 20 20L30 10"), [[0, 0], [20, 20], [30, 10]])


def test_an_arc_to_where_it_begins_is_none_and_too_small_radii_grow():
    assert_lines(path("M1 2A5 5 0 0 1 1 2L3 4"), [[1, 2], [3, 4]])
    (line,) = path("M0 0A1 1 0 0 1 20 0")
    np.testing.assert_allclose(np.hypot(*(line - (10, 0)).T), 10, rtol=1e-3)


def test_shapes():
    assert_lines(lines_of_svg(svg('<rect x="10" y="20" width="30px" height="40"/>')), SQUARE)
    assert_lines(lines_of_svg(svg('<polygon points="10,20 40,20 40,60 10,60"/>')), SQUARE)
    assert_lines(lines_of_svg(svg('<polyline points="1,2 3,4\n5 6"/>')), [[1, 2], [3, 4], [5, 6]])
    assert_lines(lines_of_svg(svg('<line x2="3" y1="4"/>')), [[0, 4], [3, 0]])
    (circle,) = lines_of_svg(svg('<circle cx="5" cy="6" r="2"/>'))
    np.testing.assert_allclose(np.hypot(*(circle - (5, 6)).T), 2, rtol=1e-3)
    (ellipse,) = lines_of_svg(svg('<ellipse cx="5" cy="6" rx="4" ry="2"/>'))
    np.testing.assert_allclose(np.hypot(*((ellipse - (5, 6)) / (4, 2)).T), 1, rtol=1e-3)


def test_a_rectangle_has_round_corners_of_at_most_half_its_side():
    (pill,) = lines_of_svg(svg('<rect width="40" height="40" rx="1000"/>'))
    np.testing.assert_allclose(np.hypot(*(pill - 20).T), 20, rtol=1e-3)
    (pill,) = lines_of_svg(svg('<rect width="40" height="40" rx="auto" ry="20"/>'))
    np.testing.assert_allclose(np.hypot(*(pill - 20).T), 20, rtol=1e-3)


@pytest.mark.parametrize("radii", ["rx='0' ry='5'", "rx='5' ry='0'", "rx='auto' ry='auto'"])
def test_a_rectangle_with_a_radius_of_nothing_has_square_corners(radii):
    assert_lines(lines_of_svg(svg(f'<rect x="10" y="20" width="30" height="40" {radii}/>')), SQUARE)


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        ("25.4mm", 96),
        ("2.54cm", 96),
        ("1in", 96),
        ("72pt", 96),
        ("6pc", 96),
        ("101.6Q", 96),
        ("96px", 96),
        (" 9.6e1PX ", 96),
        ("2em", 32),
        ("2ex", 16),
        ("1e1em", 160),
    ],
)
def test_lengths_have_units(length, expected):
    assert_lines(lines_of_svg(svg(f'<line x2="{length}" y1="0"/>')), [[0, 0], [expected, 0]])


@pytest.mark.parametrize(
    "shape",
    [
        '<rect x="2000" y="2000"/>',
        '<rect width="9"/>',
        '<rect width="9" height="-9"/>',
        '<rect width="auto" height="9"/>',
        '<rect width="100%" height="100%"/>',
        '<rect width="9vw" height="9"/>',
        '<rect width="wide" height="9"/>',
        '<circle cx="2000" cy="9"/>',
        '<circle r="-1"/>',
        '<ellipse rx="9" ry="0"/>',
        '<line x1="2000" x2="2000"/>',
        '<polyline points="2000 2000"/>',
        '<polygon points="2000 2000"/>',
        '<path d="M2000 2000"/>',
        '<path d="M2000 2000z"/>',
        '<path d="M2000 2000h0v0"/>',
        '<svg x="10%"><path d="M9 9h9"/></svg>',
    ],
)
def test_a_shape_without_extent_or_of_unknown_size_is_left_out_and_no_other(shape):
    lines = lines_of_svg(svg(f'{shape}<path width="9%" d="M1 1h1"/>'))
    assert_lines(lines, [[1, 1], [2, 1]])


def test_a_dot_is_drawn_where_its_ends_are_round_or_square():
    dot = '<path d="M5 5h0"/>'
    assert lines_of_svg(svg(f'<g stroke="red" stroke-linecap="butt">{dot}</g>')) == []
    assert lines_of_svg(svg(f'<g stroke-linecap="round">{dot}</g>')) == []
    for cap in ("round", "square"):
        lines = lines_of_svg(svg(f'<g stroke="red" style="stroke-linecap:{cap}">{dot}</g>'))
        assert_lines(lines, [[5, 5], [5, 5]])


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ("translate(5)", (6, 2)),
        ("translate(5, -1)", (6, 1)),
        ("scale(2 3)", (2, 6)),
        ("scale(2)", (2, 4)),
        ("rotate(90)", (-2, 1)),
        ("rotate(90, 1, 1)", (0, 1)),
        ("skewX(45)", (3, 2)),
        ("skewY(45)", (1, 3)),
        ("matrix(1 2 3 4 5 6)", (12, 16)),
        ("translate(10,0),scale(2)", (12, 4)),
        ("translate(-38.5-122.3)", (-37.5, -120.3)),
        ("translate(.5.5)", (1.5, 2.5)),
        ("matrix(1 0 0-1 0 10)", (1, 8)),
        ("translate(1e1-2E+0)scale(2.)", (12, 2)),
    ],
)
def test_transforms(transform, expected):
    (line,) = lines_of_svg(svg(f'<path transform="{transform}" d="M1 2h1"/>'))
    np.testing.assert_allclose(line[0], expected, atol=1e-12)


def test_transforms_of_groups_apply_from_the_outside_in_and_end_with_the_group():
    lines = lines_of_svg(
        svg(
            '<g transform="translate(100 0)"><g transform="scale(2)"><path d="M1 1h1"/></g>'
            '<path d="M1 1h1"/></g><path d="M1 1h1"/>'
        )
    )
    assert_lines(lines, [[102, 2], [104, 2]], [[101, 1], [102, 1]], [[1, 1], [2, 1]])


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('x="20"', [[20, 0], [30, 0]]),
        ('x="20" y="1mm" transform="scale(2)"', [[40, 7.559055], [60, 7.559055]]),
        ('x="20" y="5" width="40" height="40" viewBox="0 0 10 10"', [[20, 5], [60, 5]]),
        ('width="40" height="60" viewBox="-10,-10,20,20"', [[20, 30], [40, 30]]),
        ('width="60" height="40" viewBox="0 0 20 20"', [[10, 0], [30, 0]]),
        ('x="3" width="40" height="40" viewBox="0 0 0 10"', [[3, 0], [13, 0]]),
        ('x="3" viewBox="5 5 1 1"', [[3, 0], [13, 0]]),
        ('x="3" width="100%" height="100%" viewBox="5 5 1 1"', [[3, 0], [13, 0]]),
    ],
)
def test_a_picture_in_a_picture_stands_where_it_should(attributes, expected):
    inner = f'<svg {attributes}><path d="M0 0h10"/></svg><path d="M1 1h1"/>'
    first, second = lines_of_svg(f'<svg x="7" width="9">{inner}</svg>'.encode())
    np.testing.assert_allclose(first, expected, atol=1e-6)
    np.testing.assert_array_equal(second, [[1, 1], [2, 1]])


@pytest.mark.parametrize(
    "opening",
    [
        '<g visibility="hidden">',
        '<g style="visibility: collapse !important">',
        '<g opacity="0">',
        '<g style="opacity:0.0%">',
        '<g display="none">',
        '<g style="fill:red; DISPLAY : None">',
        '<g fill="none" stroke="none">',
        '<g style="fill:none;stroke:none" fill="red">',
        '<g fill=" None ">',
        '<g fill="transparent" stroke="red" stroke-width="0px">',
        '<g fill-opacity="0" stroke="red" stroke-opacity="0">',
        "<defs>",
        "<clipPath>",
        "<template>",
        "<flowRegion>",
    ],
)
def test_what_cannot_be_seen_is_not_drawn(opening):
    closing = f"</{opening.strip('<>').split()[0]}>"
    hidden = f'{opening}<g><path d="M9 9h9"/><g fill="inherit"><circle r="9"/></g></g>{closing}'
    lines = lines_of_svg(svg(f'{hidden}<path d="M1 1h1"/>'))
    assert_lines(lines, [[1, 1], [2, 1]])


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ('visibility="hidden"', 'visibility="visible"'),
        ('fill="none"', 'stroke="currentColor"'),
        ('fill="none" stroke="none"', 'style="fill:#fff"'),
        ('style="fill:none" stroke="none"', 'fill="red"'),
        ('opacity="0.5" fill-opacity=".01"', 'opacity="much"'),
    ],
)
def test_what_can_be_seen_again_is_drawn(outer, inner):
    lines = lines_of_svg(svg(f'<g {outer}><path {inner} d="M1 1h1"/></g>'))
    assert_lines(lines, [[1, 1], [2, 1]])


def test_where_a_style_sheet_may_paint_a_shape_it_is_drawn():
    sheet = "<defs><style>.line { stroke: black }</style></defs>"
    lines = lines_of_svg(svg(f'{sheet}<path class="line" fill="none" d="M1 1h1"/>'))
    assert_lines(lines, [[1, 1], [2, 1]])


def test_what_is_hidden_is_not_drawn_nor_is_the_view_box_obeyed():
    hidden = (
        '<defs><g><path d="M9 9h9"/></g></defs><clipPath><rect width="9" height="9"/></clipPath>'
        '<g display="none"><path d="M9 9h9"/></g><g style="fill:red; display: none">'
        '<path d="M9 9h9"/></g><rect width="100%" height="100%"/><path d=""/>'
        '<polyline points=" "/><text>a</text>'
    )
    lines = lines_of_svg(svg(f'<svg viewBox="5 5 1 1">{hidden}<path d="M1 1h1"/></svg>'))
    assert_lines(lines, [[1, 1], [2, 1]])


def test_a_prefix_of_the_name_space_does_no_harm():
    content = b'<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:path d="M1 1h1"/></s:svg>'
    assert_lines(lines_of_svg(content), [[1, 1], [2, 1]])


def test_entities_are_refused_and_a_plain_document_type_is_not(tmp_path):
    plain = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://localhost:1/svg11.dtd">'
    assert_lines(lines_of_svg(svg('<path d="M1 1h1"/>', plain)), [[1, 1], [2, 1]])
    secret = tmp_path / "secret"
    secret.write_text("M5 5h5")
    for declaration in (
        '<!ENTITY a "M1 1h1">',
        f'<!ENTITY a SYSTEM "file://{secret}">',
        '<!ENTITY % a SYSTEM "http://localhost:1/a.dtd"> %a;',
    ):
        with pytest.raises(UnusableSketchError, match="it declares XML entities"):
            lines_of_svg(svg('<path d="&a;"/>', f"<!DOCTYPE svg [{declaration}]>"))


def test_a_drawing_is_fitted_to_the_box_and_begins_from_its_middle(tmp_path):
    (tmp_path / "a.svg").write_bytes(svg('<path d="M1000 500 h2 v1 h-2 z"/>'))
    points = read_svg(tmp_path / "a.svg", 250)
    half = BOX / 2
    expected = [[-half, -half / 2, 0], [BOX, 0, 0], [0, half, 0], [-BOX, 0, 0], [0, -half, 1]]
    np.testing.assert_allclose(points, expected, rtol=1e-6)


def test_a_move_that_draws_nothing_does_not_shrink_the_drawing(tmp_path):
    (tmp_path / "a.svg").write_bytes(svg('<path d="M0 0L10 0L10 10L0 10ZM2000 2000"/>'))
    points = read_svg(tmp_path / "a.svg", 250)
    assert len(points) == 5
    assert np.ptp(np.cumsum(points[:, :2], axis=0)) == pytest.approx(BOX)


def distance_to_line(point, line):
    """Return how far a point is from a line, by trying many places on it."""
    along = np.linspace(0, 1, 201)[:, None]
    places = np.concatenate([(1 - along) * a + along * b for a, b in pairwise(line)])
    return np.hypot(*(places - point).T).min()


@pytest.mark.parametrize("seed", range(3))
def test_simplifying_keeps_the_ends_and_leaves_out_only_what_is_near(seed):
    line = np.cumsum(np.random.default_rng(seed).normal(size=(60, 2)), axis=0) * 3
    simple = simplify(line, 2.0)
    assert 2 < len(simple) < len(line)
    np.testing.assert_array_equal(simple[[0, -1]], line[[0, -1]])
    assert {tuple(point) for point in simple} <= {tuple(point) for point in line}
    assert max(distance_to_line(point, simple) for point in line) <= 2.0 + 0.05


def test_simplifying_known_lines():
    straight = np.stack([np.arange(9.0), np.zeros(9)], axis=1)
    np.testing.assert_array_equal(simplify(straight, 0.1), straight[[0, -1]])
    corner = np.array([[0, 0], [5, 0.1], [10, 0], [10, 5], [10, 10.0]])
    np.testing.assert_array_equal(simplify(corner, 0.5), corner[[0, 2, 4]])
    outline = np.array([[0, 0], [9, 0], [9, 9], [0, 0.0]])  # ends where it began
    np.testing.assert_array_equal(simplify(outline, 0.5), outline)
    dot = np.zeros((1, 2))
    np.testing.assert_array_equal(simplify(dot, TOLERANCE), dot)


BAD = {
    b"": "no XML",
    b"hello": "no XML",
    svg("<path>"): "no XML",
    svg(""): "no path, line, polygon, rectangle, circle or ellipse to be seen in it",
    svg('<path d="L1 2"/>'): "a shape that cannot be read",
    svg('<path d="M1"/>'): "a shape that cannot be read",
    svg('<path d="M1 1 A1 1 0 0 1"/>'): "a shape that cannot be read",
    svg('<rect width="5vw" height="1"/>'): "no path, line, polygon, rectangle, circle or ellip",
    svg('<path transform="scale(2px)" d="M1 1h1"/>'): "a shape that cannot be read",
    svg('<path transform="rotate()" d="M1 1h1"/>'): "a shape that cannot be read",
    svg('<path transform="turn(1)" d="M1 1h1"/>'): "a shape that cannot be read",
    svg('<path d="M1 1h1e300"/>'): "a point that lies beyond 1e+09",
    svg('<path d="M1 1h0" stroke="red" stroke-linecap="round"/>'): "all points in one place",
    svg('<path d="M0 0' + "h9v9" * 5_001 + '"/>'): "more than 10,000 points",
}


@pytest.mark.parametrize("content", BAD, ids=lambda c: BAD[c] + f" ({c[45:60]!r})")
def test_what_is_no_drawing_is_refused_with_the_reason(tmp_path, content):
    (tmp_path / "a.svg").write_bytes(content)
    with pytest.raises(UnusableSketchError, match=f"^{BAD[content]}".replace("+", r"\+")):
        read_svg(tmp_path / "a.svg", 250)


def test_a_drawing_of_more_points_than_asked_for_and_a_large_file_are_refused(tmp_path):
    (tmp_path / "a.svg").write_bytes(svg('<path d="M0 0' + "h9v9" * 15 + '"/>'))
    assert len(read_svg(tmp_path / "a.svg", 31)) == 31
    with pytest.raises(UnusableSketchError, match="31 points; expected at most 30"):
        read_svg(tmp_path / "a.svg", 30)
    (tmp_path / "a.svg").write_bytes(b" " * (4 * 1024**2 + 1))
    with pytest.raises(UnusableSketchError, match="larger than 4 MiB"):
        read_svg(tmp_path / "a.svg", 30)


@settings(max_examples=150, deadline=None)
@given(data=st.text("MmLlHhVvCcSsQqTtAaZz0123456789.,-+eE \n", max_size=40))
def test_any_path_gives_lines_or_a_reason(data):
    try:
        lines = path(f"M{data}")
    except UnusableSketchError:
        return
    assert all(line.shape[1] == 2 and np.isfinite(line).all() for line in lines)


@settings(max_examples=80, deadline=None)
@given(content=st.binary(max_size=80), place=st.integers(0, 100))
def test_any_bytes_give_lines_or_a_reason(tmp_path_factory, content, place):
    file = tmp_path_factory.getbasetemp() / "fuzz.svg"
    whole = svg('<g transform="scale(2)"><circle r="4"/><path d="M1 1Q1 2 3 4"/></g>')
    file.write_bytes(whole[:place] + content + whole[place + len(content) :])
    try:
        points = read_svg(file, 250)
    except UnusableSketchError:
        return
    assert np.isfinite(points).all()
