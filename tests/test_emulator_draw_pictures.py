"""The emulator's painter: pictures from pictures, later passes, films, and what a file says about itself."""

import hashlib
import io

import attrs
import pytest
from PIL import Image, ImageDraw
from scenes import CHANGES, FIELDS, PHOTO, SCENE, changed, distance, file_of, mask_of, pixels, plain

from imagegen.emulator.draw import Scene, animate, detail, draw, encode, facts_of, upscale

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
