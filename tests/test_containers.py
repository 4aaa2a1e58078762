"""Containers: metadata goes into a file without touching a pixel, and independent readers find it there."""

import contextlib
import io
import json
import struct
import zlib

import piexif
import piexif.helper
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence, PngImagePlugin
from sd_parsers import ParserManager

from imagegen.containers import GENERATED_XMP, Embedded, embed, read, sniff
from imagegen.infotext import Infotext, write
from imagegen.infotext import read as read_infotext

INFOTEXT = Infotext("a “red” cat, 猫 😀", "dull", {"Steps": "20", "Sampler": "DPM++ 2M", "Seed": "1"})
OURS = {"parameters": write(INFOTEXT), "chunk": '{"prompt": "a 猫"}', "xmp": GENERATED_XMP}
KINDS = ("PNG", "JPEG", "WEBP")
GRAPH = {"3": {"class_type": "KSampler", "inputs": {"seed": 1}}}


def picture(kind, mode="RGB", **options):
    file = io.BytesIO()
    image = Image.new(mode, (31, 17))
    image.putpixel((3, 4), (200, 100, 50, 99)[: len(mode)])
    image.save(file, kind, **options)
    return file.getvalue()


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def chunk(kind, body):
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))


def png_with(*chunks, data=None):
    data = data or picture("PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def webp_with(name, body):
    data = embed(picture("WEBP"), parameters="", chunk="", xmp="x")
    data += name + struct.pack("<L", len(body)) + body + b"\0" * (len(body) % 2)
    return data[:4] + struct.pack("<L", len(data) - 8) + data[8:]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_embedded_is_read_back_and_no_pixel_changes(kind):
    data = picture(kind)
    done = embed(data, **OURS)
    found = read(done)

    assert (found.parameters, found.imagegen, found.xmp) == tuple(OURS.values())
    assert found.kind == kind.lower()
    assert opened(done).tobytes() == opened(data).tobytes()
    assert read(data) == Embedded(kind.lower())


@pytest.mark.parametrize("kind", KINDS)
def test_embedding_again_replaces_ours_and_the_same_again_changes_nothing(kind):
    done = embed(picture(kind), **OURS)
    other = embed(done, parameters="other", chunk="{}", xmp="<x/>")

    assert embed(done, **OURS) == done
    assert (read(other).parameters, read(other).imagegen, read(other).xmp) == ("other", "{}", "<x/>")
    assert embed(other, **OURS) == done


def test_pillow_finds_all_three_texts_in_a_png():
    image = opened(embed(picture("PNG"), **OURS))

    assert image.text["parameters"] == OURS["parameters"]
    assert image.text["imagegen"] == OURS["chunk"]
    assert image.text["XML:com.adobe.xmp"] == GENERATED_XMP


def test_png_text_is_text_when_latin_1_can_say_it_and_international_text_else():
    assert b"tEXtparameters\0caf\xe9" in embed(picture("PNG"), parameters="café", chunk="{}")
    assert b"iTXtparameters\0\0\0\0\0\xe7\x8c\xab" in embed(picture("PNG"), parameters="猫", chunk="{}")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_piexif_and_pillow_find_the_exif_and_its_type_is_undefined(kind):
    done = embed(picture(kind), **OURS)

    comment = piexif.load(done)["Exif"][piexif.ExifIFD.UserComment]
    assert piexif.helper.UserComment.load(comment) == OURS["parameters"]
    assert opened(done).getexif().get_ifd(0x8769)[0x9286] == comment
    assert opened(done).info["xmp"].decode() == GENERATED_XMP


@pytest.mark.parametrize("kind", KINDS)
def test_sd_parsers_reads_what_we_embed(kind):
    parsed = ParserManager().parse(Image.open(io.BytesIO(embed(picture(kind), **OURS))))

    assert [prompt.value for prompt in parsed.prompts] == [INFOTEXT.prompt]
    assert read_infotext(read(embed(picture(kind), **OURS)).parameters) == INFOTEXT


def test_what_piexif_writes_is_read():
    for encoding in ("ascii", "unicode"):
        comment = piexif.helper.UserComment.dump("a cat", encoding)
        data = picture("JPEG", exif=piexif.dump({"Exif": {piexif.ExifIFD.UserComment: comment}}))
        assert read(data).parameters == "a cat"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"UNICODE\0" + "a cat".encode("utf-16-le"), "a cat"),
        (b"UNICODE\0" + "\ufeffa cat".encode("utf-16-le"), "a cat"),
        (b"UNICODE\0" + "\ufeff猫".encode("utf-16-be"), "猫"),
        (bytes(8) + "猫".encode(), "猫"),
        (b"plain words", "plain words"),
        (b"ASCII\0\0\0", None),
    ],
)
def test_comments_of_other_writers_are_read(raw, text):
    data = picture("JPEG", exif=piexif.dump({"Exif": {piexif.ExifIFD.UserComment: raw}}))

    assert read(data).user_comment == text


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_vendors_exif_stays_and_its_comment_wins(kind):
    comment = piexif.helper.UserComment.dump("vendor's", "unicode")
    tags = {
        "0th": {piexif.ImageIFD.Software: b"Acme", piexif.ImageIFD.XResolution: (72, 1)},
        "Exif": {piexif.ExifIFD.UserComment: comment, piexif.ExifIFD.LensMake: b"a lens maker"},
        "GPS": {piexif.GPSIFD.GPSDateStamp: b"2020:01:01"},
    }
    done = embed(embed(picture(kind, exif=piexif.dump(tags), xmp=b"<theirs/>"), **OURS), **OURS)

    loaded = piexif.load(done)
    assert loaded["Exif"].pop(piexif.ExifIFD.MakerNote).endswith(OURS["chunk"].encode())
    loaded["0th"].pop(piexif.ImageIFD.ExifTag), loaded["0th"].pop(piexif.ImageIFD.GPSTag)
    assert {part: loaded[part] for part in tags} == tags
    assert (read(done).user_comment, read(done).imagegen, read(done).xmp) == (
        "vendor's",
        OURS["chunk"],
        "<theirs/>",
    )


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_beside_a_vendors_other_tags_our_comment_is_ours_to_replace(kind):
    data = picture(kind, exif=piexif.dump({"0th": {piexif.ImageIFD.Software: b"Acme"}}))
    done = embed(embed(data, **OURS), parameters="other", chunk="{}", xmp="")

    assert piexif.load(done)["0th"][piexif.ImageIFD.Software] == b"Acme"
    assert (read(done).parameters, read(done).imagegen) == ("other", "{}")


def test_a_vendors_png_chunks_stay_and_win():
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "vendor's")
    info.add_itxt("comment", "猫", zip=True)
    info.add_text("zipped", "z" * 100, zip=True)
    data = picture("PNG", pnginfo=info)
    done = embed(embed(data, **OURS), **OURS)

    expected = {"parameters": "vendor's", "comment": "猫", "zipped": "z" * 100}
    assert read(data).text == expected
    assert read(done).text == expected | {"imagegen": OURS["chunk"], "XML:com.adobe.xmp": GENERATED_XMP}
    assert opened(done).text == read(done).text


@pytest.mark.parametrize(
    "data",
    [
        png_with(chunk(b"caBX", b"jumb")),
        webp_with(b"C2PA", b"jumb"),
        b"\xff\xd8\xff\xeb\x00\x16JP\0\1\0\0\0\1\0\0\0\x14jumb1234" + picture("JPEG")[2:],
    ],
)
def test_a_signed_file_comes_back_byte_for_byte(data):
    assert read(data).has_c2pa
    assert embed(data, **OURS) is data
    opened(data)


def test_comfys_graphs_are_found_in_png_and_webp():
    workflow = {"nodes": [], "score": float("nan")}
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", json.dumps(GRAPH))
    info.add_text("workflow", json.dumps(workflow))
    exif = Image.Exif()
    exif[0x0110], exif[0x010F] = f"prompt:{json.dumps(GRAPH)}", f"workflow:{json.dumps(workflow)}"

    for data in (picture("PNG", pnginfo=info), picture("WEBP", exif=exif)):
        for found in (read(data), read(embed(data, **OURS))):
            assert found.comfy_prompt == GRAPH
            assert found.comfy_workflow is not None
            assert found.comfy_workflow["nodes"] == []


def test_a_prompt_chunk_that_is_no_graph_is_only_text():
    for text in ("a cat", "[1]", "[" * 100_000):
        info = PngImagePlugin.PngInfo()
        info.add_text("prompt", text)
        assert read(picture("PNG", pnginfo=info)).comfy_prompt is None


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"lossless": True}),
        ("RGBA", {"lossless": True}),
        ("RGBA", {}),
        ("RGB", {"icc_profile": b"icc"}),
    ],
)
def test_every_sort_of_webp_keeps_its_pixels_and_transparency(mode, options):
    data = picture("WEBP", mode, **options)
    before, after = opened(data), opened(embed(data, **OURS))

    assert (after.mode, after.size, after.tobytes()) == (before.mode, before.size, before.tobytes())
    assert after.info.get("icc_profile") == before.info.get("icc_profile")


def test_an_animation_keeps_its_frames():
    frames = [Image.new("RGB", (31, 17), color) for color in ("red", "blue")]
    data = picture("WEBP", save_all=True, append_images=frames, duration=50)

    done = Image.open(io.BytesIO(embed(data, **OURS)))
    assert len(list(ImageSequence.Iterator(done))) == 3


def test_empty_texts_are_left_out():
    for kind in KINDS:
        data = picture(kind)
        assert read(embed(data, parameters="", chunk="", xmp="")) == read(data)
    assert embed(picture("PNG"), parameters="", chunk="", xmp="") == picture("PNG")


def test_png_of_exif_in_an_exif_chunk_is_read():
    comment = piexif.helper.UserComment.dump("a cat", "unicode")
    block = piexif.dump({"Exif": {piexif.ExifIFD.UserComment: comment}})[6:]

    assert read(png_with(chunk(b"eXIf", block))).parameters == "a cat"
    assert read(png_with(chunk(b"eXIf", b"broken"))).parameters is None


def test_what_does_not_fit_or_is_somebody_elses_is_refused():
    note = piexif.dump({"Exif": {piexif.ExifIFD.MakerNote: b"a camera's"}})
    with pytest.raises(ValueError, match="segment"):
        embed(picture("JPEG"), parameters="a" * 40_000, chunk="{}")
    with pytest.raises(ValueError, match="MakerNote"):
        embed(picture("JPEG", exif=note), **OURS)
    with pytest.raises(ValueError, match="not a PNG"):
        embed(picture("GIF"), **OURS)
    assert read(embed(picture("WEBP"), parameters="a" * 40_000, chunk="{}")).parameters == "a" * 40_000


def test_fill_bytes_between_jpeg_segments_are_allowed():
    data = picture("JPEG")

    assert read(embed(data[:2] + b"\xff\xff" + data[2:], **OURS)).imagegen == OURS["chunk"]


@pytest.mark.parametrize(
    "body",
    [b"", b"VP8 \x02\0\0\0ab", b"VP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\0\0\0\0", b"VP8X\xff\0\0\0"],
)
def test_a_webp_without_a_picture_is_refused(body):
    with pytest.raises(ValueError, match="the WebP"):
        embed(b"RIFF" + struct.pack("<L", len(body) + 4) + b"WEBP" + body, **OURS)


def test_a_zip_bomb_in_a_text_chunk_is_cut():
    bomb = png_with(chunk(b"zTXt", b"bomb\0\0" + zlib.compress(b"a" * 2**26)))

    assert len(read(bomb).text["bomb"]) == 2**24


@pytest.mark.parametrize(
    ("data", "media"),
    [
        *((picture(kind), f"image/{kind.lower()}") for kind in (*KINDS, "GIF")),
        (b"\0\0\0\x20ftypisom\0\0", "video/mp4"),
        (b"\0\0\0\x20ftypmp42\0\0", "video/mp4"),
        (b"\0\0\0\x20ftypavif\0\0", None),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webmB", "video/webm"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska", None),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_a_file_is_known_by_its_first_bytes(data, media):
    assert sniff(data) == media


SAMPLES = [embed(picture(kind), **OURS) for kind in KINDS] + [
    picture("JPEG", exif=piexif.dump({"0th": {305: b"Acme"}, "1st": {305: b"thumb"}})),
    webp_with(b"EXIF", piexif.dump({"Exif": {37510: b"ASCII\0\0\0a"}})),
    png_with(chunk(b"eXIf", piexif.dump({"0th": {305: b"Acme"}})[6:]), chunk(b"iTXt", b"a\0\1\0\0\0broken")),
]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damaged_files_raise_nothing_but_value_errors(data):
    sample = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, len(sample) - 1), st.integers(0, 255)), max_size=8)):
        sample[at] = byte
    damaged = bytes(sample[: data.draw(st.integers(0, len(sample)))])
    for action in (read, lambda one: embed(one, **OURS)):
        with contextlib.suppress(ValueError):
            action(damaged)


@given(st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\xff\0\0\0WEBP"]), st.binary())
def test_arbitrary_bytes_raise_nothing_but_value_errors(start, rest):
    with contextlib.suppress(ValueError):
        embed(start + rest, **OURS)


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_any_texts_come_back_exactly(kind, parameters, note, xmp):
    found = read(embed(picture(kind), parameters=parameters, chunk=note, xmp=xmp))

    assert (found.parameters, found.imagegen, found.xmp) == (parameters, note, xmp)
