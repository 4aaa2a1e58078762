"""Families: what an architecture asks of a request, and sizes that it can draw."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.families import ClipSkip, compatible, families, family, snap_size

SIDES = st.integers(1, 4096)
MULTIPLES = st.sampled_from([1, 8, 16, 64])


def test_every_family_has_a_known_parent_a_sane_size_and_a_source():
    for one in families().values():
        assert one.parent is None or one.parent in families()
        assert one.native_px % one.size_multiple == 0
        assert one.source


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("sdxl", "sdxl"),
        ("SDXL 1.0", "sdxl"),
        ("SD 1.5", "sd15"),
        ("sd1", "sd15"),
        ("Pony", "pony"),
        ("Illustrious XL", "illustrious"),
        ("Flux.1 D", "flux-dev"),
        ("flux1", "flux-dev"),
    ],
)
def test_a_family_is_known_by_its_aliases(name, found):
    assert family(name).name == found


def test_aliases_are_not_shared():
    spellings = [spelling for one in families().values() for spelling in (one.name, *one.aliases)]
    assert all(family(one.name) is one for one in families().values())
    assert len(spellings) == len(set(spellings))


def test_an_unknown_family_is_refused_with_what_is_near():
    with pytest.raises(ValueError, match="near: sdxl"):
        family("sdxll")


def test_a_lora_fits_its_family_nearly_fits_its_kin_and_no_other():
    assert compatible("sdxl", "SDXL 1.0") == "yes"
    assert compatible("pony", "sdxl") == compatible("sdxl", "pony") == compatible("pony", "illustrious") == "near"
    assert compatible("sd15", "sdxl") == compatible("flux-dev", "sdxl") == "no"


def test_flux_has_its_own_guidance_and_no_negative_prompt():
    flux = family("flux-dev")
    assert (flux.guidance, flux.cfg_default, flux.negative_prompt) == ("distilled_guidance", 3.5, False)


def test_clip_skip_is_said_only_where_it_changes_the_picture():
    numbers = (None, 1, 2, 3)

    assert [ClipSkip.FREE.effective(n) for n in numbers] == [None, None, 2, 3]
    assert [ClipSkip.BUILT_IN.effective(n) for n in numbers] == [None, None, None, 3]
    assert [ClipSkip.NONE.effective(n) for n in numbers] == [None] * 4
    assert [ClipSkip.UNSET.effective(n) for n in numbers] == [None] * 4


@pytest.mark.parametrize(
    ("asked", "snapped"),
    [
        ((1216, 832, 8, 1024, None), (1024, 704)),
        ((1216, 832, 64, 1024, None), (1024, 704)),
        ((1216, 832, 8), (1216, 832)),
        ((1000, 1000, 64), (1024, 1024)),
        ((1024, 1024, 64, None, 512 * 512), (512, 512)),
        ((5000, 10, 64, 1024, None), (1024, 64)),
        ((5000, 10, 64, None, 64 * 128), (128, 64)),
        ((3, 3, 8), (8, 8)),
    ],
)
def test_sizes_snap_to_the_nearest_that_fits(asked, snapped):
    assert snap_size(*asked) == snapped


def test_impossible_sizes_and_limits_are_refused():
    with pytest.raises(ValueError, match="positive"):
        snap_size(0, 512, 8)
    with pytest.raises(ValueError, match="no room"):
        snap_size(512, 512, 64, 32)
    with pytest.raises(ValueError, match="no room"):
        snap_size(512, 512, 64, None, 64)


@given(SIDES, SIDES, MULTIPLES, st.integers(64, 2048), st.integers(64 * 64, 2**22))
def test_a_snapped_size_is_within_the_limits_and_snaps_to_itself(width, height, multiple, side, pixels):
    w, h = snap_size(width, height, multiple, side, pixels)

    assert w % multiple == h % multiple == 0
    assert 0 < w <= side and 0 < h <= side and w * h <= pixels
    assert w < width + multiple and h < height + multiple
    assert snap_size(w, h, multiple, side, pixels) == (w, h)


@given(st.integers(512, 2048), st.integers(512, 2048))
def test_snapping_to_eights_keeps_the_aspect(width, height):
    w, h = snap_size(width, height, 8, 1024)

    assert math.isclose(w / h, width / height, rel_tol=0.035)
