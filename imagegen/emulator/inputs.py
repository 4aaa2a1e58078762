"""
Reads the pictures that a call brings along: a link to one of the emulator's own files, base64, or a data URI.

The emulator never goes to the network.  Another link is refused, or, where a vendor half wants every
documented example to work, answered with a picture drawn from the address itself.
"""

from __future__ import annotations

from imagegen import images

from .world import World

STAND_IN_SIZE = (512, 512)


class BadInput(ValueError):
    """This is no picture that can be used; the message says why, to be wrapped in the vendor's words."""


def read_image(world: World, value: object, *, stand_ins: bool = False) -> bytes:
    """
    Return the bytes of one input picture, decoded once to be sure; `BadInput` says what is wrong.

    With *stand_ins* a link to somewhere else gives a picture drawn from that link (the same one every time).
    """
    if not isinstance(value, str) or not value.strip():
        raise BadInput("is not a link, base64 or a data URI")
    text = value.strip()
    if text.startswith(("http://", "https://", "/files/")):
        data = world.read_link(text)
        if data is None and "/files/" in text and _kept_here(world, text):
            raise BadInput("is a link that has expired")
        if data is None and not stand_ins:
            raise BadInput(
                "is a link to the network, where the emulator never goes; send base64 or one of its own links"
            )
        data = stand_in(text) if data is None else data
    else:
        data = _decoded(text)
    try:
        images.examine(data)
    except images.BadPicture as error:
        raise BadInput(str(error)) from None
    return data


def stand_in(link: str) -> bytes:
    """Draw the picture that takes the place of a link which cannot be followed."""
    from .draw import Scene, draw, encode

    width, height = STAND_IN_SIZE
    scene = Scene(prompt=link.split("?")[0], width=width, height=height, seed=0, labels=("stand-in",))
    return encode(draw(scene), scene)


def _decoded(text: str) -> bytes:
    try:
        return images.decode_text(text)
    except images.BadPicture as error:
        raise BadInput(str(error)) from None


def _kept_here(world: World, link: str) -> bool:
    return world.file(link.partition("/files/")[2].split("?")[0]) is not None
