"""What a program gets back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import field, frozen

from .ledger import File, JobRow
from .money import as_text
from .plans import Note


@frozen(kw_only=True)
class Image:
    """
    One picture (or video), safely on disk.

    Attributes:
        path: the stored file, named by its content; *sha256* is of this file.
        seed: the true seed as far as the vendor reports it, else None; never invented.
        source_url: where it came from, without what signed the link.
    """

    path: Path
    sha256: str
    media_type: str
    width: int
    height: int
    seed: int | None = None
    source_url: str = ""
    expires_at: float | None = None

    def bytes(self) -> bytes:
        """Return the file's content."""
        return self.path.read_bytes()

    def pil(self) -> Any:
        """Return a PIL image."""
        from PIL import Image as PilImage

        return PilImage.open(self.path)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "media_type": self.media_type,
            "width": self.width,
            "height": self.height,
            "seed": self.seed,
            "source_url": self.source_url,
        }


@frozen(kw_only=True)
class Cost:
    """What a job was thought to cost and what it did; None = unknown, never 0.  `credits` in the vendor's unit."""

    estimated: Decimal | None = None
    billed: Decimal | None = None
    credits: Decimal | None = None
    currency: str = "USD"
    emulated: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON; money as text."""
        return {
            "estimated": as_text(self.estimated),
            "billed": as_text(self.billed),
            "credits": as_text(self.credits),
            "currency": self.currency,
            "emulated": self.emulated,
        }


@frozen(kw_only=True)
class Attempt:
    """One provider that was tried on the way: what came of it, why the router moved on, what it cost."""

    provider: str
    outcome: str
    job_id: str | None = None
    reason: str = ""
    charged: bool | None = False
    cost: Cost = field(factory=Cost)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "provider": self.provider,
            "outcome": self.outcome,
            "job_id": self.job_id,
            "reason": self.reason,
            "charged": self.charged,
            "cost": self.cost.as_dict(),
            "seconds": round(self.seconds, 3),
        }


@frozen(kw_only=True)
class Result:
    """A finished job."""

    provider: str
    job_id: str
    images: tuple[Image, ...] = ()
    videos: tuple[Image, ...] = ()
    notes: tuple[Note, ...] = ()
    cost: Cost = field(factory=Cost)
    attempts: tuple[Attempt, ...] = ()
    seconds: Mapping[str, float] = field(factory=dict)
    data: Any = None
    request: Any = field(default=None, repr=False)
    plan: Any = field(default=None, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON (one item of `generate --json`'s `results`)."""
        made: dict[str, Any] = {
            "provider": self.provider,
            "job_id": self.job_id,
            "images": [image.as_dict() for image in self.images],
            "notes": [note.as_dict() for note in self.notes],
            "cost": self.cost.as_dict(),
            "attempts": [attempt.as_dict() for attempt in self.attempts],
            "seconds": round(sum(self.seconds.values()), 3),
            "seconds_by_part": {part: round(value, 3) for part, value in self.seconds.items()},
        }
        if self.videos:
            made["videos"] = [video.as_dict() for video in self.videos]
        if self.data is not None:
            made["data"] = self.data
        return made


def images_of(files: tuple[File, ...]) -> tuple[tuple[Image, ...], tuple[Image, ...]]:
    """Split the ledger's files into pictures and videos."""
    made = [
        Image(
            path=Path(file.path),
            sha256=file.sha256,
            media_type=file.media_type,
            width=file.width,
            height=file.height,
            seed=file.seed,
            source_url=file.source_url,
        )
        for file in sorted(files, key=lambda file: (file.index, file.n))
    ]
    moving = [image for image in made if image.media_type.startswith("video/") or _animated(image)]
    return tuple(image for image in made if image not in moving), tuple(moving)


def _animated(image: Image) -> bool:
    if image.media_type != "image/webp" or not image.path.is_file():
        return False
    with image.path.open("rb") as file:
        head = file.read(21)
    return head[12:16] == b"VP8X" and bool(head[20] & 0x02)  # RIFF WebP: the animation flag


def cost_of(row: JobRow) -> Cost:
    """Sum what the ledger says a job cost."""
    known = [call.credits for call in row.calls if call.credits is not None]
    return Cost(
        estimated=row.estimate,
        billed=row.billed,
        credits=sum(known, Decimal(0)) if known else None,
        currency=row.currency,
        emulated=row.scope.emulated,
    )


def note_from(data: Mapping[str, Any]) -> Note:
    """Read a note back from the ledger."""
    known = {name: data[name] for name in ("field", "status", "requested", "sent", "vendor_field") if name in data}
    words = {name: data[name] for name in ("reason", "code", "verified") if name in data}
    return Note(**known, **words)


def notes_of(row: JobRow) -> tuple[Note, ...]:
    """Return what came out differently: the plan's notes, and those that came up afterwards."""
    planned = [note_from(note) for note in row.plan.get("notes", ())]
    return (*planned, *(note for note in map(note_from, row.notes) if note not in planned))
