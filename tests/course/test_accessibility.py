"""What a page offers to those who cannot see its figures, tell its colours apart, or use a mouse."""

import re
from itertools import combinations, pairwise
from pathlib import Path

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from conftest import NOTEBOOKS

from mldrl_lite.figures import COLOURS

pytestmark = pytest.mark.filterwarnings("ignore")
BY_NOTEBOOK = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def page(request: pytest.FixtureRequest, workshop: Path) -> BeautifulSoup:
    """Each notebook as a web page in turn."""
    html = (workshop / "html" / f"{request.param.stem}.html").read_text(encoding="utf-8")
    return BeautifulSoup(html, "html.parser")


def test_every_picture_of_the_page_says_what_it_shows(page: BeautifulSoup):
    pictures = page.find_all("img", src=re.compile("^data:image/png"))
    assert pictures
    for picture in pictures:
        assert 8 <= len(picture["alt"].split()) <= 60, picture["alt"]
        assert picture["alt"].endswith(".")


@BY_NOTEBOOK
def test_a_text_stands_beside_every_figure(path: Path):
    cells = nbformat.read(path, as_version=4).cells
    for i, cell in enumerate(cells):
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            near = [other for other in cells[i - 2 : i + 4] if other.cell_type == "markdown"]
            assert any(len(other.source.split()) >= 12 for other in near), cell.source


def test_no_level_of_headings_is_skipped_on_the_page(page: BeautifulSoup):
    levels = [int(heading.name[1]) for heading in page.find_all(re.compile("^h[1-6]$"))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_links_of_a_page_can_be_told_apart_when_read_alone(page: BeautifulSoup):
    links = page.find_all("a", class_=lambda names: names != "anchor-link", href=True)
    assert not [
        link for link in links if link.get_text(strip=True).lower() in ("", "here", "this", "link", "click here")
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Colours


# How colours look without one kind of cones: G. Machado, M. Oliveira and L. Fernandes, IEEE TVCG 15 (2009), severity 1.
SIGHT = {
    "all cones": np.eye(3),
    "no red cones": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green cones": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "no blue cones": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour: str) -> np.ndarray:
    """Return the intensities of red, green and blue light, 0 to 1, of a colour such as #0072B2."""
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    """Return CIE L*a*b* coordinates, in which a distance of about 2 is just seen."""
    x, y, z = np.cbrt(TO_XYZ @ light.clip(0.009, 1) / [0.95047, 1.0, 1.08883])  # above 0.0089 it is the cube root
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distance(one: str, other: str, sight: str) -> float:
    return float(np.linalg.norm(lab(SIGHT[sight] @ linear(one)) - lab(SIGHT[sight] @ linear(other))))


def test_the_simulation_knows_red_and_green_from_blue():
    assert distance("#D62728", "#2CA02C", "all cones") > 100
    assert distance("#D62728", "#2CA02C", "no green cones") < 45
    assert distance("#AB6526", "#7F7F00", "no red cones") < 15
    assert distance("#0072B2", "#D55E00", "no green cones") > 80


@pytest.mark.parametrize("sight", SIGHT)
def test_any_two_colours_of_the_course_can_be_told_apart(sight: str):
    near = {pair: distance(COLOURS[pair[0]], COLOURS[pair[1]], sight) for pair in combinations(COLOURS, 2)}
    assert min(near.values()) > 12, min(near, key=near.get)


def test_the_colours_of_lines_and_dots_stand_out_from_the_white_page():
    contrast = {name: 1.05 / (linear(colour) @ TO_XYZ[1] + 0.05) for name, colour in COLOURS.items()}
    faint = {name for name, ratio in contrast.items() if ratio < 3}
    assert faint <= {"sky", "amber"}  # late in the cycle; and no notebook asks for one of them by name
    sources = [cell.source for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells]
    assert not [source for source in sources if any(f'"{name}"' in source for name in faint)]
