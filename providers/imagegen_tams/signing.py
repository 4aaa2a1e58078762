"""
How a call proves whose it is: `Bearer`, or `TAMS-SHA256-RSA` over the very bytes that are sent.

Page: https://tams-docs.tensor.art/docs/api/signature/signature_build.  Five parts joined by newlines are
signed: method, path with query, unix seconds, nonce, body.  Every attempt is signed anew.
"""

from __future__ import annotations

import base64
import functools
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from imagegen.errors import NotConfigured
from imagegen.flow import Call
from imagegen.provider import Credentials

from .settings import NAME, clean_pem, clean_token

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


def authorize(call: Call, credentials: Credentials) -> Call:
    """Return *call* as it goes on the wire.  An application id with a key file wins over a token."""
    call = _complete(call)
    app_id = str(credentials.settings.get("app_id") or "").strip()
    key_file = str(credentials.settings.get("private_key_file") or "").strip()
    if app_id and key_file:
        header = rsa_header(call, app_id, _read_key(key_file), int(credentials.now), credentials.nonce)
    elif credentials.settings.get("api_key"):
        header = f"Bearer {_token(credentials)}"
    else:
        raise NotConfigured(_missing(app_id, key_file), provider=NAME)
    return call.evolve(headers={**call.headers, "Authorization": header})


def rsa_header(call: Call, app_id: str, pem: str, timestamp: int, nonce: str) -> str:
    """Return the value of `Authorization` for an encoded *call*."""
    text = string_to_sign(call.method, target(call.url), timestamp, nonce, call.content or b"")
    signature = base64.b64encode(_sign(pem, text)).decode("ascii")
    return f"TAMS-SHA256-RSA app_id={app_id},nonce_str={nonce},timestamp={timestamp},signature={signature}"


def string_to_sign(method: str, path: str, timestamp: int, nonce: str, body: bytes) -> bytes:
    """Join what is signed; with an empty body the text ends in a newline."""
    return f"{method.upper()}\n{path}\n{timestamp}\n{nonce}\n".encode() + body


def target(url: str) -> str:
    """Return path and query as they stand in the request line."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _complete(call: Call) -> Call:
    """Put the query into the URL and the JSON into bytes, so that nothing is spelled again after signing."""
    if call.params:
        joint = "&" if "?" in call.url else "?"
        call = call.evolve(url=f"{call.url}{joint}{urlencode(call.params)}", params={})
    return call.encoded()


def _token(credentials: Credentials) -> str:
    try:
        token = clean_token(credentials.secret("api_key"))
    except LookupError as error:
        raise NotConfigured(f"the API key cannot be read: {error}", provider=NAME) from None
    if not token.isascii() or not token:
        raise NotConfigured("the API key holds characters that no key has; copy it again", provider=NAME)
    return token


def _missing(app_id: str, key_file: str) -> str:
    if app_id or key_file:
        lacking = "TAMS_PRIVATE_KEY_FILE" if app_id else "TAMS_APP_ID"
        return f"signed requests need TAMS_APP_ID and TAMS_PRIVATE_KEY_FILE; {lacking} is not set"
    return "no key: set TAMS_API_KEY, or TAMS_APP_ID with TAMS_PRIVATE_KEY_FILE"


def _read_key(file: str) -> str:
    if "-BEGIN" in file:  # the PEM text itself, as some secret stores give it
        return clean_pem(file)
    try:
        return clean_pem(Path(file).expanduser().read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise NotConfigured(f"cannot read TAMS_PRIVATE_KEY_FILE {file}: {reason}", provider=NAME) from None


def _sign(pem: str, text: bytes) -> bytes:
    key = _private_key(pem)
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    return key.sign(text, padding.PKCS1v15(), hashes.SHA256())


@functools.lru_cache(maxsize=8)
def _private_key(pem: str) -> RSAPrivateKey:
    """Read PKCS#1 or PKCS#8; done once per key, because it takes milliseconds."""
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        hint = "pip install 'imagegen[rsa]'"
        raise NotConfigured("signed requests need the package cryptography", provider=NAME, hint=hint) from None
    try:
        key = load_pem_private_key(pem.encode("ascii"), password=None)
    except (ValueError, TypeError):  # TypeError: the key is encrypted
        raise NotConfigured("the private key cannot be read: not RSA, damaged or encrypted", provider=NAME) from None
    if not isinstance(key, RSAPrivateKey):
        raise NotConfigured("the private key is not RSA", provider=NAME)
    return key
