"""What a graph loads before anything is drawn: the checkpoint, its LoRAs, where CLIP stops, another VAE."""

from __future__ import annotations

from attrs import evolve, frozen

from imagegen.request import Lora
from imagegen_tams import vocabulary
from imagegen_tams.desk import Desk, note_key, resolve_model

from .nodes import Link, Nodes


@frozen
class Loaded:
    """The links that the rest of the graph continues from."""

    model: Link
    clip: Link
    vae: Link


def load(desk: Desk, nodes: Nodes) -> Loaded:
    """Add every loader."""
    loaded = _checkpoint(desk, nodes)
    for index, lora in enumerate(desk.request.loras):
        loaded = _lora(desk, nodes, loaded, index, lora)
    return evolve(loaded, clip=_clip_skip(desk, nodes, loaded.clip), vae=_vae(desk, nodes, loaded.vae))


def _checkpoint(desk: Desk, nodes: Nodes) -> Loaded:
    place = f"params.{nodes.coming}.inputs"
    found = resolve_model(desk, "model", desk.checkpoint, "checkpoint", f"{place}.ckpt_name")
    given = desk.request.model.access_key if desk.request.model else None
    key = note_key(desk, "model.access_key", given, found, f"{place}.access_key")
    node = nodes.add("CheckpointLoaderSimple", ckpt_name=found.id, access_key=key)
    return Loaded((node, 0), (node, 1), (node, 2))


def _lora(desk: Desk, nodes: Nodes, before: Loaded, index: int, lora: Lora) -> Loaded:
    path, place = f"loras[{index}]", f"params.{nodes.coming}.inputs"
    found = resolve_model(desk, f"{path}.model", lora.model, "lora", f"{place}.lora_name")
    key = note_key(desk, f"{path}.access_key", lora.access_key, found, f"{place}.access_key")
    desk.book.exact(f"{path}.weight", f"{place}.strength_model")
    if lora.clip_weight is not None:
        desk.book.exact(f"{path}.clip_weight", f"{place}.strength_clip")
    node = nodes.add(
        "LoraLoader",
        lora_name=found.id,
        strength_model=lora.weight,
        strength_clip=lora.weight if lora.clip_weight is None else lora.clip_weight,
        model=before.model,
        clip=before.clip,
        access_key=key,
    )
    return evolve(before, model=(node, 0), clip=(node, 1))


def _clip_skip(desk: Desk, nodes: Nodes, clip: Link) -> Link:
    skip, family = desk.request.clip_skip, desk.family
    if skip is None:
        return clip
    effective = family.clip_skip.effective(skip) if family else (skip if skip > 1 else None)
    if effective is None:
        reason = "off, or what this family does anyway: no node needed"
        desk.book.exact("clip_skip", "", None, reason=reason)
        return clip
    node = nodes.add("CLIPSetLastLayer", stop_at_clip_layer=-effective, clip=clip)
    desk.book.exact("clip_skip", f"params.{node}.inputs.stop_at_clip_layer", -effective)
    return node, 0


def _vae(desk: Desk, nodes: Nodes, of_checkpoint: Link) -> Link:
    wanted = desk.request.vae
    if wanted is None:
        return of_checkpoint
    name = vocabulary.pick("vaes", wanted)
    if name is None:
        desk.book.dropped("vae", f"{wanted!r} is not in the list of VAEs", "unknown_vae")
        return of_checkpoint
    if name in ("Automatic", "None"):
        desk.book.exact("vae", "", name, reason="the checkpoint's own")
        return of_checkpoint
    node = nodes.add("VAELoader", vae_name=name)
    reason = "the list of VAEs is that of stage jobs; no page says that graphs have the same"
    desk.book.approximated("vae", name, f"params.{node}.inputs.vae_name", reason, "undocumented_vae")
    return node, 0
