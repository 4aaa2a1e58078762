"""Free questions about models, at all three services, and words for a picture."""

import io
import json

import pytest
from PIL import Image

from imagegen import Client
from imagegen.errors import InvalidInput, OutcomeUnknown, VendorRefused
from imagegen.flow import Accepted, Call, Heard, Pause, Remember, Reply, Settled
from imagegen.images import inspect_input
from imagegen.plugins import installed
from imagegen.provider import LooksUp, Record
from imagegen.request import ImageInput, Interrogate, ModelLoad
from imagegen.testing import play
from imagegen_modelslab.calls import VendorCall
from imagegen_modelslab.editing import Caption
from imagegen_modelslab.provider import ModelsLab

FAMILY = ("modelslab", "stablediffusionapi", "stablediffusionapi-enterprise")
SETTINGS = {"base_url": "https://modelslab.com"}
PUBLIC = [
    {"model_id": "midjourney", "status": "model_ready", "instance_prompt": "mdjrny-v4 style", "model_name": "MJ V4"},
    {"model_id": "anything-v3", "status": "model_ready", "created_at": None, "model_name": "Anything V3"},
]
LINK = "https://example.com/in.png"


def reply(data, status=200):
    return Reply(status, json.dumps(data).encode())


OWN = reply({"status": "success", "messege": "model list", "data": []})


def png(size=(600, 400), kind="PNG"):
    out = io.BytesIO()
    Image.new("RGB", size, (200, 90, 40)).save(out, kind)
    return out.getvalue()


# --- models ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILY)
def test_every_service_can_be_asked_about_models(name):
    assert isinstance(installed().provider(name), LooksUp)


def test_the_accounts_own_models_stand_before_the_public_ones(modelslab):
    own = reply({"status": "success", "data": [{"model_id": "mine", "model_name": "Mine", "status": "model_ready"}]})
    steps, found = play(modelslab.look_up("models", "", SETTINGS), own, reply(PUBLIC))

    assert [one["id"] for one in found] == ["mine", "midjourney", "anything-v3"]
    assert [(step.url, step.pays) for step in steps] == [
        ("https://modelslab.com/api/v3/finetune_list", False),
        ("https://modelslab.com/api/v4/dreambooth/model_list", False),
    ]


@pytest.mark.parametrize(
    ("words", "ids"), [("v3", ["anything-v3"]), ("mj v4", ["midjourney"]), ("mdjrny", ["midjourney"]), ("zebra", [])]
)
def test_a_list_is_searched_by_id_name_and_trigger(modelslab, words, ids):
    _, found = play(modelslab.look_up("models", words, SETTINGS), OWN, reply(PUBLIC))

    assert [one["id"] for one in found] == ids


@pytest.mark.parametrize("ref", ["anything-v3", "modelslab:anything-v3"])
def test_one_model_is_shown_with_every_word_of_the_vendor(modelslab, ref):
    _, found = play(modelslab.look_up("model", ref, SETTINGS), OWN, reply(PUBLIC))

    assert found == {
        "id": "anything-v3",
        "name": "Anything V3",
        "state": "model_ready",
        "trigger": None,
        "created_at": None,
    }


def test_a_model_that_no_list_has_names_the_near_ones(modelslab):
    with pytest.raises(VendorRefused, match="near: anything-v3") as caught:
        play(modelslab.look_up("model", "anything-v4", SETTINGS), OWN, reply(PUBLIC))
    assert caught.value.kind == "model_not_found"


def test_the_vendor_has_no_templates(modelslab):
    with pytest.raises(InvalidInput, match="cannot be asked about a template"):
        play(modelslab.look_up("template", "1", SETTINGS))


def test_a_bad_key_is_said_as_such(modelslab):
    with pytest.raises(VendorRefused) as caught:
        play(modelslab.look_up("models", "", SETTINGS), reply({"status": "error", "message": "Invalid API key"}, 401))
    assert caught.value.kind == "unauthorized"


def test_a_model_that_was_loaded_on_a_server_of_ones_own_is_listed_there():
    load = ModelLoad(url="https://example.com/a.safetensors", model_id="mine")
    with Client(emulated=True) as client:
        client.run(load, provider="stablediffusionapi-enterprise")
        provider = installed().provider("stablediffusionapi-enterprise")
        order, settings = _empty_order(client, provider.name), client.session.values(provider)
        found = _ask(client, order, provider.look_up("model", "mine", settings))

    assert (found["id"], found["state"]) == ("mine", "model_ready")


def _empty_order(client, name):
    from imagegen.cli.session import empty_order

    return empty_order(client, name)


def _ask(client, order, question):
    from imagegen.cli.session import ask_vendor

    return ask_vendor(client, order, question)


# --- words for a picture -----------------------------------------------------------------------------------------


def captioned(draft, request, images=None):
    return draft(request, images=images or {})


def test_a_local_picture_is_put_up_unchanged_before_its_caption_is_asked_for(draft):
    plan = captioned(draft, Interrogate(image=png(), natural=True), {"image": inspect_input(png())})

    assert [(call.purpose, call.pays) for call in plan.calls] == [("upload", False), ("operate", True)]
    assert plan.calls[1].url == "https://modelslab.com/api/v6/image_editing/caption"
    assert str(plan.calls[1].json["init_image"]) == "<resource:image>"
    assert plan.note("image").status == plan.note("natural").status == "exact"
    assert plan.note("answer").code == "inferred"


def test_a_public_address_is_passed_on_and_tags_become_a_caption(draft):
    plan = captioned(draft, Interrogate(image=ImageInput(LINK)))

    assert [call.json for call in plan.calls] == [{"init_image": LINK, "length": "normal"}]
    assert plan.note("natural").code == "sentences"


def test_the_vendors_own_words_stand_and_are_held_to_their_limits(draft):
    own = {"modelslab": {"length": "long"}}
    plan = captioned(draft, Interrogate(image=ImageInput(LINK), natural=True, provider_options=own))
    wrong = captioned(draft, Interrogate(image=ImageInput(LINK), provider_options={"modelslab": {"length": "huge"}}))

    assert plan.calls[0].json["length"] == "long"
    assert plan.note("natural").code == "overridden"
    assert wrong.blockers[0].field == "provider_options.modelslab.length"


def test_no_page_prices_a_caption_so_its_price_is_unknown(draft, modelslab):
    price = modelslab.price(captioned(draft, Interrogate(image=ImageInput(LINK))), {"plan": "payg"})

    assert (price.amount, price.basis) == (None, "unknown")
    assert "no page" in price.reason


DONE = {"status": "success", "id": 7, "output": ["a cat on a sofa"]}


def test_a_caption_is_accepted_waited_for_and_kept_beside_the_whole_answer(draft, modelslab):
    plan = captioned(draft, Interrogate(image=ImageInput(LINK)))
    queued = {"status": "processing", "id": 7, "eta": 2, "output": []}
    steps, made = play(modelslab.flow(plan), reply(queued), reply(DONE))

    assert steps[1:4] == [Accepted("7"), Heard(state="processing", eta=2.0), Pause(2.0)]
    assert steps[4].url == "https://modelslab.com/api/v6/image_editing/fetch/7"
    assert steps[-1] == Settled(charged=True)
    assert made.data == {"prompts": ["a cat on a sofa"], "answer": DONE}


@pytest.mark.parametrize(
    ("output", "prompts"),
    [("a cat", ["a cat"]), (["a", "b"], ["a", "b"]), ([], []), ("https://x.test/1.txt", []), ({"text": "a"}, [])],
)
def test_an_answer_of_any_shape_is_kept_as_it_came(draft, modelslab, output, prompts):
    answer = {"status": "success", "id": 7, "output": output}
    _, made = play(modelslab.flow(captioned(draft, Interrogate(image=ImageInput(LINK)))), reply(answer))

    assert made.data == {"prompts": prompts, "answer": answer}


@pytest.mark.parametrize("request_", [Interrogate(image=ImageInput(LINK)), VendorCall(Caption(init_image=LINK))])
def test_a_caption_that_was_accepted_is_asked_for_after_a_crash(draft, modelslab, request_):
    plan = draft(request_)
    steps, made = play(modelslab.resume(Record(plan=plan, job_id="7", answer=None)), reply(DONE))

    assert [step.url for step in steps if isinstance(step, Call)] == [
        "https://modelslab.com/api/v6/image_editing/fetch/7"
    ]
    assert (made.data.get("answer") or made.data) == DONE
    with pytest.raises(OutcomeUnknown):
        play(modelslab.resume(Record(plan=plan)))


def test_an_uploaded_picture_is_remembered(draft, modelslab):
    plan = captioned(draft, Interrogate(image=png()), {"image": inspect_input(png())})
    up = reply({"status": "success", "id": 1, "output": ["https://x.test/in.png"]})
    steps, _ = play(modelslab.flow(plan), None, up, reply(DONE))

    assert any(isinstance(step, Remember) and step.value == "https://x.test/in.png" for step in steps)
    asked = [step for step in steps if isinstance(step, Call) and step.pays]
    assert asked[0].json["init_image"] == "https://x.test/in.png"


def test_the_emulator_puts_a_picture_into_words():
    with Client(emulated=True) as client:
        made = client.run(Interrogate(image=png(), natural=True), provider="modelslab")

    assert made.data["prompts"] == ["a warm picture of 600 by 400 pixels"]


def test_only_modelslab_has_captions():
    able = {name for name in FAMILY if Interrogate in installed().provider(name).capabilities}

    assert able == {ModelsLab.name}
