"""Every rule of this emulator that no document of the vendor supports (`imagegen emulate --deviations`)."""

from __future__ import annotations

DEVIATIONS: tuple[str, ...] = (
    # who exists, who may ask
    "The key is `emulator-key`, for dedicated servers too; it is taken from the body, a Bearer token, the"
    " header `key` or the query.",
    "Every model, LoRA, embedding and VAE id exists, except `invalid_model_name`, ids that start with"
    " `missing-`, and ids that were deleted.",
    "A path that is not emulated (training, purchases, video, audio, most of image editing, the catalogue)"
    " is a 404; v7 is v6 under its newer names.",
    # codes and words
    "Refusals of v3, v4 and v5 come under HTTP 200 unless they are about key, credit, rate or the server:"
    " no page states a code.",
    "An unknown model and an image that cannot be fetched are HTTP 400 in v6; an unknown request id is"
    " 404 in v6 and 200 elsewhere.",
    "Fields out of their documented range are refused with words of ours in the style of `The ... field"
    " is required.`; several faults are listed by field in v3 to v5, only the first one in v6 and"
    " enterprise.",
    "width and height are refused below 64, steps outside 1 to 51, LoRA strengths outside 0.1 to 1, a"
    " negative seed; the pages disagree on steps, so 21, 31 and 41 are not insisted on.",
    "Several LoRAs with one strength all get that one; any other unequal counts are refused; no strength means 1.",
    "A scheduler, safety checker type, upscaler or control net that the pages do not list is refused.",
    "Enterprise refusals use the words of v6.",
    # what is made
    "Pictures are drawn, always PNG; picture i of a request has the seed of the answer plus i.",
    "A seed that was not sent is drawn from a fixed row of 32-bit numbers.",
    "num_inference_steps is used as sent (default 20; 21 on dedicated servers); the page's 31 answered as"
    " 30 happens only with [emu:steps=30].",
    "Without use_karras_sigmas, tomesd, algorithm_type and clip_skip, v6 and v4 use no, no, no and 1, as"
    " the LoRA page's answer shows, against the defaults of the schema.",
    "enhance_prompt (a yes if not sent, except in realtime v6 and for Flux models) always appends the"
    " words of the LoRA page's answer, whatever the prompt.",
    "v6 img2img has the init image's size, reduced to 1024 on the longer side; elsewhere the size asked"
    " for counts, and where none was, the init image's.",
    "A picture given as a link to the network is never fetched: a picture drawn from the link's text stands in for it.",
    "Control nets draw the outlines of control_image, else of init_image; init_image itself is painted"
    " over only if there is a mask_image.",
    "panorama, self_attention, highres_fix, multi_lingual, the IP adapter and enhance_style change"
    " nothing but details of the drawing or the meta.",
    "The safety checker hits only with [emu:nsfw], and then even if safety_checker is no.",
    "proxy_links are the same links as output.",
    "A caption is the prompt of a picture of ours, else a sentence on size and colour, as the one text in output.",
    # jobs
    "Answers come at once unless instant_response, [emu:queue] or the queue rule is set; then eta is"
    " steps x pictures x the world's seconds per step (4 s for image editing).",
    "Ids count up from that of the LoRA page's answer, over both hosts together; every fetch finds every"
    " job of its host.",
    "fetch_result of a dedicated server is `/api/v1/enterprise/fetch/<id>`; no page shows a pending answer of one.",
    "[emu:fail] on an answer at once is `Failed, Try Again` and costs nothing; a queued job that fails stays charged.",
    "Results of the shared service are kept for good unless temp or base64 is set; of a dedicated server"
    " without a bucket for 24 hours.",
    "Limits (5 queued requests per account, 30 count requests a minute, the 30 s filter of repeated"
    " requests in v3 to v5) count only queued jobs and only with --limits.",
    "Webhooks of queued jobs go out when the job is over, of others at once, once, and are not repeated;"
    " those of model loads carry status and model_id.",
    # money
    "A picture, an upscale and a caption cost 0.002 USD each (a price of modelslab.com of 2026-06-08,"
    " where other pages say other prices), taken when the job is accepted; on a dedicated server 0.",
    "A private load_model takes a model credit, whose price no page states: it stands in the books with"
    " 0, and every account has enough of them.",
    "Quota in subscribed_products is the balance as a count of pictures.",
    # models
    "A load takes 4 s; meanwhile the model is unknown to generations, `processing` in the lists and not"
    " found by verify_model; loading from an url with `missing-` in it fails (`model_failed`).",
    "Private loads stand in model_list too; only models that were loaded can grow idle (after 7 days) and"
    " need model_reload.",
    "verify_model answers status error and `Model not found on server` for a model that is not there.",
    "The words of model_reload, update_s3 and reset_s3 are ours.",
    "sync_models copies to a second server that is not emulated; loadbalancer is taken and changes nothing.",
    "[emu:ignore_loras] leaves the LoRAs out of the picture and out of the meta.",
    "The links in a webhook call work once the job was asked for again.",
    "All dedicated servers of a host are one server.",
)
