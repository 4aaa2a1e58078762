"""The emulator's painter: what changes a picture, what must not, and what a file says about itself."""

import ast
import hashlib
import io
from pathlib import Path

import attrs
import pytest
from PIL import Image, ImageDraw

from imagegen.emulator import draw as painter
from imagegen.emulator.draw import Scene, animate, detail, draw, encode, facts_of, upscale

SCENE = Scene(prompt="a lighthouse by the sea, a boat", model="base", width=96, height=64, seed=7)
CHANGES = {
    "prompt": "a castle on a hill",
    "negative_prompt": "boat",
    "model": "other",
    "width": 97,
    "height": 65,
    "seed": 8,
    "steps": 21,
    "cfg_scale": 7.01,
    "sampler": "Euler a",
    "clip_skip": 2,
    "loras": (("film-grain", 0.4),),
    "embeddings": ("easynegative",),
    "vae": "mse",
    "strength": 0.6,
    "controls": (("canny", 0.5),),
    "detailers": ("face",),
    "upscaler": "ESRGAN",
    "transparent": True,
    "extra": (("style", "noir"),),
    "labels": ("Vendor A",),
}
FIELDS = [field.name for field in attrs.fields(Scene)]


def changed(name: str) -> Scene:
    return attrs.evolve(SCENE, **{name: CHANGES[name]})


def file_of(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def plain(colour, size=(96, 64)) -> bytes:
    return file_of(Image.new("RGB", size, colour))


def mask_of(box, size=(96, 64)) -> bytes:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).rectangle(box, fill=255)
    return file_of(mask)


def pixels(image: Image.Image) -> bytes:
    return image.convert("RGBA").tobytes()


def distance(image: Image.Image, other: Image.Image) -> float:
    pairs = zip(image.convert("RGB").tobytes(), other.convert("RGB").tobytes(), strict=True)
    return sum(abs(a - b) for a, b in pairs) / (image.width * image.height)


PHOTO = encode(draw(attrs.evolve(SCENE, prompt="a cat", model="photo")), SCENE)


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
    names = [*painter._TEXTURES, "nameless"]
    loras = [(name, weight) for name in names for weight in (0.3, 0.9, -0.9)]
    seen = {pixels(draw(attrs.evolve(SCENE, loras=(lora,)))) for lora in loras}

    assert len(seen) == len(loras)


def test_every_motif_is_a_picture_of_its_own():
    prompts = [*painter._MOTIFS, "nothing that we know"]
    assert len({pixels(draw(attrs.evolve(SCENE, prompt=prompt))) for prompt in prompts}) == len(prompts)


def test_every_synonym_and_every_mood_leads_somewhere():
    assert set(painter._SYNONYMS.values()) <= set(painter._MOTIFS)
    assert set(painter._MOODS.values()) <= set(painter._PALETTES)


def test_a_hundred_seeds_are_a_hundred_pictures():
    assert len({pixels(draw(attrs.evolve(SCENE, seed=seed))) for seed in range(100)}) == 100


def test_the_negative_prompt_keeps_a_motif_out():
    with_boat = attrs.evolve(SCENE, prompt="boats", negative_prompt="")
    assert painter._named(painter._words(with_boat.prompt)) == ["boat"]
    assert distance(draw(with_boat), draw(attrs.evolve(with_boat, negative_prompt="boat"))) > 10


def test_words_in_lora_tags_and_in_fault_orders_are_no_motifs():
    words = painter._words("<lora:castle_v2:0.8> [emu:slow=3] Two CATS")
    assert painter._named(words) == ["cat"]


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


# --- pictures from pictures ---


def test_strength_0_leaves_the_init_image_as_it_was():
    image = draw(attrs.evolve(SCENE, strength=0), init=PHOTO)
    assert image.tobytes() == Image.open(io.BytesIO(PHOTO)).tobytes()


def test_strength_1_leaves_nothing_of_the_init_image():
    scene = attrs.evolve(SCENE, strength=1)
    assert pixels(draw(scene, init=plain("red"))) == pixels(draw(scene, init=plain("blue")))


def test_the_stronger_the_farther_from_the_init_image():
    init = Image.open(io.BytesIO(PHOTO))
    images = [draw(attrs.evolve(SCENE, strength=share), init=PHOTO) for share in (0, 0.25, 0.5, 0.75, 1)]
    away = [distance(image.crop((0, 0, 96, 40)), init.crop((0, 0, 96, 40))) for image in images]

    assert away[0] == 0
    assert away == sorted(away)


def test_another_init_image_is_another_picture_even_without_a_strength():
    assert pixels(draw(SCENE, init=plain("red"))) != pixels(draw(SCENE, init=plain("blue")))


def test_an_init_image_of_another_size_is_fitted_to_the_scene():
    assert draw(SCENE, init=plain("red", (31, 200))).size == (96, 64)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_init_images_of_every_mode_are_taken(mode):
    file = io.BytesIO()
    Image.new(mode, (96, 64)).save(file, "TIFF" if mode == "CMYK" else "PNG")

    assert draw(SCENE, init=file.getvalue()).size == (96, 64)


@pytest.mark.parametrize("strength", [None, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("box", [(20, 10, 70, 50), (0, 0, 95, 63), (40, 0, 41, 63), (0, 60, 95, 63)])
def test_inpaint_leaves_what_the_mask_keeps_black_identical(box, transparent, strength):
    scene = attrs.evolve(SCENE, strength=strength, transparent=transparent, loras=(("film-grain", 1.0),))
    image = draw(scene, init=PHOTO, mask=mask_of(box)).convert("RGBA")
    before = Image.open(io.BytesIO(PHOTO)).convert("RGBA")
    for picture in (image, before):
        ImageDraw.Draw(picture).rectangle(box, fill="black")

    assert image.tobytes() == before.tobytes()


def test_inpaint_draws_where_the_mask_is_white():
    inside = (20, 10, 71, 51)
    image = draw(SCENE, init=plain((0, 255, 0)), mask=mask_of((20, 10, 70, 50))).crop(inside)
    assert distance(image, Image.new("RGB", image.size, (0, 255, 0))) > 50


def test_an_all_black_mask_changes_nothing():
    image = draw(SCENE, init=PHOTO, mask=plain("black"))
    assert image.tobytes() == Image.open(io.BytesIO(PHOTO)).tobytes()


def test_a_grey_mask_is_white_from_128_on():
    grey = Image.new("L", (2, 1))
    grey.putpixel((0, 0), 127)
    grey.putpixel((1, 0), 128)
    image = draw(SCENE, init=plain((0, 255, 0)), mask=file_of(grey))

    assert image.crop((0, 0, 48, 64)).getcolors() == [(48 * 64, (0, 255, 0))]
    assert (0, 255, 0) not in [colour for _, colour in image.crop((48, 0, 96, 64)).getcolors(9999)]


def test_the_init_images_own_alpha_survives_outside_the_mask():
    init = file_of(Image.new("RGBA", (96, 64), (10, 20, 30, 40)))
    assert draw(SCENE, init=init, mask=mask_of((50, 10, 80, 40))).getpixel((3, 60)) == (10, 20, 30, 40)


def test_the_edges_of_a_control_image_are_drawn_as_strong_as_its_weight():
    strong, weak = (attrs.evolve(SCENE, controls=(("canny", weight),)) for weight in (1.0, 0.2))
    shape = mask_of((30, 10, 60, 40))
    traces = [distance(draw(scene, control_images=[shape]), draw(scene)) for scene in (strong, weak)]

    assert traces[0] > traces[1] > 0


@pytest.mark.parametrize("arguments", [{"init": b"no"}, {"init": PHOTO, "mask": b"no"}, {"control_images": [b"no"]}])
def test_bytes_that_are_no_picture_raise_oserror(arguments):
    with pytest.raises(OSError, match="cannot identify"):
        draw(SCENE, **arguments)


# --- later passes and files ---


def test_upscale_gives_the_size_that_was_asked_for():
    assert upscale(draw(SCENE), 240, 160, scene=SCENE).size == (240, 160)


def test_another_upscaler_gives_another_picture():
    image = draw(SCENE)
    assert pixels(upscale(image, 192, 128, scene=SCENE)) != pixels(upscale(image, 192, 128, scene=changed("upscaler")))


def test_a_detail_pass_is_seen_and_leaves_the_picture_it_was_given_alone():
    image = draw(SCENE)
    before = pixels(image)
    face, hand = (detail(image, scene=SCENE, name=name) for name in ("face", "hand"))

    assert len({before, pixels(face), pixels(hand)}) == 3
    assert pixels(image) == before
    assert "imagegen-passes" not in image.info


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (300, 5)])
@pytest.mark.parametrize("transparent", [False, True])
def test_passes_work_on_any_size(size, transparent):
    scene = attrs.evolve(SCENE, width=size[0], height=size[1], transparent=transparent)
    image = detail(upscale(draw(scene), size[0] * 2, size[1] * 2, scene=scene), scene=scene, name="eyes")

    assert image.size == (size[0] * 2, size[1] * 2)


@pytest.mark.parametrize("format", ["png", "jpeg", "jpg", "webp", "PNG"])
def test_facts_make_the_round_trip(format):
    scene = attrs.evolve(SCENE, **{name: CHANGES[name] for name in FIELDS if name not in ("width", "height")})
    image = detail(upscale(draw(scene), 192, 128, scene=scene), scene=scene, name="face")
    facts = facts_of(encode(image, scene, format, {"job": "text2img"}))

    assert facts["scene"]["loras"] == [["film-grain", 0.4]]
    assert (
        Scene(**{k: tuple(map(as_tuple, v)) if isinstance(v, list) else v for k, v in facts["scene"].items()}) == scene
    )
    assert facts["passes"] == [
        {"pass": "upscale", "name": "ESRGAN", "width": 192, "height": 128},
        {"pass": "detail", "name": "face"},
    ]
    assert facts["facts"] == {"job": "text2img"}


def as_tuple(value):
    return tuple(value) if isinstance(value, list) else value


def test_the_chunk_is_where_any_png_reader_finds_it():
    with Image.open(io.BytesIO(encode(draw(SCENE), SCENE))) as image:
        assert image.info["imagegen-emulator"].startswith('{"facts":{},"passes":[],"scene":{')


def test_encoding_again_does_not_change_the_facts_that_travel_with_an_image():
    image = detail(draw(SCENE), scene=SCENE, name="face")
    assert encode(image, SCENE) == encode(image, SCENE)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_somebody_elses_picture_has_no_facts(format):
    exif = Image.Exif()
    exif[0x010E] = "my holidays"
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, format, **({} if format == "GIF" else {"exif": exif}))

    assert facts_of(file.getvalue()) == {}


def test_a_jpeg_whose_facts_are_too_long_goes_without():
    scene = attrs.evolve(SCENE, prompt="word " * 20_000)
    assert facts_of(encode(draw(scene), scene, "jpeg")) == {}


def test_a_transparent_picture_becomes_a_jpeg_on_white_paper():
    scene = changed("transparent")
    with Image.open(io.BytesIO(encode(draw(scene), scene, "jpeg"))) as image:
        assert min(image.getpixel((2, 2))) > 230


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="png, jpeg and webp, not 'bmp'"):
        encode(draw(SCENE), SCENE, "bmp")


# --- moving pictures ---


@pytest.mark.parametrize("frames", [1, 2, 9, 60])
def test_an_animation_has_its_frames_and_its_pace(frames):
    data = animate(SCENE, frames, 8)
    with Image.open(io.BytesIO(data)) as film:
        assert (film.format, film.n_frames, film.size) == ("WEBP", frames, (96, 64))
    assert facts_of(data)["facts"] == {"frames": str(frames), "fps": "8"}


def test_equal_scenes_are_equal_films():
    one, other = (hashlib.sha256(animate(SCENE, 4, 8)).digest() for _ in range(2))
    assert one == other
    assert animate(changed("seed"), 4, 8) != animate(SCENE, 4, 8)


# --- the house ---


def test_the_painter_imports_nothing_of_ours():
    tree = ast.parse(Path(painter.__file__).read_text(encoding="utf-8"))
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]

    assert [name for name in names if name.startswith(("imagegen", "."))] == []
    assert [node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level] == []
