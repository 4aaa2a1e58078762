"""
Who is calling: a Bearer token, or a `TAMS-SHA256-RSA` signature over method, target, time, nonce and body.

https://tams-docs.tensor.art/docs/api/signature/signature_build.  The vendor's console is where an app's public key is
registered; here it is `POST /_emulator/public-keys`.  Without one any well-formed signature passes.
"""

from __future__ import annotations

import base64
import binascii

from attrs import field, frozen

from imagegen.emulator import KEY, Request
from imagegen.emulator.control import PUBLIC_KEYS
from imagegen.emulator.world import World

from .errors import INTERNAL, NOT_FOUND, UNAUTHENTICATED, Problem

SCHEME = "TAMS-SHA256-RSA"


@frozen(kw_only=True)
class Signature:
    """What stands in the header after the scheme."""

    app_id: str
    nonce_str: str
    timestamp: str
    signature: bytes = field(repr=False)


def check(request: Request, world: World) -> None:
    """Let the caller in, or raise the refusal."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme == "Bearer":
        _check_token(rest.strip())
    elif scheme == SCHEME:
        _check_signature(read_signature(rest), request, world)
    else:
        raise _refused()


def read_signature(text: str) -> Signature:
    """Read `app_id=..,nonce_str=..,timestamp=..,signature=..`; the base64 part may hold `=`."""
    parts = dict(part.partition("=")[::2] for part in text.split(",", 3))
    try:
        signature = base64.b64decode(parts["signature"], validate=True)
        read = Signature(
            app_id=parts["app_id"],
            nonce_str=parts["nonce_str"],
            timestamp=parts["timestamp"],
            signature=signature,
        )
    except (KeyError, binascii.Error, ValueError):
        raise _refused() from None
    if not (read.app_id and read.nonce_str and read.timestamp.isdigit() and signature):
        raise _refused()
    return read


def string_to_sign(request: Request, signature: Signature) -> bytes:
    """Return the five parts, joined by newlines, as bytes."""
    head = (request.method.upper(), request.target, signature.timestamp, signature.nonce_str)
    return "\n".join(head).encode() + b"\n" + request.body


def _check_token(token: str) -> None:
    if token.startswith(("ak_tensor", "ak_tusi", "missing-")):  # a key of the website, not of an app
        raise Problem(NOT_FOUND, "app not found")
    if token != KEY:
        raise _refused()


def _check_signature(signature: Signature, request: Request, world: World) -> None:
    if signature.app_id.startswith("missing-"):
        raise Problem(NOT_FOUND, "app not found")
    pem = world.get(PUBLIC_KEYS, signature.app_id)
    if pem is not None and not _verifies(pem, signature.signature, string_to_sign(request, signature)):
        raise _refused()


def _verifies(pem: str, signature: bytes, text: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        raise Problem(INTERNAL, "verifying a signature needs: pip install 'imagegen[rsa]'") from None
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError:
        raise Problem(INTERNAL, "what was registered as this app's public key is none") from None
    try:
        return isinstance(key, RSAPublicKey) and key.verify(signature, text, PKCS1v15(), SHA256()) is None
    except InvalidSignature:
        return False


def _refused() -> Problem:
    return Problem(UNAUTHENTICATED, "Signature verification failed")
