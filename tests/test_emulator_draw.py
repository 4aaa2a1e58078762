"""The emulator's painter: what changes a picture, what must not, and that it can draw anything."""

import ast
from pathlib import Path

import attrs
import pytest
from scenes import CHANGES, FIELDS, PHOTO, SCENE, changed, distance, mask_of, pixels

from imagegen.emulator import draw as painter
from imagegen.emulator.draw import draw, encode, facts_of
from imagegen.emulator.draw.motifs import MOTIFS, SYNONYMS, motifs_named
from imagegen.emulator.draw.palette import MOODS, PALETTES
from imagegen.emulator.draw.stage import words_of
from imagegen.emulator.draw.textures import TEXTURES

ROOMS = sorted(Path(painter.__file__).parent.glob("*.py"))
CONSTANTS = ["CANVAS_PIXELS", "CHUNK", "INK", "LAMP", "WHITE", "Colour", "Picture", "Point"]
PUBLIC = [*CONSTANTS, "Scene", "animate", "detail", "draw", "encode", "facts_of", "upscale"]


# --- what changes a picture ---


def test_every_field_of_a_scene_has_a_change_to_try():
    assert sorted(CHANGES) == sorted(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_changes_the_pixels(name):
    assert pixels(draw(changed(name))) != pixels(draw(SCENE))


@pytest.mark.parametrize("name", [n for n in FIELDS if n not in ("width", "height")])
def test_each_field_changes_what_is_painted_inside_a_mask(name):
    mask = mask_of((20, 10, 70, 50))
    image = draw(changed(name), init=PHOTO, mask=mask)

    assert pixels(image) != pixels(draw(SCENE, init=PHOTO, mask=mask))


@pytest.mark.parametrize("name", [n for n in FIELDS if n not in ("width", "height", "strength")])
def test_each_field_changes_a_picture_made_from_a_picture(name):
    assert pixels(draw(changed(name), init=PHOTO)) != pixels(draw(SCENE, init=PHOTO))


def test_every_lora_texture_and_its_weight_and_its_sign_are_seen():
    names = [*TEXTURES, "nameless"]
    loras = [(name, weight) for name in names for weight in (0.3, 0.9, -0.9)]
    seen = {pixels(draw(attrs.evolve(SCENE, loras=(lora,)))) for lora in loras}

    assert len(seen) == len(loras)


def test_every_motif_is_a_picture_of_its_own():
    prompts = [*MOTIFS, "nothing that we know"]
    assert len({pixels(draw(attrs.evolve(SCENE, prompt=prompt))) for prompt in prompts}) == len(prompts)


def test_every_synonym_and_every_mood_leads_somewhere():
    assert set(SYNONYMS.values()) <= set(MOTIFS)
    assert set(MOODS.values()) <= set(PALETTES)


def test_a_hundred_seeds_are_a_hundred_pictures():
    assert len({pixels(draw(attrs.evolve(SCENE, seed=seed))) for seed in range(100)}) == 100


def test_the_negative_prompt_keeps_a_motif_out():
    with_boat = attrs.evolve(SCENE, prompt="boats", negative_prompt="")
    assert motifs_named(words_of(with_boat.prompt)) == ["boat"]
    assert distance(draw(with_boat), draw(attrs.evolve(with_boat, negative_prompt="boat"))) > 10


def test_words_in_lora_tags_and_in_fault_orders_are_no_motifs():
    words = words_of("<lora:castle_v2:0.8> [emu:slow=3] Two CATS")
    assert motifs_named(words) == ["cat"]


# --- what must not change it ---


@pytest.mark.parametrize("name", FIELDS)
def test_equal_scenes_give_equal_bytes(name):
    one, other = changed(name), changed(name)
    assert encode(draw(one), one) == encode(draw(other), other)


def test_whole_numbers_and_their_floats_are_one_scene_and_one_picture():
    one = attrs.evolve(SCENE, cfg_scale=7, strength=1, loras=(("grain", 1),), controls=(("pose", 1),))
    other = attrs.evolve(SCENE, cfg_scale=7.0, strength=1.0, loras=(("grain", 1.0),), controls=(("pose", 1.0),))

    assert one == other
    assert encode(draw(one), one) == encode(draw(other), other)


def test_drawing_something_else_in_between_changes_nothing():
    before = pixels(draw(SCENE))
    draw(attrs.evolve(SCENE, loras=(("film", 1.0),), sampler="DDIM", embeddings=("a", "b")))

    assert pixels(draw(SCENE)) == before


def test_the_global_dice_are_left_alone():
    import random

    random.seed(1)
    first = random.getstate()
    draw(attrs.evolve(SCENE, loras=(("film", 1.0),), steps=2))

    assert random.getstate() == first


# --- shape and size ---


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 300), (300, 1), (7, 9), (8, 8), (33, 17), (64, 64), (512, 128), (2100, 1700)]
)
@pytest.mark.parametrize("transparent", [False, True])
def test_any_size_can_be_drawn(size, transparent):
    scene = attrs.evolve(changed("loras"), width=size[0], height=size[1], transparent=transparent, sampler="x")
    assert draw(scene).size == size


@pytest.mark.parametrize("words", ["", "   ", "雪の中の灯台 🗼", "\ud800 lone surrogate", "\x00", "a" * 20_000])
def test_any_words_can_be_drawn_and_read_back(words):
    scene = attrs.evolve(SCENE, prompt=words, labels=(words,), model=words, sampler=words)
    assert facts_of(encode(draw(scene), scene))["scene"]["prompt"] == words


@pytest.mark.parametrize(
    "odd",
    [
        {"steps": 0}, {"steps": -3}, {"steps": 5000}, {"cfg_scale": 0}, {"cfg_scale": -4}, {"cfg_scale": 500},
        {"clip_skip": 0}, {"seed": -1}, {"seed": 2**64}, {"loras": (("x", 0.0), ("y", 99.0), ("y", -99.0))},
        {"strength": 7.0}, {"strength": -7.0}, {"embeddings": ("",)}, {"detailers": ("",)},
        {"loras": tuple((f"lora {n}", 0.5) for n in range(20))},
    ],
)  # fmt: skip
def test_settings_out_of_all_range_are_drawn_all_the_same(odd):
    assert draw(attrs.evolve(SCENE, **odd), init=PHOTO).size == (96, 64)


def test_a_transparent_picture_is_clear_where_nothing_stands():
    low, high = draw(changed("transparent")).getchannel("A").getextrema()
    assert (low, high) == (0, 255)


def test_an_ordinary_picture_has_no_alpha():
    assert draw(SCENE).mode == "RGB"


# --- the house ---


def test_the_public_names_are_there_and_no_others():
    assert painter.__all__ == PUBLIC
    assert all(hasattr(painter, name) for name in PUBLIC)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_the_painter_imports_nothing_of_ours_but_its_own_rooms(room):
    tree = ast.parse(room.read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in found if node.level == 0]

    assert [name for name in names if name.startswith("imagegen")] == []
    assert {node.level for node in found} <= {0, 1}
