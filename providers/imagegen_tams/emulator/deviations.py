"""Every rule of this emulator that no document of the vendor supports, one sentence each."""

from __future__ import annotations

_SENTENCES = """
  - The only token is emulator-key, and whoever comes in, by token or signature, is one account.
  - Tokens that start with ak_tensor, ak_tusi or missing-, and app ids that start with missing-, get 404 app
    not found.
  - A signature's timestamp may be of any age and its nonce may be used again.
  - Every model id of at least 15 digits exists, may be used by everybody with or without an access key, and
    any kind of model may stand anywhere.
  - A model whose family the emulator does not know is an SD 1 model; 100000000000000001 is SDXL, ...2
    FLUX.1, ...3 HUNYUANVIDEO, ...4 WAN_2_1.
  - The resources of the pages' own examples exist, drawn by the emulator.
  - Template 676018193025756628 has a graph of the emulator's own behind it, priced at the page's one
    credit; there is no other template.
  - The HTTP status of an error is the one that grpc-gateway gives its code.
  - The same requestId with the same path and body answers with the same job as it then stands; with another
    body it is refused with code 6.
  - A workflow or template job may come without requestId, and is then a new job each time.
  - A job waits 0.4 seconds (6 with [emu:queue]) and runs 0.05 seconds per step and picture of the world's
    time; PENDING never occurs.
  - queueRank and queueLen are counted from the time left to wait.
  - A running job shows the progress of its pictures, but no previews.
  - A workflow shows finished nodes for 0.3 seconds before the job's own status is SUCCESS.
  - A canceled job is free while it waits and costs everything once it runs; a finished one cannot be
    canceled (code 9).
  - A prompt marked nsfw ends as FAILED with FATAL_ERROR, as does fail; fail=transitory gives
    TRANSITORY_ERROR.
  - Picture i of a job has the job's seed + i, and a job without a seed draws it from its id.
  - Result links work for 3600 seconds, the pictures as resources for 7 days; a job asked for after that
    hour has fresh links.
  - notifyUrl and runningNotifyUrl are called once, at the job's end, with its id and status.
  - Unknown fields are refused with code 3 in a strict world.
  - Width and height must be multiples of 8 (the documents say 64, and show 960x720) with at most 8294400
    pixels; the error is the documented one.
  - A count below 0 or above 4 is refused as invalid_samples, a seed above 4294967295 and an empty prompt as
    code 3.
  - Any sampler name is accepted, an unknown one with a warning, and without one it is Euler a; steps are 20
    unless said and may be 1 to 1000.
  - An unknown model is refused with code 5, a missing resource with code 3.
  - INPUT_INITIALIZE may be left out; elsewhere than first it is refused, and so is DIFFUSION after another
    stage that makes a picture.
  - Several stages of one type are done in their order.
  - A prompt list is joined by commas, and an item's weight other than 0 and 1 is written as (text:weight).
  - denoisingStrength is 0.75 where a picture is drawn over and nothing is said.
  - scheduleName is the schedule, in ComfyUI's words.
  - Every control net needs its guide image, and control mode, guidance and mask only show in the metadata.
  - IMAGE_TO_INPAINT draws at the size of its diffusion (after a DIFFUSION stage: of what came out of it), picture and
    mask simply resized whatever resizeMode says, in exactly the mask's white pixels; maskBlur, fill and padding only
    show in the metadata.
  - Without DIFFUSION an upscaler starts from the picture's size, and is billed from its own diffusion's.
  - A Latent upscaler works on an uploaded picture too, as the page's example has it against the page's own
    caution.
  - An upscaler needs hrSecondPassSteps, and a size from hrScale is rounded down.
  - The stage type of a video is called VIDEO_DIFFUSION, and IMAGE_TO_ANIMATE_DIFF is refused because no
    payload for it is documented.
  - Videos are animated WebP; animateDiff makes one video of 16 frames at 8 per second unless said, and
    start and end images only guide it.
  - An account opens with 1,000,000 credits; too few are code 9, insufficient credits.
  - A job is charged when it is accepted and a failed one is given back.
  - ADETAILER is billed with the steps of DIFFUSION (the page's rule list), or without DIFFUSION with
    adSteps (the page's notice).
  - FLUX costs twice in every stage, families other than SD, SDXL and FLUX once, and the number of pictures
    multiplies videos too.
  - A workflow costs CEIL(steps / 5) / 5 per sampler node, picture and model factor, without the area.
  - Other sizes than 640x384 of PYRAMID_FLOW_MINIFLUX have the coefficient of 1280x768.
  - Every output node gives its pictures, one per batch item; preview nodes only when nothing is saved.
  - Node classes that the emulator does not know are accepted with a warning and hand on what their first
    link brings.
  - What is wrong with a node, other than a required input, is said in English in the page's form.
  - Fields that a template does not have are ignored with a warning.
  - An upload link works for 3600 seconds unless expireSec says otherwise, wants Content-Type: image/png and
    no Authorization, and takes nothing but pictures.
  - The upload form has the fields of Aliyun's object storage.
  - img2prompt reads the prompt out of a picture of the emulator's, and says little about others.
  - controlnet/detect answers with the module's name and an edge image as a resource.
  - With --limits more than 5 calls in a second are refused with 429 and Retry-After.
"""

DEVIATIONS = tuple(" ".join(sentence.split()) for sentence in _SENTENCES.split("\n  - ")[1:])
